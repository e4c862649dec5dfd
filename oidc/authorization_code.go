package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/base64"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/ory/fosite"
)

// authorizationCode is gth_ac_ + base64url(grant id ‖ secret).
type authorizationCode struct {
	grant  authz.GrantID
	secret []byte
}

func (c authorizationCode) String() string {
	return codePrefix + base64.RawURLEncoding.EncodeToString(append(c.grant[:], c.secret...))
}

func parseAuthorizationCode(s string) (authorizationCode, error) {
	raw, err := decodeOpaque(s, codePrefix, len(authz.GrantID{})+secretSize)
	if err != nil {
		return authorizationCode{}, err
	}
	return authorizationCode{grant: authz.GrantID(raw[:16]), secret: raw[16:]}, nil
}

func (c authorizationCode) fits(hash []byte) bool {
	return subtle.ConstantTimeCompare(digest(c.secret), hash) == 1
}

// codeStrategy makes authorization codes. What fosite calls the signature of a
// code is the code itself: the storage above takes it apart.
type codeStrategy struct{ provider *Provider }

func (codeStrategy) AuthorizeCodeSignature(_ context.Context, code string) string { return code }

func (codeStrategy) GenerateAuthorizeCode(ctx context.Context, _ fosite.Requester) (code, signature string, err error) {
	code = unitFrom(ctx).insert.code.String()
	return code, code, nil
}

// ValidateAuthorizeCode has nothing left to judge: the storage has, from the row.
func (codeStrategy) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error {
	return nil
}
