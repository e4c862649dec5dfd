package oidc

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// maxResources bounds how many resources one request may name.
const maxResources = 8

// invalidTarget is RFC 8707 §2: one sentence, so that nobody learns which
// resources other tenants have.
func invalidTarget() error {
	return badRequest("invalid_target", descriptions["invalid_target"])
}

// targets reads the resource parameters of a request (RFC 8707 §2): registered
// resources, or Gatehouse itself or its API, each named once. nil when it names none.
func (p *Provider) targets(ctx context.Context, parameters url.Values, tenant authz.TenantID) ([]string, error) {
	named := parameters["resource"]
	if len(named) == 0 {
		return nil, nil
	}
	if len(named) > maxResources {
		return nil, invalidTarget()
	}
	if err := p.checkReach(ctx, named, tenant); err != nil {
		return nil, err
	}
	targets := slices.Clone(named)
	slices.Sort(targets)
	return slices.Compact(targets), nil
}

// checkReach refuses what a tenant's people and clients have no way to: another
// tenant's resource, or none at all. For a zero tenant, which is not known yet,
// any will do until it is.
func (p *Provider) checkReach(ctx context.Context, identifiers []string, tenant authz.TenantID) error {
	if len(identifiers) == 0 {
		return nil
	}
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return err
	}
	for _, identifier := range identifiers {
		r, known := catalogue.Resources[identifier]
		theirs := known && (r.Tenant.IsZero() || tenant.IsZero() || r.Tenant == tenant)
		if !theirs && !p.isOurs(identifier) {
			return invalidTarget()
		}
	}
	return nil
}

// isOurs tells the resources that Gatehouse itself is: all of it, and its API.
func (p *Provider) isOurs(identifier string) bool {
	return identifier == p.Issuer || identifier == p.endpoint(APIPath)
}

// elsewhereOwned is the scopes that belong to resources, and to none of the targets.
// Without targets it is nil: then the audience follows from the scopes.
func elsewhereOwned(catalogue *postgres.Catalogue, targets []string) authz.ScopeSet {
	if len(targets) == 0 {
		return nil
	}
	var elsewhere authz.ScopeSet
	for identifier, r := range catalogue.Resources {
		if !slices.Contains(targets, identifier) {
			elsewhere = append(elsewhere, r.Scopes...)
		}
	}
	for _, identifier := range targets {
		owned := catalogue.Resources[identifier].Scopes
		elsewhere = slices.DeleteFunc(elsewhere, owned.Has)
	}
	return elsewhere
}

// audience is for whom a token with these scopes is made. Where the client named
// resources it is those; else it follows from the scopes (RFC 9068 §3): the
// resources that own one of them, or of the authorization details. With openid it is also for the UserInfo endpoint.
func (p *Provider) audience(ctx context.Context, tenant authz.TenantID, scopes authz.ScopeSet, targets []string, details []storage.AuthorizationDetail) ([]string, error) {
	audience := slices.Clone(targets)
	if len(targets) == 0 {
		catalogue, err := p.Store.Catalogue(ctx)
		if err != nil {
			return nil, err
		}
		within := func(identifier string) bool {
			r := catalogue.Resources[identifier]
			return r.Tenant.IsZero() || r.Tenant == tenant
		}
		for _, scope := range scopes {
			audience = append(audience, catalogue.Owners[scope]...)
		}
		for _, d := range details {
			if _, owner, known := detailType(catalogue, d.Type()); known {
				audience = append(audience, owner.Identifier)
			}
		}
		audience = slices.DeleteFunc(audience, func(identifier string) bool { return !within(identifier) })
		slices.Sort(audience)
		audience = slices.Compact(audience)
	}
	if (len(audience) == 0 || scopes.Has(authz.ScopeOpenID)) && !slices.Contains(audience, p.Issuer) {
		audience = append(audience, p.Issuer)
	}
	return audience, nil
}

// lifetime is how long an access token for an audience lives: as long as the most
// careful of the resources allows.
func (p *Provider) lifetime(ctx context.Context, audience []string) (time.Duration, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return 0, err
	}
	lifetime := p.Lifetimes.AccessToken
	for _, identifier := range audience {
		if r := catalogue.Resources[identifier]; r.AccessTokenLifetime > 0 {
			lifetime = min(lifetime, r.AccessTokenLifetime)
		}
	}
	return lifetime, nil
}

// narrowTargets is RFC 8707 §2.2: a token request may name some of what the grant is
// for, and nothing else.
func narrowTargets(g storage.Grant, named []string) ([]string, error) {
	if len(named) == 0 {
		return g.Details.Resources, nil
	}
	granted := g.Details.Resources
	if len(granted) == 0 {
		granted = g.Audience
	}
	for _, identifier := range named {
		if !slices.Contains(granted, identifier) {
			return nil, invalidTarget()
		}
	}
	return named, nil
}
