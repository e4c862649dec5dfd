package guard

import (
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

// judged is the request that another proxy asks about. What only we may say, and what
// lets frameworks take another method or path than the one that is judged, cannot be
// taken out here on its way to the service: such a request is refused.
func judged(r *http.Request) (*http.Request, error) {
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
	asked := r.Clone(r.Context())
	asked.Method, asked.URL, asked.RequestURI = methods[0], u, targets[0]
	return asked, nil
}

// answer lets a request through, in the words that the service learns who is asking
// by. Each is there, also when it is empty: of one that is not, a proxy may keep what
// came from outside, or hand on the name of its own variable.
func (g *Guard) answer(w http.ResponseWriter, r *http.Request) {
	for name, value := range g.introduction(r.Context()) {
		w.Header().Set(name, value)
	}
	w.Header().Set("Cache-Control", "no-store")
	keepFresh(w.Header(), r.Context())
}

// askedByCode is where nginx's auth_request asks, which knows a yes, 401 and 403 alone.
// It asks at another path for the answer that a client gets.
const askedByCode = "/auth_request"

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
