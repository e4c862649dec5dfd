package web

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/web/api"
)

const (
	// perProcessor is how many requests one processor may have before it. Further ones
	// would wait for so long that their callers give up, and the work on them be lost. With
	// far fewer this process has nothing to do while the database works: each request that
	// is turned away then wakes it alone, which costs twice as much as refusing many in a row.
	perProcessor = 192
	// longest is how long a request may take, whatever it waits for: its caller then
	// gets 503, before most give up by themselves.
	longest = 7 * time.Second
)

// gate lets in as many requests as can be answered in time, and tells the others to
// come again, before anything is computed for them.
type gate struct {
	most    int64
	inside  atomic.Int64
	refused atomic.Int64
}

func newGate() *gate { return &gate{most: int64(perProcessor * runtime.GOMAXPROCS(0))} }

func (g *gate) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if passesBy(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if g.inside.Add(1) > g.most {
			g.inside.Add(-1)
			g.refused.Add(1)
			turnAway(w, r.URL.Path)
			return
		}
		defer g.inside.Add(-1)
		if r.Body != http.NoBody {
			r.Body = &arriving{r.Body, g}
		}
		next.ServeHTTP(w, r)
	})
}

// passesBy is what needs no place inside.
func passesBy(path string) bool {
	switch path {
	case "/healthz", "/readyz", oidc.RevocationsPath, // asked when there is trouble, or waiting for news
		oidc.SignInPath: // waiting for its turn to hash a password: a queue with a bound of its own
		return true
	}
	return false
}

// tooMuch is what those are told who are turned away.
const tooMuch = "The server has more to do than it can. Try again shortly."

// turnAway answers in the form of the errors at an address. The texts stand here as they
// are sent: an answer that costs nothing is all there is room for.
func turnAway(w http.ResponseWriter, path string) {
	mediaType, text := "text/plain; charset=utf-8", tooMuch+"\n"
	switch {
	case strings.HasPrefix(path, api.Prefix+"/"):
		mediaType, text = "application/problem+json", `{"title":"Service Unavailable","status":503,"detail":"`+tooMuch+`"}`
	case path == oidc.AuthorizePath, path == oidc.EndSessionPath: // people come by these
	case strings.HasPrefix(path, "/oauth2/"):
		mediaType, text = "application/json;charset=UTF-8", `{"error":"temporarily_unavailable","error_description":"`+tooMuch+`"}`
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Retry-After", "1")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	// Scripts of any origin ask some of these endpoints, and are to know when to come again.
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Retry-After")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, text)
}

// unhurried is what may take long: what waits outside the gate, a body that is large, or of
// unknown size, and the operations on many users.
func unhurried(r *http.Request) bool {
	return passesBy(r.URL.Path) || r.ContentLength < 0 || r.ContentLength > maxForm || strings.HasPrefix(r.URL.Path, api.Prefix+"/users:")
}

// arriving is a request body. While it waits for bytes its request leaves the gate, so that
// slow callers do not use up the places.
type arriving struct {
	io.ReadCloser
	gate *gate
}

func (a *arriving) Read(p []byte) (int, error) {
	a.gate.inside.Add(-1)
	defer a.gate.inside.Add(1)
	return a.ReadCloser.Read(p)
}

// Refused is how many requests were turned away because there were too many.
func (s *Server) Refused() int64 { return s.gate.refused.Load() }
