package oidc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// vouchedGrantLifetime is how long assertions that are as good as one another lead to the
// same grant, so that a client that comes every few minutes makes one row a day.
const vouchedGrantLifetime = 24 * time.Hour

// vouched is an assertion on its way to a token. Each step fills in what the next needs.
type vouched struct {
	provider *Provider
	client   *storage.Client

	issuer storage.TrustedIssuer
	says   grantAssertion

	person storage.Person
	in     authz.Context

	targets []string

	grant storage.Grant
	// kept: the grant has a row already.
	kept bool
}

// findPerson finds whom the issuer means, and the tenant in which the client is open to
// them: their default one where it is.
func (v *vouched) findPerson(ctx context.Context) error {
	id, err := v.user(ctx)
	if err != nil {
		return err
	}
	v.person, err = v.provider.Store.ForUser(id).Person(ctx)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return refusedAssertion("its sub names nobody")
	case err != nil:
		return err
	case !v.person.DisabledAt.IsZero():
		return refusedAssertion("its user is disabled")
	}
	tenants := []authz.TenantID{v.person.Preferences.Tenant}
	for _, t := range v.person.Tenants {
		tenants = append(tenants, t.ID)
	}
	for _, v.in.Tenant = range tenants {
		if _, member := v.person.Tenant(v.in.Tenant); member && v.client.Admits(&v.person.Rights, v.in) {
			return nil
		}
	}
	return refusedAssertion("the client is not open to its user")
}

// user is who is meant by what the issuer names people by, and by nothing else.
func (v *vouched) user(ctx context.Context) (authz.UserID, error) {
	nobody := refusedAssertion("its sub names nobody")
	if v.issuer.Subject == storage.SubjectID {
		id, err := authz.ParseID[authz.UserID](v.says.Subject)
		if err != nil {
			return id, nobody
		}
		return id, nil
	}
	user, err := v.provider.Store.UserByIdentifier(ctx, v.says.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return user.ID, nobody
	}
	if err != nil {
		return user.ID, err
	}
	name := user.Username
	if v.issuer.Subject == storage.SubjectEmail {
		name = user.Email
		// An address that anybody may have written down leads to nobody.
		if user.EmailVerifiedAt.IsZero() {
			return user.ID, refusedAssertion("its sub is an address that was never proven")
		}
	}
	if storage.FoldIdentifier(name) != storage.FoldIdentifier(v.says.Subject) {
		return user.ID, nobody
	}
	return user.ID, nil
}

// aim decides for which resources the token is: those that were asked for, of those that
// the assertion names where it names any.
func (v *vouched) aim(ctx context.Context, asked []string) (err error) {
	v.targets = asked
	if len(v.says.Resource) > 0 {
		named := slices.Compact(slices.Sorted(slices.Values(v.says.Resource)))
		if v.targets, err = narrowTargets(storage.Grant{Details: storage.GrantDetails{Resources: named}}, asked); err != nil {
			return err
		}
	}
	if len(v.targets) > maxResources {
		return invalidTarget()
	}
	return v.provider.checkReach(ctx, v.targets, v.in.Tenant)
}

// derive decides what the token is good for. A client that asks for nothing gets what the
// assertion names, or else what it may have.
func (v *vouched) derive(ctx context.Context, asked fosite.Arguments) error {
	p, named := v.provider, parsedScopes(v.says.Scope)
	if v.says.Scope != "" && len(named) == 0 {
		return refusedAssertion("its scope is malformed")
	}
	requested := authz.Literal(v.client.Scopes)
	switch {
	case len(asked) > 0:
		var err error
		if requested, err = authz.ParseScopeSet(strings.Join(asked, " ")); err != nil {
			return badRequest("invalid_scope", descriptions["invalid_scope"])
		}
	case len(named) > 0:
		requested = named
	}
	within := slices.DeleteFunc(slices.Clone(requested), func(scope authz.Scope) bool {
		return !authz.AnyMatches(v.issuer.Scopes, scope) || len(named) > 0 && !named.Has(scope) || scope == authz.ScopeOfflineAccess
	})
	d, err := p.derive(ctx, within, v.client, &v.person, v.in, v.targets)
	if err != nil {
		return err
	}
	if len(d.Granted) == 0 || len(asked) > 0 && len(d.Granted) < len(requested) {
		return badRequest("invalid_scope", "Nothing, or not all, of what was requested may be granted to this client for this user by this assertion.")
	}
	v.grant.Requested, v.grant.Scopes = requested, d.Granted
	return nil
}

// findGrant finds the grant that the token belongs to, by which it ends with everything
// else of its user, or makes one, which is kept when the assertion is spent.
func (v *vouched) findGrant(ctx context.Context) (err error) {
	now, g := v.provider.Now(), &v.grant
	g.ID, g.User, g.Client, g.Tenant = authz.NewID[authz.GrantID](now), v.person.ID, v.client.ID, v.in.Tenant
	// In a session's place stands the issuer: when it is trusted no more, the grant ends.
	g.SID, g.Details.Resources = authz.SessionID(v.issuer.ID), v.targets
	// No authorization code leads to this grant: it counts as used, and no secret fits.
	g.RequestedAt, g.IssuedAt, g.CodeUsedAt, g.CodeHash = now, now, now, []byte{}
	if g.Audience, err = v.provider.audience(ctx, g.Tenant, g.Scopes, v.targets, nil); err != nil {
		return err
	}
	id, err := v.provider.Store.ForUser(g.User).VouchedGrant(ctx, *g, now.Add(-vouchedGrantLifetime))
	if err == nil {
		g.ID, v.kept = id, true
	}
	return ignoreNotFound(err)
}
