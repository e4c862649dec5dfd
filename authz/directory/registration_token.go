package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// The prefixes by which secret scanners find the tokens of registration.
const (
	// InitialAccessPrefix is of a token that lets clients register.
	InitialAccessPrefix = "gth_ia_"
	registrationPrefix  = "gth_ra_"
)

// registrableGrants are the grant types that a policy may leave to clients that
// register themselves. To exchange others' tokens is never theirs to say.
var registrableGrants = []string{
	storage.GrantAuthorizationCode, storage.GrantRefreshToken, storage.GrantDeviceCode, storage.GrantClientCredentials, storage.GrantCIBA,
}

// CreateRegistrationToken makes an initial access token, which is shown this once.
// What it lets clients have, its maker must hold.
func (s *Service) CreateRegistrationToken(ctx context.Context, a Actor, n CreateRegistrationToken) (storage.RegistrationToken, Secret, error) {
	r := storage.RegistrationToken{
		ID: authz.NewID[authz.RegistrationTokenID](s.now()), Name: n.Name, Policy: n.Policy, UsesLeft: n.Uses, CreatedAt: s.now(), ExpiresAt: s.now().Add(n.Lifetime),
	}
	if err := may(a, manageClients); err != nil {
		return r, Secret{}, err
	}
	p := &r.Policy
	if len(p.GrantTypes) == 0 {
		p.GrantTypes = []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken}
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []authz.Pattern{"openid", "profile", "email", "offline_access"}
	}
	if p.OpenTo == "" {
		p.OpenTo = storage.OpenToNobody
	}
	if err := errors.Join(mayGive(a, p.Scopes), checkRegistrationToken(n, *p)); err != nil {
		return r, Secret{}, err
	}
	if !n.AllTenants {
		t, err := s.tenantOrFirst(ctx, a, n.Tenant)
		if err != nil {
			return r, Secret{}, err
		}
		r.Tenant = t.ID
	}
	if p.OpenTo == storage.OpenToTenant && r.Tenant.IsZero() || p.OpenTo == storage.OpenToEveryone && !r.Tenant.IsZero() {
		return r, Secret{}, invalid("open_to", "must be tenant for clients of a tenant, everyone for those of the whole deployment, or nobody")
	}
	token := secretWith(InitialAccessPrefix)
	r.Hash = storage.HashClientSecret(s.pepper, token.Reveal())
	return r, token, s.store.InsertRegistrationToken(ctx, r, s.event(a, "registration-token.create", r.Tenant))
}

func checkRegistrationToken(n CreateRegistrationToken, p storage.RegistrationPolicy) error {
	const year = 366 * 24 * time.Hour
	switch {
	case n.Uses < 1 || n.Uses > 10_000:
		return invalid("uses", "must be between 1 and 10000")
	case n.Lifetime < time.Minute || n.Lifetime > year:
		return invalid("lifetime", "must be between a minute and a year")
	case p.ClientSeconds < 0:
		return invalid("client_lifetime", "must not be negative")
	case !slices.Contains([]storage.OpenTo{storage.OpenToNobody, storage.OpenToTenant, storage.OpenToEveryone}, p.OpenTo):
		return invalid("open_to", "must be nobody, tenant or everyone")
	case len(p.RedirectHosts) > 64:
		return invalid("redirect_hosts", "are more than 64")
	}
	for _, t := range p.GrantTypes {
		if !slices.Contains(registrableGrants, t) {
			return invalid("grant_types", "%q cannot be left to clients that register themselves", t)
		}
	}
	for _, host := range p.RedirectHosts {
		if host == "" || strings.ContainsAny(host, "/:@*? ") {
			return invalid("redirect_hosts", "%q is not a host name", host)
		}
	}
	return errors.Join(checkName("name", n.Name), checkPatterns(p.Scopes))
}

// RegistrationTokens lists initial access tokens, the newest first; tenant is an id or
// a slug, "" for all.
func (s *Service) RegistrationTokens(ctx context.Context, a Actor, tenant string, p Paging) (Page[storage.RegistrationToken], error) {
	if err := may(a, manageClients); err != nil {
		return Page[storage.RegistrationToken]{}, err
	}
	last, err := after[authz.RegistrationTokenID](p)
	if err != nil {
		return Page[storage.RegistrationToken]{}, err
	}
	var of authz.TenantID
	if tenant != "" {
		t, err := s.Tenant(ctx, a, tenant)
		if err != nil {
			return Page[storage.RegistrationToken]{}, err
		}
		of = t.ID
	}
	all, err := s.store.RegistrationTokens(ctx, of, last, p.limit()+1)
	return page(all, p, func(r storage.RegistrationToken) string { return r.ID.String() }), err
}

// RevokeRegistrationToken lets no more clients in by a token. Those that came stay.
func (s *Service) RevokeRegistrationToken(ctx context.Context, a Actor, id authz.RegistrationTokenID) error {
	if err := may(a, manageClients); err != nil {
		return err
	}
	r, err := s.store.RegistrationToken(ctx, id)
	if err != nil {
		return orUnknown(err, "registration token", id.String())
	}
	return s.store.RevokeRegistrationToken(ctx, id, s.event(a, "registration-token.revoke", r.Tenant))
}
