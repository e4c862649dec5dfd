package guard

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// visit is a browser on a route for browsers. The zero value is one without a session.
type visit struct {
	principal *resource.Principal
	session   session
	// fresh is the cookie that replaces the browser's; nil where that is current.
	fresh *http.Cookie
}

// errForged says that another site made a browser send a request with its session.
var errForged = errors.New("the request comes from another site")

// visit reads the session of a browser. An error that is not [errForged] tells nothing of
// the session, which may have been refreshed all the same.
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
	case now == held:
		return visit{principal: p, session: now}, err
	}
	fresh, unfit := b.jar.sealed(now)
	if err != nil || unfit != nil {
		return visit{fresh: fresh}, cmp.Or(err, unfit)
	}
	return visit{p, now, fresh}, nil
}

type freshKey struct{}

// request is the request as the service gets it, with the token in its header.
func (v visit) request(r *http.Request) *http.Request {
	if v.principal == nil {
		return r
	}
	ctx := resource.WithPrincipal(r.Context(), v.principal)
	if v.fresh != nil {
		ctx = context.WithValue(ctx, freshKey{}, v.fresh.String())
	}
	known := r.Clone(ctx)
	known.Header.Set("Authorization", "Bearer "+v.session.Access)
	return known
}

// keepFresh puts the cookie of a session that was refreshed into the answer to a request. It
// waits for that: an interim answer (RFC 9110 §15.2) would take it along, for nobody to read.
func keepFresh(answer http.Header, ctx context.Context) {
	if fresh, ok := ctx.Value(freshKey{}).(string); ok {
		answer.Add("Set-Cookie", fresh)
		answer.Set("Cache-Control", "no-store")
	}
}
