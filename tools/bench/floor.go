package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse/gatehouse/tools/processor"
)

// floors is what nothing can be cheaper than, in milliseconds of CPU. Two processors
// of one core slow each other down, so that what requests are held against is measured while
// all of them work, as they do for requests; a signature alone is the unit to compare
// machines by.
type floors struct{ alone, signature, check, commit, exchange float64 }

// mean is what several measurements of the same come to.
func mean(of []floors) (m floors) {
	for _, f := range of {
		m.alone, m.signature, m.check, m.commit, m.exchange = m.alone+f.alone, m.signature+f.signature, m.check+f.check, m.commit+f.commit, m.exchange+f.exchange
	}
	n := float64(len(of))
	return floors{m.alone / n, m.signature / n, m.check / n, m.commit / n, m.exchange / n}
}

// measureFloors is taken before and after each request, which is held against both.
func measureFloors(ctx context.Context, h *house, length time.Duration) (f floors, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return f, err
	}
	digest := sha256.Sum256(nil)
	signed, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return f, err
	}
	// As tokens are signed (RFC 6979), and cheaper than with a random nonce.
	sign := func() error { _, err := key.Sign(nil, digest[:], crypto.SHA256); return err }
	check := func() error {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signed) {
			return errors.New("a signature of ours does not fit")
		}
		return nil
	}
	for _, m := range []struct {
		into *float64
		work []func() error
	}{
		{&f.alone, []func() error{sign}},
		{&f.signature, slices.Repeat([]func() error{sign}, runtime.NumCPU())},
		{&f.check, slices.Repeat([]func() error{check}, runtime.NumCPU())},
	} {
		if *m.into, err = own(m.work, length/4); err != nil {
			return f, err
		}
	}
	if f.commit, err = h.commits(ctx, length); err != nil {
		return f, err
	}
	f.exchange, err = exchanges(ctx, length)
	return f, err
}

// own is what work takes of our own CPU time, each time.
func own(work []func() error, length time.Duration) (float64, error) {
	before, err := processor.Time(os.Getpid(), false)
	if err != nil {
		return 0, err
	}
	took, err := repeat(work, length)
	if err != nil {
		return 0, err
	}
	after, err := processor.Time(os.Getpid(), false)
	return milliseconds(after-before) / float64(len(took)), err
}

// commits inserts single rows over as many connections as requests have.
func (h *house) commits(ctx context.Context, length time.Duration) (float64, error) {
	for _, statement := range []string{"drop table if exists public.bench", "create table public.bench (id bigserial primary key, what text)"} {
		if _, err := h.query(ctx, statement); err != nil {
			return 0, err
		}
	}
	script := filepath.Join(h.dir, "insert.sql")
	if err := os.WriteFile(script, []byte("insert into public.bench (what) values ('x');\n"), 0o600); err != nil {
		return 0, err
	}
	before, err := processor.Time(h.database, true)
	if err != nil {
		return 0, err
	}
	seconds := strconv.Itoa(max(1, int(length.Seconds())))
	out, err := exec.CommandContext(ctx, filepath.Join(filepath.Dir(h.psql), "pgbench"), "-n", "-M", "prepared",
		"-c", strconv.Itoa(connections), "-T", seconds, "-f", script, h.dsn).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	after, err := processor.Time(h.database, true)
	if err != nil {
		return 0, err
	}
	row, err := h.query(ctx, "select count(*) from public.bench")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(row[0], 64)
	return milliseconds(after-before) / n, err
}

// exchanges posts a small form to a server that does nothing, in a process of its own.
func exchanges(ctx context.Context, length time.Duration) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, "-idle-server")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var address string
	if _, err := fmt.Fscan(out, &address); err != nil {
		return 0, err
	}
	requests := make([]func() error, connections)
	for n := range requests {
		w, err := dial(ctx, &url.URL{Scheme: "http", Host: address})
		if err != nil {
			return 0, err
		}
		defer func() { _ = w.conn.Close() }()
		requests[n] = func() error {
			_, err := w.post("/", &client{"client", "secret"}, url.Values{"grant_type": {"client_credentials"}})
			return err
		}
	}
	before, err := processor.Time(cmd.Process.Pid, false)
	if err != nil {
		return 0, err
	}
	took, err := repeat(requests, length)
	if err != nil {
		return 0, err
	}
	after, err := processor.Time(cmd.Process.Pid, false)
	return milliseconds(after-before) / float64(len(took)), err
}

// serveNothing reads forms and answers with an empty document.
func serveNothing() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	}))
}
