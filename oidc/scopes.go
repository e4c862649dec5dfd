package oidc

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// derive asks authz for what a person may be granted at this moment, in a token for
// these resources (nil: for any).
func (p *Provider) derive(ctx context.Context, requested authz.ScopeSet, c storage.Client, person *storage.Person, in authz.Context, targets []string) (authz.Decision, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return authz.Decision{}, err
	}
	q := authz.Request{Requested: requested, Client: c.Scopes, Context: in, Registry: catalogue.Rules(), Elsewhere: elsewhereOwned(catalogue, targets)}
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
func (p *Provider) currentScopes(ctx context.Context, c storage.Client, g *postgres.Granted, targets []string) (authz.ScopeSet, error) {
	d, err := p.derive(ctx, g.Grant.Scopes, c, &g.Person, authz.Context{
		Tenant: g.Grant.Tenant, Project: g.Grant.Project, ACR: g.Grant.ACR,
	}, targets)
	return d.Granted, err
}
