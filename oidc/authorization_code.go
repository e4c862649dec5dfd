package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// authorizationCode is gth_ac_ + base64url(grant id ‖ secret).
type authorizationCode struct {
	grant  authz.GrantID
	secret []byte
}

func (c authorizationCode) encode() string {
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
	code = unitFrom(ctx).insert.code.encode()
	return code, code, nil
}

// ValidateAuthorizeCode has nothing left to judge: the storage has, from the row.
func (codeStrategy) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error {
	return nil
}

// loadCode reads the grant of an authorization code, once.
func (u *unit) loadCode(ctx context.Context, raw string) (*postgres.Granted, error) {
	if u.loaded != nil || u.loadErr != nil {
		return u.loaded, u.loadErr
	}
	u.loaded, u.loadErr = u.readCode(ctx, raw)
	return u.loaded, u.loadErr
}

func (u *unit) readCode(ctx context.Context, raw string) (*postgres.Granted, error) {
	code, err := parseAuthorizationCode(raw)
	if err != nil {
		u.madeUp = true
		return nil, fosite.ErrNotFound.WithWrap(err)
	}
	g, err := u.read(ctx, code.grant)
	if err != nil {
		u.madeUp = errors.Is(err, fosite.ErrNotFound)
		return nil, err
	}
	if !code.fits(g.Grant.CodeHash) {
		u.madeUp = true
		return nil, fosite.ErrNotFound
	}
	if !g.Grant.CodeUsedAt.IsZero() {
		return g, fosite.ErrInvalidatedAuthorizeCode
	}
	if !u.now.Before(g.Grant.IssuedAt.Add(u.provider.Lifetimes.Code)) {
		return nil, fosite.ErrNotFound
	}
	return g, u.judge(g)
}

func (u *unit) flushCode(ctx context.Context) error {
	var hash []byte
	if u.firstToken != nil {
		hash = digest(u.firstToken.secret)
	}
	g := u.loaded.Grant
	err := u.provider.Store.ForUser(g.User).ConsumeCode(ctx, g.ID, hash, u.boundDetails(), u.now)
	if !errors.Is(err, storage.ErrConsumed) {
		return err
	}
	// Two came at once and the other one won. RFC 6749 §4.1.2: a code that was
	// presented twice is worth nothing any more, to whomever.
	if err := u.kill(ctx, "authorization code presented twice"); err != nil {
		return err
	}
	return fosite.ErrInvalidGrant
}
