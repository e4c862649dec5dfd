package api

import (
	"context"
	"fmt"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/web/browser"
)

// actor is who holds the token, with those of its scopes that count in the whole
// deployment, which is what the directory is about: a person's by their role, for
// groups and extra grants count in one tenant; a client's own if it belongs to no
// tenant.
func (a *API) actor(ctx context.Context) (directory.Actor, error) {
	if actor, ok := host(ctx); ok {
		return actor, nil
	}
	p := resource.PrincipalFrom(ctx)
	actor := directory.Actor{Name: string(p.ClientID), IPAddress: browser.AddressFrom(ctx)}
	if p.IsClient() {
		if p.Tenant.IsZero() {
			actor.Scopes = p.Scopes
		}
		return actor, nil
	}
	id, err := authz.ParseID[authz.UserID](p.Subject)
	if err != nil {
		return actor, fmt.Errorf("subject of an access token: %w", err)
	}
	catalogue, err := a.Store.Catalogue(ctx)
	if err != nil {
		return actor, err
	}
	actor.Name, actor.User = p.Username, id
	for _, role := range p.Roles {
		for _, scope := range p.Scopes {
			if authz.AnyMatches(catalogue.Roles[authz.Role(role)].Scopes, scope) {
				actor.Scopes = actor.Scopes.With(scope)
			}
		}
	}
	return actor, nil
}
