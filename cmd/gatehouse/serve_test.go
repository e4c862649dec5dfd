package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestO2_SlowCallers: a thousand callers who never end their headers, send a body that
// never comes, or say nothing at all, keep nobody else waiting, and are cut off: after five
// seconds, and after fifteen where only the body is missing.
func TestO2_SlowCallers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	reads := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			_, _ = io.WriteString(w, "hello")
		}
	})
	go func() { ended <- serveUntil(ctx, l, reads, tlsOff, slog.New(slog.DiscardHandler)) }()
	// late is how long all but one of a hundred requests take at most, each over a connection of its own.
	late := func() time.Duration {
		t.Helper()
		took := make([]time.Duration, 200)
		for i := range took {
			begun := time.Now()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Close = true
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			took[i] = time.Since(begun)
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	alone := late()

	sent := []string{"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx", ""}
	slow := make([]net.Conn, 1000)
	for i := range slow {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, sent[i%len(sent)]); err != nil {
			t.Fatal(err)
		}
		slow[i] = conn
	}
	begun := time.Now()
	// On a machine that others load as well, what it takes alone counts too.
	if took, limit := late(), max(100*time.Millisecond, 5*alone); took > limit {
		t.Errorf("a request beside slow ones took %v, and %v without; want at most %v", took, alone, limit)
	}
	cutOff := func(within time.Duration, kind int) {
		t.Helper()
		for i := kind; i < len(slow); i += len(sent) {
			if err := slow[i].SetReadDeadline(begun.Add(within)); err != nil {
				t.Fatal(err)
			}
			// The server may say 408 before it closes.
			if _, err := io.Copy(io.Discard, slow[i]); isTimeout(err) {
				t.Fatalf("a caller who sent %q was not cut off within %v", sent[kind], within)
			}
		}
	}
	cutOff(10*time.Second, 0)
	cutOff(10*time.Second, 2)
	cutOff(25*time.Second, 1)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("end: %v", err)
	}
}

// TestO2_LargeHeaders: a request's headers may have 32 KiB, and what the server adds to that.
func TestO2_LargeHeaders(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveUntil(ctx, l, http.NotFoundHandler(), tlsOff, slog.New(slog.DiscardHandler)) }()
	for size, want := range map[int]int{30 << 10: http.StatusNotFound, 40 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Large", strings.Repeat("x", size))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("headers of %d bytes: %d, want %d", size, response.StatusCode, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("end: %v", err)
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}
