package guard

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// visit is a browser on a route for browsers. The zero value is one without a session.
type visit struct {
	principal *resource.Principal
	session   session
	refreshed bool
}

// errForged says that another site made a browser send a request with its session.
var errForged = errors.New("the request comes from another site")

// visit reads the session of a browser, and keeps the browser's cookie current. An
// error that is not [errForged] tells nothing of the session.
func (b *browsers) visit(w http.ResponseWriter, r *http.Request) (visit, error) {
	held, present := b.jar.session(r)
	if !present {
		return visit{}, nil
	}
	if !fromHere(r, b.base) {
		return visit{}, errForged
	}
	p, now, err := b.prove(r.Context(), held)
	switch {
	case errors.Is(err, errEnded):
		b.jar.forget(w, sessionCookie, hintCookie)
		return visit{}, nil
	case err != nil:
		return visit{}, err
	case now == held:
		return visit{principal: p, session: now}, nil
	}
	return visit{p, now, true}, b.jar.keepSession(w, now)
}

type refreshedKey struct{}

// request is the request as the service gets it, with the token in its header.
func (v visit) request(r *http.Request) *http.Request {
	if v.principal == nil {
		return r
	}
	ctx := resource.WithPrincipal(r.Context(), v.principal)
	if v.refreshed {
		ctx = context.WithValue(ctx, refreshedKey{}, true)
	}
	known := r.Clone(ctx)
	known.Header.Set("Authorization", "Bearer "+v.session.Access)
	return known
}

// refreshedIn reports whether the answer to a request carries a session.
func refreshedIn(ctx context.Context) bool { return ctx.Value(refreshedKey{}) != nil }
