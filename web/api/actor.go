package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/web/browser"
)

// actor is who holds the token, with its scopes told apart by how far they reach: in
// the whole deployment a person's by their role, and a client's own if it belongs to no
// tenant; any other in the tenant of the token alone, for that is where groups, extra
// grants and a tenant's clients count.
func (a *API) actor(ctx context.Context) (directory.Actor, error) {
	if actor, ok := host(ctx); ok {
		return actor, nil
	}
	p := resource.PrincipalFrom(ctx)
	actor := directory.Actor{Name: string(p.ClientID), IPAddress: browser.AddressFrom(ctx)}
	if p.IsClient() {
		if p.Tenant.IsZero() {
			actor.Scopes = p.Scopes
		} else {
			actor.Tenant, actor.TenantScopes = p.Tenant, p.Scopes
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
	actor.Name, actor.User, actor.Tenant = p.Username, id, p.Tenant
	for _, scope := range p.Scopes {
		if slices.ContainsFunc(p.Roles, func(role string) bool { return authz.AnyMatches(catalogue.Roles[authz.Role(role)].Scopes, scope) }) {
			actor.Scopes = actor.Scopes.With(scope)
		} else {
			actor.TenantScopes = actor.TenantScopes.With(scope)
		}
	}
	return actor, nil
}
