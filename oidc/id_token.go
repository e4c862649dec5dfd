package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
)

// idClaims is the content of an ID token (OpenID Connect Core §2).
type idClaims struct {
	Issuer    string         `json:"iss"`
	Subject   string         `json:"sub"`
	Audience  authz.ClientID `json:"aud"`
	ExpiresAt int64          `json:"exp"`
	IssuedAt  int64          `json:"iat"`
	ID        string         `json:"jti"`
	AuthTime  int64          `json:"auth_time"`
	Nonce     string         `json:"nonce,omitempty"`
	ATHash    string         `json:"at_hash,omitempty"`
	ACR       authz.ACR      `json:"acr,omitempty"`
	AMR       []string       `json:"amr,omitempty"`
	SID       string         `json:"sid,omitempty"`
	TenantID  string         `json:"tenant_id,omitempty"`

	// The claims about the user, for a client that asked to have them here.
	Name              any `json:"name,omitempty"`
	PreferredUsername any `json:"preferred_username,omitempty"`
	Picture           any `json:"picture,omitempty"`
	UpdatedAt         any `json:"updated_at,omitempty"`
	Email             any `json:"email,omitempty"`
	EmailVerified     any `json:"email_verified,omitempty"`
}

// idTokenStrategy makes ID tokens for fosite's handlers from the grant itself:
// fosite's own would take the nonce of a refresh from whatever was posted, and
// judge prompt and max_age a second time.
type idTokenStrategy struct{ provider *Provider }

func (s idTokenStrategy) GenerateIDToken(ctx context.Context, lifetime time.Duration, r fosite.Requester) (string, error) {
	session, ok := r.GetSession().(*session)
	if !ok || session.granted == nil {
		return "", fmt.Errorf("make ID token: there is no grant in %T", r.GetSession())
	}
	p, g, now := s.provider, session.granted.Grant, s.provider.Now()
	claims := idClaims{
		Issuer: p.Issuer, Subject: p.subjects.of(session.client, g.User), Audience: g.Client,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(lifetime).Unix(), ID: uuid.Must(uuid.NewRandom()).String(),
		AuthTime: g.AuthTime.Unix(), Nonce: g.Request.Nonce, ATHash: session.claims.AccessTokenHash,
		ACR: g.ACR, AMR: g.AMR, SID: g.SID.String(), TenantID: g.Tenant.String(),
	}
	if len(g.Details.IDTokenClaims) > 0 {
		claims.tell(g.Details.IDTokenClaims, p.userClaims(session.granted.Person.User, parsedScopes(strings.Join(r.GetGrantedScopes(), " "))))
	}
	signed, err := p.Keys.Sign(keys.Algorithm(session.client.IDTokenAlg), keys.TypeIDToken, claims)
	if err != nil {
		return "", err
	}
	return p.encrypted(ctx, session.client, signed)
}

// tell adds what was asked for by name and is open by scope.
func (c *idClaims) tell(asked []string, open map[string]any) {
	for name, into := range map[string]*any{
		"name": &c.Name, "preferred_username": &c.PreferredUsername, "picture": &c.Picture, "updated_at": &c.UpdatedAt,
		"email": &c.Email, "email_verified": &c.EmailVerified,
	} {
		if slices.Contains(asked, name) {
			*into = open[name]
		}
	}
}

// openIDToken reads an ID token of ours whatever its age (OpenID Connect Core
// §3.1.2.1: a hint may have expired).
func (p *Provider) openIDToken(token string) (idClaims, error) {
	var c idClaims
	verified, err := p.Keys.Verify(token, keys.TypeIDToken)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(verified.Payload, &c); err != nil {
		return c, fmt.Errorf("%w: %w", keys.ErrInvalidToken, err)
	}
	if c.Issuer != p.Issuer {
		return c, fmt.Errorf("%w: of another issuer", keys.ErrInvalidToken)
	}
	return c, nil
}
