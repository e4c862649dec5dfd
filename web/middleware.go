package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// maxForm bounds the body of a form.
const maxForm = 64 << 10

// around is what stands around every request, from the innermost to the outermost.
func (s *Server) around(next http.Handler) http.Handler {
	for _, wrap := range []func(http.Handler) http.Handler{s.refuseBanned, s.secure, s.recovered, s.logged, s.identified, s.gate.around, s.closing} {
		next = wrap(next)
	}
	return next
}

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// identified gives a request its id, its caller's address and the time that it has.
func (s *Server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.Must(uuid.NewRandom()).String()
		w.Header().Set("X-Request-Id", id)
		ctx := context.WithValue(r.Context(), requestIDKey{}, id)
		if !unhurried(r) {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, longest)
			defer cancel()
		} else if ofMany(r) {
			// The server's own limit is for requests that are answered at once.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longestOfMany))
		}
		ctx = browser.WithAddress(ctx, callerAddress(r, s.TrustedProxies))
		if chain := s.clientCertificates(r); chain != nil {
			ctx = oidc.WithCertificates(ctx, chain)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// callerAddress is the peer or, when the peer is a trusted proxy, the right-most
// address of X-Forwarded-For that is not: what stands to the left of it is what a
// caller may have made up.
func callerAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	peer := from.Addr().Unmap().WithZone("")
	if !isTrusted(peer, trusted) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(peer, trusted) {
			return peer
		}
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return peer
		}
		peer = addr.Unmap().WithZone("")
	}
	return peer
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// logged writes one line for each request, when it is over. The query is left
// out: codes and paused requests stand in it.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Log.Enabled(r.Context(), slog.LevelInfo) {
			next.ServeHTTP(w, r)
			return
		}
		begun := time.Now()
		answer := &recorder{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		// Not through the Logger, which looks for the line of code that spoke, always this one.
		ended := time.Now()
		line := slog.NewRecord(ended, slog.LevelInfo, "request", 0)
		line.AddAttrs(
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", answer.status()),
			slog.Duration("took", ended.Sub(begun)), slog.String("address", browser.AddressFrom(r.Context()).String()),
			slog.String("request_id", requestID(r.Context())))
		_ = s.Log.Handler().Handle(r.Context(), line)
	})
}

type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// recovered answers a panic like any other fault.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				s.Log.ErrorContext(r.Context(), "panic", "cause", cause, "stack", string(debug.Stack()), "request_id", requestID(r.Context()))
				s.refuse(w, r, templates.Error{Status: http.StatusInternalServerError})
			}
		}()
		next.ServeHTTP(w, r)
	})
}

type header struct {
	name  string // in the form of [http.CanonicalHeaderKey]
	value []string
}

// ofDocuments is what an answer carries besides that a browser shows or follows.
var ofDocuments = []header{
	{"X-Frame-Options", []string{"DENY"}},
	{"Referrer-Policy", []string{"no-referrer"}},
	{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
}

// secure sets what every answer carries. Pages add their own policy.
func (s *Server) secure(next http.Handler) http.Handler {
	carried := append(slices.Clone(ofDocuments),
		header{"X-Content-Type-Options", []string{"nosniff"}},
		header{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}})
	if s.Issuer.Scheme == "https" {
		carried = append(carried, header{"Strict-Transport-Security", []string{"max-age=63072000; includeSubDomains"}})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, c := range carried {
			h[c.name] = c.value
		}
		next.ServeHTTP(w, r)
	})
}

// refuseBanned turns away who is banned, before anything is computed for them. The last
// list that was read holds while none can be. Before the first the request goes on: what
// needs no database is still answered, and the rest fails by itself, each endpoint in
// its own form.
func (s *Server) refuseBanned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		banned, err := s.Store.Banned(r.Context(), browser.AddressFrom(r.Context()), s.Now())
		if err != nil {
			s.Log.WarnContext(r.Context(), "the list of bans cannot be read", "error", err)
		}
		if banned {
			s.refuse(w, r, templates.Error{Status: http.StatusForbidden, Problem: templates.ProblemBanned})
			return
		}
		next.ServeHTTP(w, r)
	})
}

var (
	anyOrigin = []string{"*"}
	exposed   = []string{"WWW-Authenticate, Retry-After, DPoP-Nonce"}
)

// guarded holds a route to its guard.
func (s *Server) guarded(route route) http.Handler {
	switch route.guard {
	case program:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			dropDocumentHeaders(w.Header())
			route.handler(w, r)
		})
	case shared:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			dropDocumentHeaders(h)
			h["Access-Control-Allow-Origin"] = anyOrigin
			if r.Header["Origin"] != nil {
				h["Access-Control-Expose-Headers"] = exposed
			}
			route.handler(w, r)
		})
	case form:
		return s.onlyOurForms(maxForm, (*http.Request).ParseForm, route.handler)
	case upload:
		return s.onlyOurForms(maxForm+directory.MaxAvatar, func(r *http.Request) error { return r.ParseMultipartForm(maxForm + directory.MaxAvatar) }, route.handler)
	}
	return route.handler
}

// dropDocumentHeaders is for what no browser shows. A map of up to eight headers is small,
// and making a larger one shows in the time that a token takes.
func dropDocumentHeaders(h http.Header) {
	for _, d := range ofDocuments {
		delete(h, d.name)
	}
}

// onlyOurForms refuses a form that another site had the browser post, by what the
// browser says of its origin, and one without the token that our page carried.
func (s *Server) onlyOurForms(most int64, parse func(*http.Request) error, next http.HandlerFunc) http.Handler {
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, templates.Error{Status: http.StatusForbidden, Problem: templates.ProblemBrowser})
	}))
	return foreign.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, most)
		if err := parse(r); err != nil {
			status := http.StatusBadRequest
			if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
				status = http.StatusRequestEntityTooLarge
			}
			s.refuse(w, r, templates.Error{Status: status})
			return
		}
		if !s.ofThisOrigin(r) {
			s.refuse(w, r, templates.Error{Status: http.StatusForbidden, Problem: templates.ProblemBrowser})
			return
		}
		if !s.browsers.Visit(w, r).FormIsOurs() {
			s.refuse(w, r, templates.Error{Status: http.StatusForbidden, Problem: templates.ProblemBrowser})
			return
		}
		next(w, r)
	}))
}

// ofThisOrigin compares the Origin header, scheme and all: a scheme that was
// exchanged on the way is another origin, which [http.CrossOriginProtection] cannot
// see behind a proxy.
//
// Our own pages say no-referrer, so that no code ends in another site's log, and
// for them a browser sends "null" (Fetch §3.2.5). Then its Sec-Fetch-Site must
// vouch, which no page can set.
func (s *Server) ofThisOrigin(r *http.Request) bool {
	switch r.Header.Get("Origin") {
	case "", s.Issuer.Scheme + "://" + s.Issuer.Host:
		return true
	case "null":
		return r.Header.Get("Sec-Fetch-Site") == "same-origin"
	}
	return false
}
