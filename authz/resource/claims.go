package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/gatehouse/gatehouse/authz"
)

// leeway is how far the clocks of two machines may be apart. It forgives a token
// that seems to come from the future; expiry has none, since a client that is
// refused early asks for a new token.
const leeway = 60 * time.Second

// claims is the payload of an access token (RFC 9068 §2.2) and, with Active and
// TokenType, the answer of introspection (RFC 7662 §2.2).
type claims struct {
	Active    bool   `json:"active"`
	TokenType string `json:"token_type"`

	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  audience        `json:"aud"`
	ClientID  authz.ClientID  `json:"client_id"`
	Username  string          `json:"username"`
	TokenID   string          `json:"jti"`
	IssuedAt  numericDate     `json:"iat"`
	NotBefore numericDate     `json:"nbf"`
	ExpiresAt numericDate     `json:"exp"`
	Scope     string          `json:"scope"`
	Tenant    authz.TenantID  `json:"tenant_id"`
	Project   authz.ProjectID `json:"project_id"`
	Roles     []string        `json:"roles"`
	Groups    []string        `json:"groups"`
	SessionID string          `json:"sid"`
	GrantID   string          `json:"grant_id"`
	ACR       authz.ACR       `json:"acr"`
	AMR       []string        `json:"amr"`
	AuthTime  numericDate     `json:"auth_time"`

	Confirmation Binding `json:"cnf"`
}

// parseClaims reads with the JSON decoder of go-jose, which refuses a member that
// stands twice and does not take "AUD" for "aud".
func parseClaims(payload []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return claims{}, fmt.Errorf("decode claims: %w", err)
	}
	return c, nil
}

// expectation is what the claims must fit.
type expectation struct {
	issuer   string
	audience string
	now      time.Time
}

// principal judges the claims and names who they speak of.
func (c claims) principal(ctx context.Context, want expectation) (*Principal, error) {
	if err := c.check(ctx, want); err != nil {
		return nil, err
	}
	scopes, err := authz.ParseScopeSet(c.Scope)
	if err != nil {
		return nil, fmt.Errorf("scope: %w", err)
	}
	return &Principal{
		Subject: c.Subject, ClientID: c.ClientID, Username: c.Username, Scopes: scopes,
		Tenant: c.Tenant, Project: c.Project, Roles: c.Roles, Groups: c.Groups,
		SessionID: c.SessionID, GrantID: c.GrantID, TokenID: c.TokenID,
		IssuedAt: c.IssuedAt.Time, ExpiresAt: c.ExpiresAt.Time,
		ACR: c.ACR, AMR: c.AMR, AuthTime: c.AuthTime.Time,
	}, nil
}

func (c claims) check(ctx context.Context, want expectation) error {
	switch {
	case c.Issuer != want.issuer:
		return errors.New("iss is another issuer")
	case !slices.Contains(c.Audience, want.audience):
		return errors.New("aud does not name this resource")
	case c.Subject == "", c.ClientID == "", c.TokenID == "":
		return errors.New("sub, client_id or jti is missing")
	case c.ExpiresAt.IsZero(), c.IssuedAt.IsZero():
		return errors.New("exp or iat is missing")
	case !want.now.Before(c.ExpiresAt.Time):
		return errors.New("expired")
	case c.IssuedAt.After(want.now.Add(leeway)), c.NotBefore.After(want.now.Add(leeway)):
		return errors.New("iat or nbf is in the future")
	}
	return c.Confirmation.Proven(ctx)
}

// audience is one text or several (RFC 7519 §4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// numericDate is seconds since 1970, perhaps with a fraction (RFC 7519 §2), cut
// to the second. The zero value means that there is none.
type numericDate struct{ time.Time }

// latestDate is the last second of the year 9999. Beyond it, sums of instants
// would overflow.
const latestDate = 253402300799

func (d *numericDate) UnmarshalJSON(text []byte) error {
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || seconds < 0 || seconds > latestDate {
		return fmt.Errorf("%.20q is not a date", text)
	}
	d.Time = time.Unix(int64(seconds), 0)
	return nil
}
