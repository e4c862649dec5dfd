package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/oidc"
)

// Observation is what can be told of a request. Except for its id, nothing in it grows with
// the number of users or clients, or is of a caller's making.
type Observation struct {
	// RequestID is the one in the log and in the answer.
	RequestID string
	// Pattern is the route as it is listed, as "POST /oauth2/token".
	Pattern string
	// Route is the path's pattern, as "/oauth2/grants/{grant_id}"; "/" for whatever leads nowhere.
	Route string
	// Grant is the grant type, at the token endpoint alone: one of those that there
	// are, or "other".
	Grant string
	// Posted: the method was POST.
	Posted bool
	Status int
	Took   time.Duration
}

// observed stands closest to the routes, where the request knows which it took.
func (s *Server) observed(next http.Handler) http.Handler {
	if s.Observe == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		answer := &recorder{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		o := Observation{RequestID: requestID(r.Context()), Pattern: cmp.Or(r.Pattern, "/"), Route: pathOf(r.Pattern), Posted: r.Method == http.MethodPost, Status: answer.status(), Took: time.Since(begun)}
		if o.Route == oidc.TokenPath {
			o.Grant = "other"
			if named := r.PostForm.Get("grant_type"); slices.Contains(s.provider.GrantTypes(), named) {
				o.Grant = named
			}
		}
		s.Observe(r.Context(), o)
	})
}

// pathOf is the path of a pattern, which may begin with a method.
func pathOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return "/"
}

// LedgerEntries is how many dead ids this replica holds in memory.
func (s *Server) LedgerEntries() int { return s.ledger.Len() }
