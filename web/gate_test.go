package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
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
	h := g.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		_, err := io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
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
	told := map[int]int{}
	for i, body := range bodies {
		_ = body.Close()
		<-entered
		if i >= 2 { // as many again as there is room for have come back
			told[<-answered]++
		}
	}
	close(hold)
	for range 4 {
		told[<-answered]++
	}
	if told[http.StatusOK] != 4 || told[http.StatusServiceUnavailable] != 2 {
		t.Errorf("let in, and answered: %v", told)
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

// TestGate_SlowCallers: whoever does not send its body, or does not read its answer, takes
// no place, wherever the server waits for it.
func TestGate_SlowCallers(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("x"), 64<<20) // more than any socket holds
	writing := make(chan struct{}, 1)
	for name, c := range map[string]struct {
		request string
		answer  func(http.ResponseWriter, *http.Request)
	}{
		"a body that nobody reads": {"GET /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(large[:8<<10])
		}},
		"a body that is flushed over": {"GET /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
		}},
		"a body that is closed": {"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", func(_ http.ResponseWriter, r *http.Request) {
			_ = r.Body.Close()
		}},
		"a body that is read": {"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
		}},
		"an answer that is not read": {"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(large)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			g := &gate{most: 1}
			s := httptest.NewServer(g.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					defer close(over)
					writing <- struct{}{}
					c.answer(w, r)
				}
			})))
			t.Cleanup(s.Close)
			conn := send(t, s, c.request)
			<-writing
			soonInside(t, g, 0)
			if r, err := http.Get(s.URL); err != nil || r.StatusCode != http.StatusOK {
				t.Errorf("beside a slow caller: %v, %v", r, err)
			}
			select {
			case <-over:
				t.Error("nobody kept the server waiting: this test shows nothing")
			default:
			}
			_ = conn.Close()
			<-over
			soonInside(t, g, 0)
		})
	}
}

// TestGate_ExpectContinue: who waits to be asked for its body is answered without it.
func TestGate_ExpectContinue(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer((&gate{most: 1}).around(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 8<<10))
	})))
	t.Cleanup(s.Close)
	conn := send(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", r, err)
	}
	_ = conn.Close()
}

// TestGate_BodiesAtOnce: who waits outside for as long as it sends nothing cannot fill the
// house by sending everything at once.
func TestGate_BodiesAtOnce(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	g := &gate{most: 2}
	s := httptest.NewServer(g.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		<-hold
	})))
	t.Cleanup(s.Close)
	conns := make([]net.Conn, 20)
	for i := range conns {
		conns[i] = send(t, s, "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
		soonInside(t, g, 0)
	}
	told := make(chan *http.Response, len(conns))
	for _, conn := range conns {
		_, _ = conn.Write([]byte("x"))
		go func() {
			r, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Error(err)
			}
			told <- r
		}()
	}
	for i := range conns {
		if i == len(conns)-4 {
			close(hold) // these got in
		}
		r := <-told
		if r == nil {
			continue
		}
		body, _ := io.ReadAll(r.Body)
		if want := http.StatusServiceUnavailable; i < len(conns)-4 && (r.StatusCode != want || r.Header.Get("Retry-After") == "" || !json.Valid(body)) {
			t.Errorf("answer %d: %d, %v, %s", i, r.StatusCode, r.Header, body)
		}
		if i >= len(conns)-4 && r.StatusCode != http.StatusOK {
			t.Errorf("let in, and answered %d", r.StatusCode)
		}
	}
	soonInside(t, g, 0)
}

// send sends a request as it is written.
func send(t *testing.T, s *httptest.Server, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func soonInside(t *testing.T, g *gate, want int64) {
	t.Helper()
	for begun := time.Now(); g.inside.Load() != want; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("%d are inside, want %d", g.inside.Load(), want)
		}
	}
}

// TestGate_Longest: no request waits for longer than its time, save those on many rows.
func TestGate_Longest(t *testing.T) {
	t.Parallel()
	for request, bounded := range map[string]bool{
		"POST /oauth2/token": true, "POST /account": true, "POST /login": true, "POST /api/v1/users": true, "GET /oauth2/revocations": false, "POST /oauth2/revocations": false,
		"GET /api/v1/users:export": false, "PUT /api/v1/roles/user/scopes": false, "PUT /api/v1/groups/all%2Fof%20us/scopes": false, "DELETE /api/v1/groups/all": false,
		"DELETE /api/v1/projects/one": false, "DELETE /api/v1/tenants/acme": false,
		"GET /api/v1/roles/user/scopes": true, "PATCH /api/v1/groups/all": true, "DELETE /api/v1/groups/all/members/ann": true, "DELETE /api/v1/tenants/acme/logo": true,
		"DELETE /api/v1/users/ann": true, "PUT /oauth2/roles/user/scopes": true,
	} {
		method, path, _ := strings.Cut(request, " ")
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			(&Server{}).identified(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
				case <-time.After(time.Minute):
				}
			})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, strings.NewReader("")))
			if took := time.Since(begun); bounded != (took == longest) {
				t.Errorf("%s: %v", request, took)
			}
		})
	}
}

// TestGate_LateAnswers: the server's limit for writing does not cut off who narrows the rights
// of many, and does cut off everybody else.
func TestGate_LateAnswers(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(newGate().around((&Server{}).identified(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, "done")
	}))))
	s.Config.WriteTimeout = 100 * time.Millisecond
	s.Start()
	defer s.Close()
	for path, answered := range map[string]bool{"/api/v1/roles/user/scopes": true, "/api/v1/scopes/user": false} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if answered != (err == nil) {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			_ = answer.Body.Close()
		}
	}
}

// TestGate_TurnsAway: each kind of caller is told in its own form to come again.
func TestGate_TurnsAway(t *testing.T) {
	t.Parallel()
	shut := (&gate{most: 0}).around(http.NotFoundHandler())
	for path, want := range map[string][2]string{
		"/oauth2/token":       {"application/json;charset=UTF-8", `"error":"temporarily_unavailable"`},
		"/oauth2/revocations": {"application/json;charset=UTF-8", `"error":"temporarily_unavailable"`},
		"/login":              {"text/plain; charset=utf-8", "Try again shortly."},
		"/oauth2/userinfo":    {"application/json;charset=UTF-8", `"error":"temporarily_unavailable"`},
		"/api/v1/users":       {"application/problem+json", `"status":503`},
		"/oauth2/authorize":   {"text/plain; charset=utf-8", "Try again shortly."},
		"/account":            {"text/plain; charset=utf-8", "Try again shortly."},
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
