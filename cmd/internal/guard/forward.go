package guard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// The headers by which another proxy says what it asks about. It must set them
// itself, over whatever came from outside, as nginx does when it is told to, and
// Caddy and Traefik by themselves.
const (
	askedMethod = "X-Forwarded-Method"
	askedTarget = "X-Forwarded-Uri"
)

// Another proxy asks at one of these paths, and at no other: what it sends on for us has
// the spelling of outsiders, who could put a question of their own in its headers.
const (
	askedPlainly = "/"
	// askedByCode is where nginx's auth_request asks, which knows a yes, 401 and 403 alone.
	askedByCode = "/auth_request"
	// askedForWords is where nginx asks again, for the answer that a refused client gets.
	askedForWords = "/refused"
)

// refusedKey marks a request that was refused already, where words are asked for.
type refusedKey struct{}

// judged is the request that another proxy asks about. What only we may say, and what
// lets frameworks take another method or path than the one that is judged, cannot be
// taken out here on its way to the service: such a request is refused.
func judged(r *http.Request) (*http.Request, error) {
	ctx := r.Context()
	switch r.URL.Path {
	case askedPlainly, askedByCode:
	case askedForWords:
		ctx = context.WithValue(ctx, refusedKey{}, true)
	default:
		return nil, errors.New("the proxy must ask at " + askedPlainly + ", and nginx at " + askedByCode + " and " + askedForWords)
	}
	methods, targets := r.Header.Values(askedMethod), r.Header.Values(askedTarget)
	if len(methods) != 1 || len(targets) != 1 || methods[0] == "" {
		return nil, errors.New("the proxy must set " + askedMethod + " and " + askedTarget + ", each once")
	}
	for name := range r.Header {
		if reserved(name) {
			return nil, errors.New("the header " + name + " is not for callers to send")
		}
	}
	u, err := url.ParseRequestURI(targets[0])
	if err != nil || !strings.HasPrefix(targets[0], "/") {
		return nil, errors.New(askedTarget + " is no path")
	}
	asked := r.Clone(ctx)
	asked.Method, asked.URL, asked.RequestURI = methods[0], u, targets[0]
	return asked, nil
}

// answer lets a request through, in the words that the service learns who is asking
// by. Each is there, also when it is empty: of one that is not, a proxy may keep what
// came from outside, or hand on the name of its own variable.
func (g *Guard) answer(w http.ResponseWriter, r *http.Request) {
	keepFresh(w.Header(), r.Context())
	if r.Context().Value(refusedKey{}) != nil {
		// The refusal was of the moment. A client would take a yes for the answer of the
		// service, which never got the request.
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "The request did not reach the service. Send it again.")
		return
	}
	for name, value := range g.introduction(r.Context()) {
		w.Header().Set(name, value)
	}
	// These are the cookies that the service may see; the proxy sets them in place of
	// those that came.
	if g.browsers != nil {
		g.browsers.jar.withhold(r.Header)
	}
	w.Header().Set("Cookie", strings.Join(r.Header.Values("Cookie"), "; "))
	w.Header().Set("Cache-Control", "no-store")
}

// plainRefusals says 403 for what is neither 401 nor a fault of ours and, where the
// code alone counts, for everything that is neither a yes nor 401.
type plainRefusals struct {
	http.ResponseWriter
	code bool
}

// WriteHeader implements [http.ResponseWriter].
func (p plainRefusals) WriteHeader(status int) {
	switch status {
	case http.StatusOK, http.StatusUnauthorized:
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
		status = http.StatusForbidden
	default:
		if p.code {
			status = http.StatusForbidden
		}
	}
	p.ResponseWriter.WriteHeader(status)
}
