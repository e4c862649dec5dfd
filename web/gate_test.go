package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestGate: one request more than there is room for is told to come again, whoever
// waits for a body takes no room, and liveness needs none.
func TestGate(t *testing.T) {
	t.Parallel()
	g := &gate{most: 2}
	hold, entered := make(chan struct{}), make(chan struct{})
	h := g.around(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		<-hold
	}))
	serve := func(method, path string, body io.Reader) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, body))
		return w
	}
	answered := make(chan int, 6)
	var bodies []*io.PipeWriter
	for range 4 { // callers who say that there is a body, and send none yet
		body, sent := io.Pipe()
		reading := make(chan struct{})
		go func() { answered <- serve("POST", "/oauth2/token", &awaited{body, reading}).Code }()
		<-reading
		bodies = append(bodies, sent)
	}
	for g.inside.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
	for range 2 {
		go func() { answered <- serve("GET", "/account", nil).Code }()
		<-entered
	}
	if w := serve("GET", "/account", nil); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || g.refused.Load() != 1 {
		t.Errorf("the third: %d, Retry-After %q, %d refused", w.Code, w.Header().Get("Retry-After"), g.refused.Load())
	}
	if w := serve("GET", "/healthz", nil); w.Code != http.StatusOK {
		t.Errorf("liveness: %d", w.Code)
	}
	for _, body := range bodies { // they were let in already
		_ = body.Close()
		<-entered
	}
	close(hold)
	for range cap(answered) {
		if code := <-answered; code != http.StatusOK {
			t.Errorf("let in, and answered %d", code)
		}
	}
	if g.inside.Load() != 0 {
		t.Errorf("%d are still inside", g.inside.Load())
	}
}

// awaited says when somebody begins to read it.
type awaited struct {
	io.Reader
	reading chan struct{}
}

func (a *awaited) Read(p []byte) (int, error) {
	if a.reading != nil {
		close(a.reading)
		a.reading = nil
	}
	return a.Reader.Read(p)
}

// TestGate_Longest: no request waits for longer than its time, save those on many rows.
func TestGate_Longest(t *testing.T) {
	t.Parallel()
	for path, bounded := range map[string]bool{"/oauth2/token": true, "/account": true, "/api/v1/users": true, "/api/v1/users:export": false, "/oauth2/revocations": false} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			(&Server{}).identified(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
				case <-time.After(time.Minute):
				}
			})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", path, strings.NewReader("")))
			if took := time.Since(begun); bounded != (took == longest) {
				t.Errorf("%s: %v", path, took)
			}
		})
	}
}

// TestGate_TurnsAway: each kind of caller is told in its own form to come again.
func TestGate_TurnsAway(t *testing.T) {
	t.Parallel()
	shut := (&gate{most: 0}).around(http.NotFoundHandler())
	for path, want := range map[string][2]string{
		"/oauth2/token":     {"application/json;charset=UTF-8", `"error":"temporarily_unavailable"`},
		"/oauth2/userinfo":  {"application/json;charset=UTF-8", `"error":"temporarily_unavailable"`},
		"/api/v1/users":     {"application/problem+json", `"status":503`},
		"/oauth2/authorize": {"text/plain; charset=utf-8", "Try again shortly."},
		"/account":          {"text/plain; charset=utf-8", "Try again shortly."},
	} {
		w := httptest.NewRecorder()
		shut.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if h := w.Header(); w.Code != http.StatusServiceUnavailable || h.Get("Retry-After") != "1" || h.Get("Content-Type") != want[0] || !strings.Contains(w.Body.String(), want[1]) {
			t.Errorf("%s: %d, %v, %s", path, w.Code, h, w.Body)
		}
		if strings.Contains(want[0], "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}
