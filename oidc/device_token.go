package oidc

import (
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// deviceCodeHandler is the device code grant at the token endpoint (RFC 8628
// §3.4). fosite's own keeps two requests and no count of polls.
type deviceCodeHandler struct {
	provider *Provider
	idToken  *openid.IDTokenHandleHelper
}

func (deviceCodeHandler) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool {
	return false
}

func (deviceCodeHandler) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(storage.GrantDeviceCode)
}

func (deviceCodeHandler) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	c, u := request.GetClient().(client), unitFrom(ctx)
	if !c.Allows(storage.GrantDeviceCode) {
		return fosite.ErrUnauthorizedClient
	}
	raw := request.GetRequestForm().Get("device_code")
	if raw == "" {
		return badRequest("invalid_request", "The parameter device_code is missing.")
	}
	g, err := u.loadDevice(ctx, c, raw)
	if err != nil {
		return err
	}
	u.redeemDevice = true
	return u.adopt(ctx, request, g)
}

// adopt makes a grant that was read the one that the request is answered from.
func (u *unit) adopt(ctx context.Context, request fosite.AccessRequester, g *postgres.Granted) error {
	granted, err := u.hydrate(ctx, g)
	if err != nil {
		return err
	}
	request.SetID(granted.GetID())
	request.SetSession(granted.GetSession())
	for _, scope := range granted.GetGrantedScopes() {
		request.GrantScope(scope)
	}
	return nil
}

func (h deviceCodeHandler) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	return h.provider.populate(ctx, h.idToken, request, response)
}

// populate gives all the tokens that a grant without an authorization code leads to.
func (p *Provider) populate(ctx context.Context, idToken *openid.IDTokenHandleHelper, request fosite.AccessRequester, response fosite.AccessResponder) error {
	if err := p.giveAccessToken(ctx, request, response); err != nil {
		return err
	}
	if request.GetGrantedScopes().Has(string(authz.ScopeOfflineAccess)) && request.GetClient().GetGrantTypes().Has(storage.GrantRefreshToken) {
		refresh, _, err := refreshTokenStrategy{p}.GenerateRefreshToken(ctx, request)
		if err != nil {
			return err
		}
		response.SetExtra("refresh_token", refresh)
	}
	if !request.GetGrantedScopes().Has(string(authz.ScopeOpenID)) {
		return nil
	}
	request.GetSession().(openid.Session).IDTokenClaims().AccessTokenHash = idToken.GetAccessTokenHash(ctx, request, response)
	return idToken.IssueExplicitIDToken(ctx, p.Lifetimes.IDToken, request, response)
}

// loadDevice asks what has become of a device code, which counts as a poll, and
// reads the grant once the person has said yes.
func (u *unit) loadDevice(ctx context.Context, c client, raw string) (*postgres.Granted, error) {
	unknown := badRequest("invalid_grant", "The device_code is unknown, was used before, or belongs to another client.")
	code, err := parseDeviceCode(raw)
	if err != nil {
		return nil, unknown
	}
	poll, err := u.provider.Store.PollDeviceCode(ctx, code.grant, digest(code.secret), c.ID, u.now, pollJitter, pollPenalty)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	return u.loadAnswered(ctx, code.grant, poll, unknown)
}

// loadAnswered reads the grant that a person's yes led to.
func (u *unit) loadAnswered(ctx context.Context, id authz.GrantID, poll storage.Poll, unknown error) (_ *postgres.Granted, err error) {
	if err := judgePoll(poll, u.now); err != nil {
		return nil, err
	}
	u.loaded, err = u.read(ctx, id)
	if errors.Is(err, fosite.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	if u.judge(u.loaded) != nil {
		return nil, badRequest("invalid_grant", "The sign-in that stood behind this request was ended.")
	}
	return u.loaded, nil
}

// judgePoll is RFC 8628 §3.5, code by code; nil when there are tokens to be had.
func judgePoll(poll storage.Poll, now time.Time) error {
	switch {
	case !now.Before(poll.ExpiresAt):
		return badRequest("expired_token", "Nobody answered in time. Begin again.")
	case poll.Approved:
		return nil
	case poll.Decided:
		return badRequest("access_denied", "The user denied the request.")
	case poll.Hasty:
		return badRequest("slow_down", "Polled too soon: from now on wait five seconds longer each time.")
	}
	return badRequest("authorization_pending", "The user has not answered yet.")
}

func (u *unit) flushDevice(ctx context.Context) error {
	var hash []byte
	if u.firstToken != nil {
		hash = digest(u.firstToken.secret)
	}
	err := u.provider.Store.RedeemDeviceCode(ctx, u.loaded.Grant.ID, hash, u.boundDetails(), u.now)
	if errors.Is(err, storage.ErrConsumed) {
		return badRequest("invalid_grant", "The device_code was used before.")
	}
	return err
}
