package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

func invalidStatement(problem string) error {
	return badRequest("invalid_software_statement", "The software_statement cannot be used: "+problem+".")
}

// SoftwareStatement proves what a client that registers itself shows of somebody else's
// word about it, and gives the claims as a JSON object (RFC 7591 §2.3). Signed it must be by an
// issuer that the tenant, or the deployment for a zero one, trusts with software. One that was taken
// before may have expired since. Its errors are [*Error]s of RFC 7591 §3.2.2, and those of storage.
func (p *Provider) SoftwareStatement(ctx context.Context, tenant authz.TenantID, statement string, takenBefore bool) ([]byte, error) {
	token, err := parseAssertion(statement)
	if err != nil || len(token.Headers) != 1 {
		return nil, invalidStatement("it is not a JWT of at most 16 KiB that is signed with a supported algorithm")
	}
	if typ, typed := token.Headers[0].ExtraHeaders[jose.HeaderType]; typed && typ != "JWT" {
		return nil, invalidStatement("its typ is of another kind of token")
	}
	var unproven jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&unproven); err != nil {
		return nil, invalidStatement("its claims are malformed")
	}
	issuer, err := p.Store.ForTenant(tenant).TrustedIssuer(ctx, storage.VouchesForSoftware, unproven.Issuer)
	if errors.Is(err, storage.ErrNotFound) || unproven.Issuer == p.Issuer {
		return nil, badRequest("unapproved_software_statement", "The software_statement is of an issuer that is not trusted here.")
	}
	if err != nil {
		return nil, err
	}
	var says json.RawMessage
	if !p.issuedBy(ctx, issuer, token, &says) {
		return nil, invalidStatement("none of its issuer's keys has signed it")
	}
	return says, p.judgeStatement(unproven, takenBefore)
}

func (p *Provider) judgeStatement(says jwt.Claims, takenBefore bool) error {
	now := p.Now()
	leeway := now.Add(time.Minute)
	switch {
	case len(says.Audience) > 0 && !says.Audience.Contains(p.Issuer):
		return invalidStatement("it is for somebody else")
	case !takenBefore && says.Expiry != nil && !now.Before(says.Expiry.Time()):
		return invalidStatement("it has expired")
	case says.NotBefore != nil && says.NotBefore.Time().After(leeway), says.IssuedAt != nil && says.IssuedAt.Time().After(leeway):
		return invalidStatement("it is of the future")
	}
	return nil
}
