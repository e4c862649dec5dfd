package directory

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// TrustedIssuers lists the issuers whose word counts here, the oldest first; a tenant
// narrows the list to its own.
func (s *Service) TrustedIssuers(ctx context.Context, a Actor, tenant string, p Paging) (Page[storage.TrustedIssuer], error) {
	if err := may(a, manageIssuers); err != nil {
		return Page[storage.TrustedIssuer]{}, err
	}
	last, err := after[authz.TrustedIssuerID](p)
	if err != nil {
		return Page[storage.TrustedIssuer]{}, err
	}
	of, err := s.tenantOrNone(ctx, a, tenant)
	if err != nil {
		return Page[storage.TrustedIssuer]{}, err
	}
	all, err := s.store.TrustedIssuers(ctx, of, last, p.limit()+1)
	return page(all, p, func(i storage.TrustedIssuer) string { return i.ID.String() }), err
}

// TrustedIssuer finds one by its id.
func (s *Service) TrustedIssuer(ctx context.Context, a Actor, id authz.TrustedIssuerID) (storage.TrustedIssuer, error) {
	if err := may(a, manageIssuers); err != nil {
		return storage.TrustedIssuer{}, err
	}
	i, err := s.store.TrustedIssuerByID(ctx, id)
	return i, orUnknown(err, "issuer", id.String())
}

// AddTrustedIssuer begins to trust somebody. i says all of it but its id, its tenant and
// when that was; tenant is an id or a slug, "" for the first one. What the issuer's assertions
// can be good for, whoever adds it must hold: it can name anybody.
func (s *Service) AddTrustedIssuer(ctx context.Context, a Actor, i storage.TrustedIssuer, tenant string, allTenants bool) (storage.TrustedIssuer, error) {
	if err := may(a, manageIssuers); err != nil {
		return i, err
	}
	if err := errors.Join(mayGive(a, i.Scopes), checkPatterns(i.Scopes), checkTrustedIssuer(i)); err != nil {
		return i, err
	}
	if !allTenants {
		t, err := s.tenantOrFirst(ctx, a, tenant)
		if err != nil {
			return i, err
		}
		i.Tenant = t.ID
	}
	i.CreatedAt = s.now()
	i.ID = authz.NewID[authz.TrustedIssuerID](i.CreatedAt)
	err := s.store.InsertTrustedIssuer(ctx, i, s.event(a, "issuer.add", i.Tenant))
	if errors.Is(err, storage.ErrConflict) {
		return i, taken("issuer", "is trusted with that already: remove it first")
	}
	return i, err
}

func checkTrustedIssuer(i storage.TrustedIssuer) error {
	people := i.VouchesFor == storage.VouchesForPeople
	subjects := []storage.SubjectForm{storage.SubjectID, storage.SubjectUsername, storage.SubjectEmail}
	switch {
	case !people && i.VouchesFor != storage.VouchesForSoftware:
		return invalid("vouches_for", "must be people or software")
	case !isIssuer(i.Issuer):
		return invalid("issuer", "must be the iss of its tokens: 1 to 2048 printable ASCII characters without spaces")
	case people && !slices.Contains(subjects, i.Subject):
		return invalid("subject", "must be id, username or email: what its sub names people by")
	case people && len(i.Scopes) == 0:
		return invalid("scopes", "are missing: what its assertions can be good for at most")
	case !people && (i.Subject != "" || len(i.Scopes) > 0):
		return invalid("subject", "and scopes are of use to an issuer that vouches for people alone")
	case len(i.JWKS) == 0 && i.JWKSURI == "":
		return invalid("jwks", "or jwks_uri is missing: the issuer's public keys, or where they are")
	}
	for _, algorithm := range i.Algorithms {
		if algorithm == "" || !slices.Contains(signedByClients, algorithm) {
			return invalid("algorithms", "%q is not one that is supported: ES256, PS256, EdDSA, Ed25519 or RS256", algorithm)
		}
	}
	return checkKeys(storage.Client{JWKS: i.JWKS, Metadata: storage.ClientMetadata{JWKSURI: i.JWKSURI}})
}

// isIssuer: what may stand in iss (RFC 7519 §4.1.1) and can be compared letter by letter.
func isIssuer(s string) bool {
	return s != "" && len(s) <= 2048 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// RemoveTrustedIssuer ends the trust, and every token that came of it, at once.
func (s *Service) RemoveTrustedIssuer(ctx context.Context, a Actor, id authz.TrustedIssuerID) error {
	i, err := s.TrustedIssuer(ctx, a, id)
	if err != nil {
		return err
	}
	return orUnknown(s.store.DeleteTrustedIssuer(ctx, id, s.dead(), s.event(a, "issuer.remove", i.Tenant)), "issuer", id.String())
}
