package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
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
	CHash     string         `json:"c_hash,omitempty"`
	SHash     string         `json:"s_hash,omitempty"`
	ACR       authz.ACR      `json:"acr,omitempty"`
	AMR       []string       `json:"amr,omitempty"`
	SID       string         `json:"sid,omitempty"`
	TenantID  string         `json:"tenant_id,omitempty"`
	// HiddenUser is as in [accessClaims]: whom a hint means (OpenID CIBA Core 1.0 §7.1).
	HiddenUser string `json:"gth_usr,omitempty"`

	// The claims about the user, for a client that asked to have them here.
	Name              any `json:"name,omitempty"`
	PreferredUsername any `json:"preferred_username,omitempty"`
	Picture           any `json:"picture,omitempty"`
	UpdatedAt         any `json:"updated_at,omitempty"`
	Locale            any `json:"locale,omitempty"`
	Email             any `json:"email,omitempty"`
	EmailVerified     any `json:"email_verified,omitempty"`
	Phone             any `json:"phone_number,omitempty"`
	PhoneVerified     any `json:"phone_number_verified,omitempty"`
	Address           any `json:"address,omitempty"`
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
	claims := s.provider.idClaims(session, lifetime)
	if asked := session.granted.Grant.Details.IDTokenClaims; len(asked) > 0 {
		claims.tell(asked, s.provider.userClaims(session.granted.Person.User, parsedScopes(strings.Join(r.GetGrantedScopes(), " "))))
	}
	return s.provider.signIDToken(ctx, session.client, claims)
}

// idClaims is what every ID token of a grant says.
func (p *Provider) idClaims(session *session, lifetime time.Duration) idClaims {
	g, now := session.granted.Grant, p.Now()
	claims := idClaims{
		Issuer: p.Issuer, Subject: p.subjects.of(session.client, g.User), Audience: g.Client,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(lifetime).Unix(), ID: uuid.Must(uuid.NewRandom()).String(),
		AuthTime: g.AuthTime.Unix(), Nonce: g.Request.Nonce, ATHash: session.claims.AccessTokenHash,
		ACR: g.ACR, AMR: g.AMR, SID: g.SID.String(), TenantID: g.Tenant.String(),
	}
	if session.client.Metadata.SubjectType == subjectPairwise {
		claims.HiddenUser = p.subjects.hide(g.User)
	}
	return claims
}

// signIDToken signs, and encrypts where the client is registered for it.
func (p *Provider) signIDToken(ctx context.Context, c *storage.Client, claims idClaims) (string, error) {
	signed, err := p.Keys.Sign(keys.Algorithm(c.IDTokenAlg), keys.TypeIDToken, claims)
	if err != nil {
		return "", err
	}
	return p.encrypted(ctx, c, signed)
}

// frontChannelIDToken is the ID token of an authorization response, bound to the code
// and the state that come with it (OpenID Connect Core §3.3.2.11, FAPI 1.0 Part 2 §5.1.1).
// Where it comes alone there is no access token for UserInfo, so it tells all that the
// scopes open (§5.4).
func (p *Provider) frontChannelIDToken(ctx context.Context, a *authorization, session *session, code string) (string, error) {
	claims := p.idClaims(session, p.Lifetimes.IDToken)
	claims.CHash, claims.SHash = halfHash(code), halfHash(a.Parameters.Get("state"))
	open := p.userClaims(a.in.Person.User, a.decision.Granted)
	if a.wantsCode() {
		claims.tell(a.idTokenClaims, open)
	} else {
		claims.tell(slices.Collect(maps.Keys(open)), open)
	}
	return p.signIDToken(ctx, a.client.Client, claims)
}

// halfHash is the left half of a digest, of the size that all our algorithms have
// (OpenID Connect Core §3.3.2.11); "" of nothing.
func halfHash(text string) string {
	if text == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(digest([]byte(text))[:sha256.Size/2])
}

// tell adds what was asked for by name and is open by scope.
func (c *idClaims) tell(asked []string, open map[string]any) {
	for name, into := range map[string]*any{
		"name": &c.Name, "preferred_username": &c.PreferredUsername, "picture": &c.Picture, "updated_at": &c.UpdatedAt,
		"locale": &c.Locale, "email": &c.Email, "email_verified": &c.EmailVerified,
		"phone_number": &c.Phone, "phone_number_verified": &c.PhoneVerified, "address": &c.Address,
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
