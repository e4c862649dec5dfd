package web

import (
	"errors"
	"io"
	"net/http"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
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
	// longestOfMany is how long the answer to an operation on many users is waited for.
	longestOfMany = 10 * time.Minute
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
		p := &place{ResponseWriter: w, gate: g, path: r.URL.Path, body: r.Body}
		// A copy: the server looks at the body of its own when it answers.
		r = r.WithContext(authn.WithPlace(r.Context(), p))
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = p
		}
		next.ServeHTTP(p, r)
	})
}

// passesBy is what needs no place inside: it is asked when there is trouble, and costs nothing.
func passesBy(path string) bool { return path == "/healthz" || path == "/readyz" }

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

// unhurried is what may take long: what is held back until there is news, a body that is
// large, or of unknown size, and the operations on many users.
func unhurried(r *http.Request) bool {
	return passesBy(r.URL.Path) || r.URL.Path == oidc.RevocationsPath || r.ContentLength < 0 || r.ContentLength > maxForm || ofMany(r)
}

// narrowing is what changes the rights of everybody in something, however many they are.
var narrowing = []string{"PUT /roles/*/scopes", "PUT /groups/*/scopes", "DELETE /groups/*", "DELETE /projects/*", "DELETE /tenants/*"}

// ofMany is the operations on many users.
func ofMany(r *http.Request) bool {
	operation, ok := strings.CutPrefix(r.URL.EscapedPath(), api.Prefix)
	return ok && (strings.HasPrefix(operation, "/users:") || slices.ContainsFunc(narrowing, func(pattern string) bool {
		matches, _ := path.Match(pattern, r.Method+" "+operation)
		return matches
	}))
}

// place is what a request has inside: its writer and its body. While the caller may keep one
// of them waiting the request leaves the gate, so that slow callers do not use up the places.
// Besides reading what a handler asks for, the server reads in a write what no handler has read.
type place struct {
	http.ResponseWriter
	body io.ReadCloser
	gate *gate
	path string
	// begun: something was answered already. refused: nobody hears the handler any more.
	begun, refused bool
}

// Leave implements [authn.Place].
func (p *place) Leave() { p.gate.inside.Add(-1) }

// Return implements [authn.Place]. Whoever was let in gets in again.
func (p *place) Return() { p.gate.inside.Add(1) }

// Read finds the gate shut where as many again have come back as there is room for: callers
// could else wait outside in any number, and send what they held back at once.
func (p *place) Read(b []byte) (int, error) {
	p.Leave()
	n, err := p.body.Read(b)
	if p.gate.inside.Add(1) <= 2*p.gate.most {
		return n, err
	}
	if !p.refused {
		p.refused = true
		p.gate.refused.Add(1)
		if !p.begun {
			turnAway(p.ResponseWriter, p.path)
		}
	}
	return 0, errors.New("too many requests wait inside")
}

// Close implements [io.Closer]. The server reads a body to its end to close it.
func (p *place) Close() error {
	p.Leave()
	defer p.Return()
	return p.body.Close()
}

// WriteHeader implements [http.ResponseWriter].
func (p *place) WriteHeader(code int) {
	if p.refused {
		return
	}
	p.begun = true
	p.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (p *place) Write(b []byte) (int, error) {
	if p.refused {
		return len(b), nil
	}
	p.begun = true
	p.Leave()
	defer p.Return()
	return p.ResponseWriter.Write(b)
}

// FlushError is what [http.ResponseController] calls.
func (p *place) FlushError() error {
	p.Leave()
	defer p.Return()
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] reach the connection.
func (p *place) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Refused is how many requests were turned away because there were too many.
func (s *Server) Refused() int64 { return s.gate.refused.Load() }
