package oidc

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// derive asks authz for what a person may be granted at this moment, in a token for
// these resources (nil: for any).
func (p *Provider) derive(ctx context.Context, requested authz.ScopeSet, c *storage.Client, person *storage.Person, in authz.Context, targets []string) (authz.Decision, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return authz.Decision{}, err
	}
	q := authz.Request{Requested: requested, Client: c.Scopes, Context: in, Registry: catalogue.Rules, Elsewhere: elsewhereOwned(catalogue, targets)}
	if person != nil {
		q.User = &person.Rights
	}
	if c.Kind == storage.ClientAgent {
		owner, err := p.Store.ForUser(c.Owner).Person(ctx)
		if err != nil {
			return authz.Decision{}, err
		}
		q.AgentOwner = &owner.Rights
		if !answers(owner, c) {
			q.AgentOwner = &authz.Rights{}
		}
	}
	return authz.Derive(q), nil
}

// answers reports whether an owner can still answer for their agent: an agent falls
// with its owner, and when they leave its tenant.
func answers(owner storage.Person, agent *storage.Client) bool {
	_, member := owner.Tenant(agent.Tenant)
	return owner.DisabledAt.IsZero() && (member || agent.Tenant.IsZero())
}

// currentScopes is what is left of a grant: the scopes that were granted and that
// the person and the client may still have. It never adds one.
func (p *Provider) currentScopes(ctx context.Context, c *storage.Client, g *postgres.Granted, targets []string) (authz.ScopeSet, error) {
	d, err := p.derive(ctx, g.Grant.Scopes, c, &g.Person, contextOf(g.Grant), targets)
	return d.Granted, err
}

// contextOf is where and how a grant was given.
func contextOf(g storage.Grant) authz.Context {
	return authz.Context{Tenant: g.Tenant, Project: g.Project, ACR: g.ACR}
}
