package oidc

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/storage"
)

// assertionType is RFC 7523 §2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	// maxAssertion bounds an assertion, in bytes.
	maxAssertion = 16 << 10
	// maxAssertionLifetime bounds how far ahead an assertion may expire.
	maxAssertionLifetime = 5 * time.Minute
)

// assertionAlgorithms is what others may sign with: asymmetric, nothing else.
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA, dpop.Ed25519, jose.RS256}

// assertionClaims is what every assertion says (RFC 7523 §3). The audience is one text:
// what is made for others too is in the hands of others.
type assertionClaims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  string           `json:"aud"`
	ID        string           `json:"jti"`
	ExpiresAt *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
}

// timely: short-lived, alive, and not of the future but for a minute between clocks.
func (c assertionClaims) timely(now time.Time) bool {
	leeway := now.Add(time.Minute)
	return c.ExpiresAt != nil && now.Before(c.ExpiresAt.Time()) && !c.ExpiresAt.Time().After(now.Add(maxAssertionLifetime)) &&
		(c.NotBefore == nil || !c.NotBefore.Time().After(leeway)) && (c.IssuedAt == nil || !c.IssuedAt.Time().After(leeway))
}

func parseAssertion(assertion string) (*jwt.JSONWebToken, error) {
	if len(assertion) > maxAssertion {
		return nil, errMalformed
	}
	return jwt.ParseSigned(assertion, assertionAlgorithms)
}

// assertedClient reads which client an assertion claims to be of; nothing is
// proven yet.
func assertedClient(assertion string) (string, error) {
	token, err := parseAssertion(assertion)
	if err != nil {
		return "", err
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return "", err
	}
	return claims.Subject, nil
}

// assertionFits proves an assertion of private_key_jwt: signed by a registered
// key, made for this issuer and no one else (the audience is the issuer's string
// alone), short-lived, and never seen before.
func (p *Provider) assertionFits(ctx context.Context, c *storage.Client, assertion string) (bool, error) {
	token, err := parseAssertion(assertion)
	if err != nil {
		return false, nil
	}
	var claims assertionClaims
	if !p.signedBy(ctx, c, token, &claims) {
		return false, nil
	}
	id := string(c.ID)
	if claims.Issuer != id || claims.Subject != id || claims.Audience != p.Issuer || claims.ID == "" || !claims.timely(p.Now()) {
		return false, nil
	}
	err = p.Store.Consume(ctx, "client assertion", digest([]byte(id+"\x00"+claims.ID)), claims.ExpiresAt.Time())
	if errors.Is(err, storage.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}
