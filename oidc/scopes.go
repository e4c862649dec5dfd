package oidc

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// derive asks authz for what a person may be granted at this moment.
func (p *Provider) derive(ctx context.Context, requested authz.ScopeSet, c storage.Client, person *storage.Person, in authz.Context) (authz.Decision, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return authz.Decision{}, err
	}
	q := authz.Request{Requested: requested, Client: c.Scopes, Context: in, Registry: catalogue.Rules()}
	if person != nil {
		q.User = &person.Rights
	}
	if c.Kind == storage.ClientAgent {
		owner, err := p.Store.ForUser(c.Owner).Person(ctx)
		if err != nil {
			return authz.Decision{}, err
		}
		q.AgentOwner = &owner.Rights
		if !owner.DisabledAt.IsZero() {
			q.AgentOwner = &authz.Rights{}
		}
	}
	return authz.Derive(q), nil
}

// currentScopes is what is left of a grant: the scopes that were granted and that
// the person and the client may still have. It never adds one.
func (p *Provider) currentScopes(ctx context.Context, c storage.Client, g *postgres.Granted) (authz.ScopeSet, error) {
	d, err := p.derive(ctx, g.Grant.Scopes, c, &g.Person, authz.Context{
		Tenant: g.Grant.Tenant, Project: g.Grant.Project, ACR: g.Grant.ACR,
	})
	return d.Granted, err
}

// audience is for whom a token with these scopes is made: the resources that own
// one of the scopes and, for its userinfo endpoint, Gatehouse itself. RFC 9068 §3:
// without a resource parameter the audience follows from the scopes.
func (p *Provider) audience(ctx context.Context, tenant authz.TenantID, scopes authz.ScopeSet) ([]string, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	var audience []string
	for identifier, r := range catalogue.Resources {
		if (r.Tenant.IsZero() || r.Tenant == tenant) && len(scopes.Intersect(r.Scopes)) > 0 {
			audience = append(audience, identifier)
		}
	}
	slices.Sort(audience)
	if len(audience) == 0 || scopes.Has(authz.ScopeOpenID) {
		audience = append(audience, p.Issuer)
	}
	return audience, nil
}
