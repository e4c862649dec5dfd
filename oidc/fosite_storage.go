package oidc

import (
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	"github.com/gatehouse/gatehouse/authz"
)

// fositeStorage is what fosite stores through: marks on the unit, nothing more.
type fositeStorage struct{ provider *Provider }

func (s fositeStorage) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	return s.provider.activeClient(ctx, id)
}

// Assertions are judged by our own client authentication; fosite never asks.
func (fositeStorage) ClientAssertionJWTValid(context.Context, string) error { return errNotAsked }
func (fositeStorage) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return errNotAsked
}

var errNotAsked = errors.New("oidc: fosite asked for something that is decided elsewhere")

func (s fositeStorage) CreateAuthorizeCodeSession(ctx context.Context, _ string, _ fosite.Requester) error {
	u := unitFrom(ctx)
	return s.provider.Store.ForUser(u.insert.grant.User).InsertGrant(ctx, u.insert.grant, u.insert.remember)
}

func (s fositeStorage) GetAuthorizeCodeSession(ctx context.Context, code string, _ fosite.Session) (fosite.Requester, error) {
	u := unitFrom(ctx)
	g, err := u.loadCode(ctx, code)
	return u.request(ctx, g, err)
}

func (fositeStorage) InvalidateAuthorizeCodeSession(ctx context.Context, _ string) error {
	unitFrom(ctx).consumeCode = true
	return nil
}

// The challenge stands in the grant's row and is never deleted before the code
// is spent, so a wrong verifier cannot make way for none.
func (fositeStorage) CreatePKCERequestSession(context.Context, string, fosite.Requester) error {
	return nil
}
func (s fositeStorage) GetPKCERequestSession(ctx context.Context, code string, session fosite.Session) (fosite.Requester, error) {
	return s.GetAuthorizeCodeSession(ctx, code, session)
}
func (fositeStorage) DeletePKCERequestSession(context.Context, string) error { return nil }

func (fositeStorage) CreateOpenIDConnectSession(context.Context, string, fosite.Requester) error {
	return nil
}
func (s fositeStorage) GetOpenIDConnectSession(ctx context.Context, code string, request fosite.Requester) (fosite.Requester, error) {
	r, err := s.GetAuthorizeCodeSession(ctx, code, request.GetSession())
	if err == nil && !r.GetGrantedScopes().Has(string(authz.ScopeOpenID)) {
		return nil, openid.ErrNoSessionFound
	}
	return r, err
}
func (fositeStorage) DeleteOpenIDConnectSession(context.Context, string) error { return nil }

// Access tokens are not stored.
func (fositeStorage) CreateAccessTokenSession(context.Context, string, fosite.Requester) error {
	return nil
}
func (fositeStorage) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, errNotAsked
}
func (fositeStorage) DeleteAccessTokenSession(context.Context, string) error { return errNotAsked }

func (fositeStorage) CreateRefreshTokenSession(context.Context, string, string, fosite.Requester) error {
	return nil // the strategy left the token on the unit
}

func (s fositeStorage) GetRefreshTokenSession(ctx context.Context, token string, _ fosite.Session) (fosite.Requester, error) {
	u := unitFrom(ctx)
	g, err := u.loadRefresh(ctx, token)
	return u.request(ctx, g, err)
}

func (fositeStorage) DeleteRefreshTokenSession(context.Context, string) error { return nil }

func (fositeStorage) RotateRefreshToken(ctx context.Context, _, _ string) error {
	unitFrom(ctx).rotate = true
	return nil
}

func (fositeStorage) RevokeRefreshToken(ctx context.Context, _ string) error {
	return unitFrom(ctx).kill(ctx, "code or refresh token used again")
}
func (fositeStorage) RevokeAccessToken(ctx context.Context, _ string) error {
	return unitFrom(ctx).kill(ctx, "code or refresh token used again")
}
