package directory

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Clients lists clients in the order of their ids.
func (s *Service) Clients(ctx context.Context, a Actor, f ClientFilter) (Page[storage.Client], error) {
	if err := may(a, readDirectory); err != nil {
		return Page[storage.Client]{}, err
	}
	chosen := postgres.ClientFilter{Kind: f.Kind, Owner: f.Owner, Origin: f.Origin, After: authz.ClientID(f.Cursor), Limit: f.limit() + 1}
	var err error
	if chosen.Disabled, err = f.Status.disabled(); err != nil {
		return Page[storage.Client]{}, err
	}
	if f.Tenant != "" {
		t, err := s.Tenant(ctx, a, f.Tenant)
		if err != nil {
			return Page[storage.Client]{}, err
		}
		chosen.Tenant = t.ID
	}
	clients, err := s.store.Clients(ctx, chosen)
	return page(clients, f.Paging, func(c storage.Client) string { return string(c.ID) }), err
}

// Client finds a client within reach by its client_id.
func (s *Service) Client(ctx context.Context, a Actor, id authz.ClientID) (storage.Client, error) {
	r, err := reaches(a, readDirectory)
	if err != nil {
		return storage.Client{}, err
	}
	c, err := s.store.Client(ctx, id)
	if err == nil && !r.has(c.Tenant) {
		c, err = storage.Client{}, storage.ErrNotFound
	}
	return c, orUnknown(err, "client", string(id))
}

// UpdateClient changes a client. What it may no longer ask for, and whose sign-in it
// may no longer have, is gone from its tokens at once.
func (s *Service) UpdateClient(ctx context.Context, a Actor, id authz.ClientID, n ClientChange) (storage.Client, error) {
	c, err := s.changeableClient(ctx, a, id)
	if err != nil {
		return c, err
	}
	if n.Scopes != nil {
		if err := errors.Join(mayGive(a, added(c.Scopes, *n.Scopes)), checkPatterns(*n.Scopes)); err != nil {
			return c, err
		}
	}
	named := storage.Client{Tenant: c.Tenant, Groups: n.Groups}
	if err := s.checkGroups(ctx, named); err != nil {
		return c, err
	}
	c, err = s.store.UpdateClient(ctx, id, func(c *storage.Client) error {
		if err := holds(n.If, *c); err != nil {
			return err
		}
		n.apply(c)
		if n.Scopes != nil && c.Registration.Policy != nil {
			// What the operator takes, the client cannot take back (RFC 7592).
			bound := *c.Registration.Policy
			bound.Scopes = c.Scopes
			c.Registration.Policy = &bound
		}
		c.GrantTypes = grantTypes(c)
		return errors.Join(checkClient(*c), checkOpenTo(*c), checkLinks(*c))
	}, s.event(a, "client.update", c.Tenant))
	return c, orUnknown(err, "client", string(id))
}

// added is what stands in the second list alone: keeping is not giving.
func added(before, after []authz.Pattern) []authz.Pattern {
	return slices.DeleteFunc(slices.Clone(after), func(p authz.Pattern) bool { return slices.Contains(before, p) })
}

func (n ClientChange) apply(c *storage.Client) {
	change(&c.Name, n.Name)
	change(&c.RedirectURIs, n.RedirectURIs)
	change(&c.PostLogoutRedirectURIs, n.PostLogoutRedirectURIs)
	change(&c.IDTokenAlg, n.IDTokenAlg)
	change(&c.Introspect, n.Introspect)
	change(&c.FirstParty, n.FirstParty)
	change(&c.SkipConsent, n.SkipConsent)
	change(&c.IDTokenAtRefresh, n.IDTokenAtRefresh)
	change(&c.LogoURI, n.LogoURI)
	change(&c.PolicyURI, n.PolicyURI)
	change(&c.TOSURI, n.TOSURI)
	change(&c.Metadata, n.Metadata)
	if n.Scopes != nil {
		c.Scopes = given(*n.Scopes)
	}
	if n.JWKS != nil {
		c.JWKS = n.JWKS
	}
	if n.OpenTo != nil {
		c.OpenTo, c.Groups = *n.OpenTo, inOrder(n.Groups)
	}
}

// inOrder is groups as they are kept.
func inOrder(groups []authz.GroupID) []authz.GroupID {
	return slices.SortedFunc(slices.Values(groups), func(a, b authz.GroupID) int { return bytes.Compare(a[:], b[:]) })
}

func change[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// checkLinks judges the addresses that the consent page shows beside a client.
func checkLinks(c storage.Client) error {
	for field, address := range map[string]string{"logo_uri": c.LogoURI, "policy_uri": c.PolicyURI, "tos_uri": c.TOSURI} {
		if address == "" {
			continue
		}
		if err := checkFetched(field, address); err != nil {
			return err
		}
	}
	return nil
}

// RotateClientSecret gives a client a new secret, shown this once. The one before
// works for the overlap, so that deployments have time.
func (s *Service) RotateClientSecret(ctx context.Context, a Actor, id authz.ClientID, overlap time.Duration) (Secret, error) {
	c, err := s.changeableClient(ctx, a, id)
	if err != nil {
		return Secret{}, err
	}
	if !usesSecret(c) {
		return Secret{}, invalid("client", "has no secret: it authenticates by %s", c.AuthMethod)
	}
	if overlap < 0 || overlap > 30*24*time.Hour {
		return Secret{}, invalid("overlap", "must be between 0 and 30 days")
	}
	secret := newSecret()
	return secret, s.store.RotateClientSecret(ctx, id, storage.HashClientSecret(s.pepper, secret.Reveal()), s.now().Add(overlap), s.event(a, "client.rotate-secret", c.Tenant))
}

// changeableClient finds a client that the actor may change. With its secret, its keys
// or its redirect URIs comes all that it may ask for, so what holds of people holds here too.
func (s *Service) changeableClient(ctx context.Context, a Actor, id authz.ClientID) (storage.Client, error) {
	if err := may(a, manageClients); err != nil {
		return storage.Client{}, err
	}
	c, err := s.Client(ctx, a, id)
	if err != nil {
		return c, err
	}
	return c, mayManage(a, c.Scopes)
}

// DisableClient stops a client and every token of it at once.
func (s *Service) DisableClient(ctx context.Context, a Actor, id authz.ClientID) error {
	c, err := s.changeableClient(ctx, a, id)
	if err != nil {
		return err
	}
	return s.store.SetClientDisabled(ctx, id, true, s.event(a, "client.disable", c.Tenant))
}

// EnableClient lets a client work again.
func (s *Service) EnableClient(ctx context.Context, a Actor, id authz.ClientID) error {
	c, err := s.changeableClient(ctx, a, id)
	if err != nil {
		return err
	}
	return s.store.SetClientDisabled(ctx, id, false, s.event(a, "client.enable", c.Tenant))
}

// DeleteClient removes a client with its consents and grants.
func (s *Service) DeleteClient(ctx context.Context, a Actor, id authz.ClientID, seen func(storage.Client) error) error {
	c, err := s.changeableClient(ctx, a, id)
	if err != nil {
		return err
	}
	return s.store.DeleteClient(ctx, id, seen, s.dead(), s.event(a, "client.delete", c.Tenant))
}
