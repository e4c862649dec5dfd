package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// refreshToken is gth_rt_ + base64url(key number ‖ grant id ‖ generation ‖ secret ‖ seal).
// The seal proves that the token was ours once: the grant's id stands in every
// access token, so without it anyone could present an "old" token and have the
// grant killed as stolen.
type refreshToken struct {
	grant      authz.GrantID
	generation int32
	secret     []byte
}

const (
	sealSize        = 16
	refreshBodySize = 1 + 16 + 4 + secretSize
	// keyNumber says under which keys a token was made; there is one set so far.
	keyNumber = 1
)

// refreshTokens makes refresh tokens and knows their successors.
type refreshTokens struct {
	ratchet []byte
	seal    []byte
}

func (t refreshTokens) encode(r refreshToken) string {
	body := make([]byte, 0, refreshBodySize+sealSize)
	body = append(body, keyNumber)
	body = append(body, r.grant[:]...)
	body = binary.BigEndian.AppendUint32(body, uint32(r.generation))
	body = append(body, r.secret...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(append(body, t.sealOf(body)...))
}

func (t refreshTokens) sealOf(body []byte) []byte {
	mac := hmac.New(sha256.New, t.seal)
	mac.Write(body)
	return mac.Sum(nil)[:sealSize]
}

// parse reads a refresh token and proves its seal, without asking the database.
func (t refreshTokens) parse(s string) (refreshToken, error) {
	raw, err := decodeOpaque(s, refreshPrefix, refreshBodySize+sealSize)
	if err != nil {
		return refreshToken{}, err
	}
	body, seal := raw[:refreshBodySize], raw[refreshBodySize:]
	if body[0] != keyNumber || !hmac.Equal(seal, t.sealOf(body)) {
		return refreshToken{}, errMalformed
	}
	return refreshToken{
		grant:      authz.GrantID(body[1:17]),
		generation: int32(binary.BigEndian.Uint32(body[17:21])),
		secret:     body[21:],
	}, nil
}

// successor is the one token that can follow: asking again after a lost answer,
// or a hundred times at once, yields the same bytes.
func (t refreshTokens) successor(r refreshToken) refreshToken {
	mac := hmac.New(sha256.New, t.ratchet)
	mac.Write(r.grant[:])
	mac.Write(binary.BigEndian.AppendUint32(nil, uint32(r.generation+1)))
	mac.Write(r.secret)
	return refreshToken{grant: r.grant, generation: r.generation + 1, secret: mac.Sum(nil)}
}

func (r refreshToken) fits(hash []byte) bool {
	return subtle.ConstantTimeCompare(digest(r.secret), hash) == 1
}

// refreshTokenStrategy makes refresh tokens: the first of a chain at random, every
// other as the successor of the one presented.
type refreshTokenStrategy struct{ provider *Provider }

func (refreshTokenStrategy) RefreshTokenSignature(_ context.Context, token string) string {
	return token
}

func (s refreshTokenStrategy) GenerateRefreshToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	u := unitFrom(ctx)
	if u.grantType == storage.GrantRefreshToken && u.keepsRefreshToken {
		token = s.provider.refresh.encode(u.refresh.token)
		return token, token, nil
	}
	if u.grantType == storage.GrantRefreshToken {
		token = s.provider.refresh.encode(s.provider.refresh.successor(u.refresh.token))
		return token, token, nil
	}
	id, err := authz.ParseID[authz.GrantID](r.GetID())
	if err != nil {
		return "", "", fmt.Errorf("make refresh token: %w", err)
	}
	u.firstToken = &refreshToken{grant: id, secret: newSecret()}
	token = s.provider.refresh.encode(*u.firstToken)
	return token, token, nil
}

func (refreshTokenStrategy) ValidateRefreshToken(context.Context, fosite.Requester, string) error {
	return nil // judged by the storage, from the row
}

// loadRefresh reads the grant of a refresh token, once, and judges where in the
// chain the token stands.
func (u *unit) loadRefresh(ctx context.Context, raw string) (*postgres.Granted, error) {
	if u.loaded != nil || u.loadErr != nil {
		return u.loaded, u.loadErr
	}
	u.loaded, u.loadErr = u.readRefresh(ctx, raw)
	return u.loaded, u.loadErr
}

func (u *unit) readRefresh(ctx context.Context, raw string) (*postgres.Granted, error) {
	token, err := u.provider.refresh.parse(raw)
	if err != nil {
		return nil, fosite.ErrNotFound.WithWrap(err)
	}
	u.refresh.token = token
	g, err := u.read(ctx, token.grant)
	if err != nil {
		return nil, err
	}
	if err := u.judge(g); err != nil {
		return nil, err
	}
	lifetimes := u.provider.Lifetimes
	if !u.now.Before(g.Grant.RotatedAt.Add(lifetimes.RefreshIdle)) || !u.now.Before(g.Grant.RequestedAt.Add(lifetimes.RefreshAbsolute)) {
		return nil, fosite.ErrNotFound
	}
	return g, u.place(&g.Grant)
}

// place decides what a sealed token is to the chain it came from.
func (u *unit) place(g *storage.Grant) error {
	token := u.refresh.token
	switch {
	case g.RefreshHash == nil:
		return fosite.ErrNotFound
	case token.generation == g.Generation && token.fits(g.RefreshHash):
		u.refresh.answered = false
		return nil
	case token.generation == g.Generation-1 && u.now.Before(g.RotatedAt.Add(u.provider.Lifetimes.RefreshGrace)) &&
		u.provider.refresh.successor(token).fits(g.RefreshHash):
		u.refresh.answered = true
		return nil
	}
	// RFC 9700 §4.14.2: reuse means theft, so the whole family dies.
	return fosite.ErrInactiveToken
}

func (u *unit) flushRotation(ctx context.Context) error {
	g, token := u.loaded.Grant, u.refresh.token
	next := u.provider.refresh.successor(token)
	err := u.provider.Store.ForUser(g.User).RotateRefreshToken(ctx, g.ID, token.generation, digest(token.secret), digest(next.secret), u.now)
	if !errors.Is(err, storage.ErrConsumed) {
		return err
	}
	// Somebody was faster with the same token: within the grace the answer is the
	// same successor that they got.
	again, err := u.read(ctx, g.ID)
	if err != nil {
		return err
	}
	if u.judge(again) != nil || u.place(&again.Grant) != nil || !u.refresh.answered {
		return fosite.ErrInvalidGrant
	}
	return nil
}
