package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// host is a machine with settings of its own, on which commands are called.
type host struct {
	t       *testing.T
	environ []string
	in      string
}

// newHost has an empty data directory that the account of PostgreSQL can reach.
func newHost(t *testing.T, environ ...string) *host {
	t.Helper()
	dir := storagetest.DataDir(t)
	return &host{t: t, environ: append(environ, "GATEHOUSE_DATA_DIR="+dir, "HOME="+dir, "PATH="+os.Getenv("PATH"))}
}

// given is the host with something on standard input.
func (h *host) given(in string) *host { return &host{h.t, h.environ, in} }

// screen is what a server says: its start and its log speak at the same time.
type screen struct {
	// ready is called when the server says that it is; nil where nobody waits for it.
	ready func()
	mu    sync.Mutex
	text  strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready != nil && bytes.Contains(p, []byte("Gatehouse is ready")) {
		s.ready()
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

type result struct {
	code      int
	out, errs string
}

func (h *host) call(args ...string) result {
	h.t.Helper()
	var out, errs bytes.Buffer
	code := run(context.Background(), args, &invocation{
		in: strings.NewReader(h.in), out: &out, errs: &errs, environ: h.environ, now: time.Now, format: output.Table,
	})
	return result{code, out.String(), errs.String()}
}

// must is a call that has to succeed; it returns what it printed.
func (h *host) must(args ...string) string {
	h.t.Helper()
	r := h.call(args...)
	if r.code != exitOK {
		h.t.Fatalf("gatehouse %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.errs)
	}
	return r.out
}

// document is a call whose answer is JSON.
func (h *host) document(args ...string) map[string]any {
	h.t.Helper()
	out := h.must(append(args, "--output", "json")...)
	var d map[string]any
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		h.t.Fatalf("gatehouse %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return d
}

// fails is a call that has to fail with an exit code and a text.
func (h *host) fails(code int, text string, args ...string) {
	h.t.Helper()
	r := h.call(args...)
	if r.code != code || !strings.Contains(r.errs, text) {
		h.t.Errorf("gatehouse %s: exit %d, want %d and %q\n%s", strings.Join(args, " "), r.code, code, text, r.errs)
	}
	if r.out != "" {
		h.t.Errorf("gatehouse %s: an error, and yet the answer %q", strings.Join(args, " "), r.out)
	}
}

// following is a call that goes on until ctx ends: what it printed next, where it has
// within half a second, and its exit code.
func (h *host) following(ctx context.Context, args ...string) (next func() (string, bool), ended <-chan int) {
	out, print := io.Pipe()
	lines, code := make(chan string, 100), make(chan int, 1)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	go func() {
		code <- run(ctx, args, &invocation{in: strings.NewReader(""), out: print, errs: io.Discard, environ: h.environ, now: time.Now, format: output.Table})
		_ = print.Close()
	}()
	return func() (string, bool) {
		select {
		case line, ok := <-lines:
			return line, ok
		case <-time.After(500 * time.Millisecond):
			return "", false
		}
	}, code
}
