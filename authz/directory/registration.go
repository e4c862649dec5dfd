package directory

import (
	"context"
	"crypto/hmac"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Registrar lets clients in that register themselves and change what they said (RFC
// 7591, RFC 7592). What lets in here is no right of a person but a token, or that the
// operator has opened registration; a policy bounds what a client can become.
type Registrar struct{ service *Service }

// NewRegistrar opens that door of the directory.
func NewRegistrar(s *Service) *Registrar { return &Registrar{s} }

// Admission is why a client may register: by whom, into which tenant, within which
// bounds.
type Admission struct {
	Origin storage.ClientOrigin
	Tenant authz.TenantID
	Policy storage.RegistrationPolicy

	token   authz.RegistrationTokenID
	address netip.Addr
	// lasts is how long the client works; 0 for good.
	lasts time.Duration
}

// ByToken is what an initial access token lets in; [storage.ErrNotFound] when it is
// none, used up, expired or revoked.
func (r *Registrar) ByToken(ctx context.Context, token string, from netip.Addr) (Admission, error) {
	found, err := r.service.store.LiveRegistrationToken(ctx, storage.HashClientSecret(r.service.pepper, token), r.service.now())
	return Admission{storage.OriginToken, found.Tenant, found.Policy, found.ID, from, time.Duration(found.Policy.ClientSeconds) * time.Second}, err
}

// Openly is what may register without a token: clients of the whole deployment, which
// each person is asked about each time. "*" leaves out what administers. One that nobody
// uses ends after so long; 0 for never.
func (r *Registrar) Openly(from netip.Addr, unused time.Duration) Admission {
	return Admission{Origin: storage.OriginOpen, address: from, lasts: unused, Policy: storage.RegistrationPolicy{
		GrantTypes: []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken, storage.GrantDeviceCode}, Scopes: []authz.Pattern{"*"}, OpenTo: storage.OpenToEveryone,
	}}
}

// Register makes a client of what it says of itself. Both secrets are shown this
// once; the first is zero for a client that has none. A token that was used up in the
// meantime is [storage.ErrNotFound].
func (r *Registrar) Register(ctx context.Context, by Admission, n CreateClient) (c storage.Client, secret, access Secret, err error) {
	s := r.service
	if c, err = by.admit(n, s.now()); err != nil {
		return c, secret, access, err
	}
	secret, access = s.giveSecret(&c), s.giveAccess(&c)
	e := s.event(Actor{Name: "registration:" + string(by.Origin), IPAddress: by.address}, "client.register", c.Tenant)
	if by.token.IsZero() {
		return c, secret, access, s.store.InsertClient(ctx, c, e)
	}
	return c, secret, access, s.store.InsertRegisteredClient(ctx, c, e)
}

// admit is the client that somebody may become by what they say of themselves.
func (by Admission) admit(n CreateClient, now time.Time) (storage.Client, error) {
	c := storage.Client{
		Tenant: by.Tenant, CreatedAt: now, Origin: by.Origin, SelfRegistered: by.Origin == storage.OriginOpen, OpenTo: by.Policy.OpenTo,
		Registration: storage.ClientRegistration{Token: by.token, Policy: &by.Policy},
	}
	say(&c, n)
	suit(&c)
	if !slices.Contains(c.GrantTypes, storage.GrantAuthorizationCode) && !slices.Contains(c.GrantTypes, storage.GrantDeviceCode) && !slices.Contains(c.GrantTypes, storage.GrantCIBA) {
		c.OpenTo = storage.OpenToNobody // nobody signs in through it
	}
	if err := errors.Join(checkClient(c), checkLinks(c), checkOpenTo(c), checkWithin(c, n)); err != nil {
		return c, err
	}
	if by.lasts > 0 {
		c.ExpiresAt = c.CreatedAt.Add(by.lasts)
	}
	return c, nil
}

// RegisterFor makes a client in the name of somebody who may make clients, one that can
// change itself afterwards: within what it was given.
func (r *Registrar) RegisterFor(ctx context.Context, a Actor, n CreateClient) (c storage.Client, secret, access Secret, err error) {
	c, secret, err = r.service.createClient(ctx, a, n, func(c *storage.Client) {
		c.Registration.Policy = &storage.RegistrationPolicy{GrantTypes: c.GrantTypes, Scopes: c.Scopes, OpenTo: c.OpenTo}
		access = r.service.giveAccess(c)
	})
	return c, secret, access, err
}

func (s *Service) giveAccess(c *storage.Client) Secret {
	access := secretWith(registrationPrefix)
	c.Registration.AccessHash = storage.HashClientSecret(s.pepper, access.Reveal())
	return access
}

// say writes down all that a client says of itself, and nothing that others say of it.
func say(c *storage.Client, n CreateClient) {
	c.Name, c.Kind, c.AuthMethod, c.JWKS, c.Metadata, c.IDTokenAlg = n.Name, n.Kind, n.AuthMethod, n.JWKS, n.Metadata.Said(c.Metadata), n.IDTokenAlg
	c.RedirectURIs, c.PostLogoutRedirectURIs = n.RedirectURIs, n.PostLogoutRedirectURIs
	c.LogoURI, c.PolicyURI, c.TOSURI = n.LogoURI, n.PolicyURI, n.TOSURI
	c.Scopes = given(n.Scopes)
	if n.Scopes == nil {
		c.Scopes = c.Registration.Policy.Scopes
	}
}

// checkWithin holds what a client says of itself to its policy. A pattern is nobody's
// to ask for: scopes are named one by one.
func checkWithin(c storage.Client, n CreateClient) error {
	p := c.Registration.Policy
	for _, asked := range n.Scopes {
		if scope, err := authz.ParseScope(string(asked)); err != nil || !authz.AnyMatches(p.Scopes, scope) {
			return invalid("scope", "has %q, which clients that register in this way cannot have", asked)
		}
	}
	for _, asked := range n.GrantTypes {
		if !slices.Contains(c.GrantTypes, asked) {
			return invalid("grant_types", "has %q, which clients that register in this way cannot have", asked)
		}
	}
	if p.SoftwareStatement && c.Metadata.SoftwareStatement == "" {
		return invalid("software_statement", "is missing: clients that register in this way need one")
	}
	if len(c.GrantTypes) == 0 {
		return invalid("grant_types", "are none that clients that register in this way can have")
	}
	for field, uris := range map[string][]string{"redirect_uri": c.RedirectURIs, "post_logout_redirect_uri": c.PostLogoutRedirectURIs} {
		for _, uri := range uris {
			if !hostWithin(p.RedirectHosts, uri) {
				return invalid(field, "%q leads to a host that clients that register in this way cannot have", uri)
			}
		}
	}
	return nil
}

// hostWithin reports whether an address leads to one of the hosts, or below it.
func hostWithin(hosts []string, address string) bool {
	u, err := url.Parse(address)
	if err != nil || len(hosts) == 0 {
		return err == nil
	}
	at := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(hosts, func(host string) bool {
		host = strings.ToLower(host)
		return at == host || strings.HasSuffix(at, "."+host)
	})
}

// Client is the client that a registration access token speaks for;
// [storage.ErrNotFound] when it speaks for another, or for one that does not work.
func (r *Registrar) Client(ctx context.Context, id authz.ClientID, access string) (storage.Client, error) {
	c, err := r.service.store.Client(ctx, id)
	if err != nil {
		return storage.Client{}, err
	}
	given := storage.HashClientSecret(r.service.pepper, access)
	if !hmac.Equal(given, c.Registration.AccessHash) || !c.Active(r.service.now()) {
		return storage.Client{}, storage.ErrNotFound
	}
	return c, nil
}

// SecretFits reports whether a text is the client's current secret.
func (r *Registrar) SecretFits(c storage.Client, secret string) bool {
	return hmac.Equal(storage.HashClientSecret(r.service.pepper, secret), c.SecretHash)
}

// Update replaces all that a client says of itself (RFC 7592 §2.2), within the bounds
// that it came with. How it authenticates and what sort of client it is stay.
func (r *Registrar) Update(ctx context.Context, id authz.ClientID, access string, from netip.Addr, n CreateClient) (storage.Client, error) {
	before, err := r.Client(ctx, id, access)
	if err != nil {
		return before, err
	}
	s := r.service
	return s.store.UpdateClient(ctx, id, func(c *storage.Client) error {
		// Under the lock: it may have been stopped since.
		if !c.Active(s.now()) {
			return storage.ErrNotFound
		}
		if n.Kind != c.Kind || n.AuthMethod != c.AuthMethod {
			return invalid("token_endpoint_auth_method", "or the sort of client cannot change: register another client")
		}
		say(c, n)
		suit(c)
		return errors.Join(checkClient(*c), checkLinks(*c), checkOpenTo(*c), checkWithin(*c, n))
	}, s.event(Actor{Name: "client:" + string(id), IPAddress: from}, "client.update-self", before.Tenant))
}

// Delete removes a client that wants to be gone (RFC 7592 §2.3), with all it was given.
func (r *Registrar) Delete(ctx context.Context, id authz.ClientID, access string, from netip.Addr) error {
	c, err := r.Client(ctx, id, access)
	if err != nil {
		return err
	}
	s := r.service
	return s.store.DeleteClient(ctx, id, nil, s.dead(), s.event(Actor{Name: "client:" + string(id), IPAddress: from}, "client.delete-self", c.Tenant))
}

// RemoveUnused removes the clients that registered openly and that nobody has used in
// their time, and counts them.
func (r *Registrar) RemoveUnused(ctx context.Context) (removed int64, err error) {
	s := r.service
	for {
		unused, err := s.store.UnusedClients(ctx, s.now(), 100)
		if err != nil || len(unused) == 0 {
			return removed, err
		}
		for _, id := range unused {
			e := s.event(Actor{Name: "registration:" + string(storage.OriginOpen)}, "client.delete", authz.TenantID{})
			err := s.store.DeleteUnusedClient(ctx, id, s.now(), e)
			// Somebody else was faster, or somebody has used it at the last moment.
			if errors.Is(err, storage.ErrNotFound) {
				continue
			}
			if err != nil {
				return removed, err
			}
			removed++
		}
	}
}
