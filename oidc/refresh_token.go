package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/ory/fosite"
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
