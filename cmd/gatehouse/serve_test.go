package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestO2_SlowHeaders: a caller who never ends their headers is cut off after five
// seconds, and two hundred of them keep nobody else waiting.
func TestO2_SlowHeaders(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	go func() { ended <- serveUntil(ctx, l, hello, tlsOff, slog.New(slog.DiscardHandler)) }()

	slow := make([]net.Conn, 200)
	for i := range slow {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		slow[i] = conn
	}
	begun := time.Now()
	response, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("a request beside slow ones took %v", took)
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(begun.Add(15 * time.Second)); err != nil {
			t.Fatal(err)
		}
		// The server may say 408 before it closes.
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Fatal("a slow caller was not cut off")
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
