package oidc

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// Authenticate implements [resource.Authenticator] for the API: an access token of
// ours whose aud names the issuer or the API, whose key was shown if it is bound to
// one, that has not expired, that the ledger does not know, with the scopes that are
// left of it at this moment. Its errors are [resource.ErrInvalidToken] and [resource.ErrUnavailable].
func (p *Provider) Authenticate(ctx context.Context, token string) (*resource.Principal, error) {
	claims, err := p.openAccessToken(token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", resource.ErrInvalidToken, err)
	}
	if !slices.ContainsFunc(claims.Audience, p.isOurs) {
		return nil, fmt.Errorf("%w: aud names neither the issuer nor the API", resource.ErrInvalidToken)
	}
	if err := claims.Confirmation.binding().Proven(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", resource.ErrInvalidToken, err)
	}
	s, err := p.standOfPerson(ctx, claims)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", resource.ErrUnavailable, err)
	}
	if !s.active {
		return nil, fmt.Errorf("%w: it has ended", resource.ErrInvalidToken)
	}
	return s.principal(), nil
}

func (s standing) principal() *resource.Principal {
	c, in := s.claims, s.claims.context()
	p := &resource.Principal{
		Subject: c.Subject, ClientID: c.ClientID, Scopes: parsedScopes(c.Scope), Tenant: in.Tenant, Project: in.Project,
		Roles: c.Roles, Groups: c.Groups, SessionID: c.SID, GrantID: c.GrantID, TokenID: c.ID,
		IssuedAt: time.Unix(c.IssuedAt, 0), ExpiresAt: time.Unix(c.ExpiresAt, 0), ACR: c.ACR, AMR: c.AMR,
	}
	if user := c.user(); !user.IsZero() {
		p.Subject = user.String() // ours, whatever its client sees
	}
	if c.AuthTime != 0 {
		p.AuthTime = time.Unix(c.AuthTime, 0)
	}
	if s.person != nil {
		p.Username = s.person.Username
	}
	return p
}

// standOfPerson reads who the token stands for, and with it, in the same trip, what
// the database says of the token.
func (p *Provider) standOfPerson(ctx context.Context, c accessClaims) (standing, error) {
	issuer, err := p.issuerOf(ctx, c)
	if err != nil || issuer == nil {
		return standing{}, err
	}
	return p.standNow(ctx, c, issuer)
}
