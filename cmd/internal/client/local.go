package client

import (
	"io"
	"net/http"
	"sync"
)

// inProcess lets a handler answer in this process. The answer is read while the
// handler still writes it, so that a stream takes no memory.
type inProcess struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	reader, writer := io.Pipe()
	w := &answer{header: http.Header{}, body: writer, begun: make(chan struct{})}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	go func() {
		t.handler.ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK)
		_ = writer.Close()
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		_ = reader.CloseWithError(r.Context().Err()) // the handler ends at its next word
		return nil, r.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: reader, ContentLength: -1, Request: r,
	}, nil
}

// answer is what a handler writes to.
type answer struct {
	header, sent http.Header
	body         *io.PipeWriter
	once         sync.Once
	begun        chan struct{}
	status       int
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	})
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush implements [http.Flusher]: what is written is there already.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }
