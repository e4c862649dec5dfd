package api

import (
	"context"
	"net/http"

	"github.com/gatehouse/gatehouse/authz/directory"
)

type hostKey struct{}

// ForHost is the same API for the operator at this machine's own command line, in
// this process: no token is asked for, and everything is done in the name of the
// given host actor. It must never listen.
func (a *API) ForHost(actor directory.Actor) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), hostKey{}, actor)))
	})
}

// host is the actor of a request that came through [API.ForHost]; no request from
// outside this process carries one.
func host(ctx context.Context) (directory.Actor, bool) {
	actor, ok := ctx.Value(hostKey{}).(directory.Actor)
	return actor, ok
}

func isHost(ctx context.Context) bool {
	_, ok := host(ctx)
	return ok
}
