package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestGuard_FileOfRoutes(t *testing.T) {
	h := newHost(t)
	h.fails(exitUsage, `required flag(s) "config" not set`, "guard")
	h.fails(exitFailure, "open routes", "guard", "--config", "/nonexistent")
	file := filepath.Join(t.TempDir(), "routes.yaml")
	const good = "upstream: http://localhost:3000\nissuer: https://id.example\naudience: https://api.example\nroutes: [{path: /, security: [{}]}]\n"
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"upstraem: http://localhost:3000":                             file + ": line 1: the key upstraem is not known here",
		"upstream: http://localhost:3000":                             file + ": line 1: routes: there are none",
		good + "client: {id: x, secret_file: /nonexistent}":           "read client secret",
		good + "check: signature\nassertion: {key_files: [/nowhere]}": "read assertion key",
	} {
		write(text)
		h.fails(exitFailure, want, "guard", "--config", file)
		h.fails(exitFailure, want, "guard", "--config", file, "--check")
	}
	// What every command understands, this one does too.
	h.fails(exitFailure, "log", "guard", "--config", file, "--log-level", "nonsense")
	// The issuer, which is not there, is not asked.
	write(good + "check: signature\n")
	if out := h.must("guard", "--config", file, "--check"); !strings.Contains(out, "good") {
		t.Error(out)
	}
}

// It guards, tells its operators how it is, and lets the last request finish before it
// ends.
func TestGuard_RunsAndEnds(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Machine("agents-guard", func(c *storage.Client) { c.Introspect = true })
	arrived := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			time.Sleep(300 * time.Millisecond)
		}
		fmt.Fprint(w, "served")
	}))
	t.Cleanup(service.Close)
	directory, listen, operators := t.TempDir(), webtest.FreeAddress(t), webtest.FreeAddress(t)
	file := filepath.Join(directory, "routes.yaml")
	text := fmt.Sprintf("listen: %s\nadmin_listen: %s\nupstream: %s\nissuer: %s\naudience: %s\nclient: {id: agents-guard, secret_file: %s/secret}\nroutes: [{prefix: /, security: [{}]}]\n",
		listen, operators, service.URL, h.URL, h.URL, directory)
	for name, text := range map[string]string{file: text, directory + "/secret": webtest.ClientSecret} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	errs := new(screen)
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"guard", "--config", file}, &invocation{in: strings.NewReader(""), out: io.Discard, errs: errs, now: time.Now, format: output.Table})
	}()
	read := func(address string) (int, string) {
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
			r, err := http.Get("http://" + address)
			if err == nil {
				body, _ := io.ReadAll(r.Body)
				_ = r.Body.Close()
				return r.StatusCode, string(body)
			}
		}
		return 0, "nobody answers"
	}
	for address, want := range map[string]string{
		listen + "/": "served", operators + "/healthz": "ok", operators + "/readyz": "ok", operators + "/metrics": "gatehouse_guard_feed_silence_seconds",
	} {
		if status, body := read(address); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", address, status, body)
		}
	}
	if _, body := read(operators + "/metrics"); !strings.Contains(body, `gatehouse_guard_request_duration_seconds_count{status="200"}`) {
		t.Error("requests are not counted")
	}
	if status, _ := read(listen + "/metrics"); status != http.StatusOK { // the service's own
		t.Errorf("/metrics of the service: %d", status)
	}
	slow := make(chan string, 1)
	go func() {
		_, body := read(listen + "/slow")
		slow <- body
	}()
	<-arrived
	stop()
	if body := <-slow; body != "served" {
		t.Errorf("the last request: %q", body)
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d\n%s", code, errs.String())
	}
}
