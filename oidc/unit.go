package oidc

import (
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// unit is one request's unit of work. fosite's handlers read the grant through
// it (loaded once) and mark what they mean to change; flush decides, after the
// whole response stands, with one conditional statement.
type unit struct {
	provider  *Provider
	grantType string
	now       time.Time

	// What an authorization request is about to become.
	insert *insertion

	loaded   *postgres.Granted
	loadErr  error
	hydrated *fosite.Request
	// madeUp: the authorization code is none that was ever given out.
	madeUp bool

	refresh presentedRefresh

	// What fosite's handlers marked.
	consumeCode   bool
	redeemDevice  bool
	redeemRequest bool
	vouched       *vouched
	rotate        bool
	firstToken    *refreshToken
	killed        bool
	// killErr is why a grant that must die lives on: fosite swallows it.
	killErr error

	// keepsRefreshToken: the client's refresh token stays the same (FAPI 2.0 §5.3.2.1: its
	// own proof makes rotation needless, and a lost answer must not lock it out).
	keepsRefreshToken bool

	// narrowTo is the scope parameter of a refresh, nil when there is none.
	narrowTo authz.ScopeSet
	// targets are the resources that the token request named; nil for none.
	targets []string
	// details are the authorization details that the token request named; nil for none.
	details []storage.AuthorizationDetail
	// proof is the DPoP proof of the request, nil for none; confirm is what the
	// tokens are bound to, and bindGrant that the grant is bound to it too from now on.
	proof     *dpop.Proof
	confirm   *confirmation
	bindGrant bool
	// certificate is the thumbprint of the client's certificate, "" without one.
	certificate string
}

// fapiCodeLifetime is how long a code is good for at most under a profile, however long
// the operator lets others be (FAPI 2.0 Security Profile §5.3.2.1).
const fapiCodeLifetime = time.Minute

type insertion struct {
	grant    storage.Grant
	remember *storage.Consent
	code     authorizationCode
}

// presentedRefresh is a refresh token and how it stands to the grant's chain.
type presentedRefresh struct {
	token refreshToken
	// answered: the token is one behind, within the grace: its successor was
	// issued already and is given again, without a write.
	answered bool
}

type unitKey struct{}

func (p *Provider) withUnit(ctx context.Context, grantType string) (context.Context, *unit) {
	u := &unit{provider: p, grantType: grantType, now: p.Now()}
	return context.WithValue(ctx, unitKey{}, u), u
}

func unitFrom(ctx context.Context) *unit {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok {
		// fosite is called by this package alone, and always with a unit.
		panic("oidc: fosite was called without a unit of work")
	}
	return u
}

func (u *unit) read(ctx context.Context, id authz.GrantID) (*postgres.Granted, error) {
	g, err := u.provider.Store.Granted(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, fosite.ErrNotFound.WithWrap(err)
	case err != nil:
		return nil, err
	}
	return &g, nil
}

// judge refuses a grant whose person or tenant may not act any more.
func (u *unit) judge(g *postgres.Granted) error {
	_, member := g.Person.Tenant(g.Grant.Tenant)
	if !g.Grant.RevokedAt.IsZero() || g.SessionDead || !g.Person.DisabledAt.IsZero() || !member {
		return fosite.ErrNotFound
	}
	return nil
}

// kill revokes the grant and every token it gave, at once and once: fosite asks
// for it on the way to an error, and for each kind of token.
func (u *unit) kill(ctx context.Context, reason string) error {
	if u.killed || u.loaded == nil {
		return nil
	}
	g := u.loaded.Grant
	// Hanging up does not save a grant.
	u.killErr = u.provider.Store.ForUser(g.User).RevokeGrant(context.WithoutCancel(ctx), storage.Revocation{
		JTI: g.ID.String(), User: g.User, Tenant: g.Tenant, Client: g.Client, Reason: reason,
		RevokedAt: u.now, ExpiresAt: u.provider.deadUntil(u.now),
	})
	u.killed = u.killErr == nil
	return u.killErr
}

// flush makes true what was marked. It runs when the whole response stands, so
// that a token that could not be signed leaves nothing behind.
func (u *unit) flush(ctx context.Context) error {
	switch {
	case u.consumeCode:
		return u.flushCode(ctx)
	case u.redeemDevice:
		return u.flushDevice(ctx)
	case u.redeemRequest:
		return u.flushRequest(ctx)
	case u.vouched != nil:
		return u.flushAssertion(ctx)
	case u.rotate && u.keepsRefreshToken:
		return u.provider.Store.ForUser(u.loaded.Grant.User).UseRefreshToken(ctx, u.loaded.Grant.ID, u.now)
	case u.rotate && !u.refresh.answered:
		return u.flushRotation(ctx)
	}
	return nil
}

// request is a loaded grant as fosite wants to read it back. Where a code or
// token was used before, fosite asks for the id of what is to die.
func (u *unit) request(ctx context.Context, g *postgres.Granted, err error) (fosite.Requester, error) {
	switch {
	case g == nil:
		return nil, err
	case err != nil:
		return &fosite.Request{ID: g.Grant.ID.String(), Client: nobody}, err
	case u.hydrated != nil:
		return u.hydrated, nil
	}
	u.hydrated, err = u.hydrate(ctx, g)
	if err != nil {
		return nil, err
	}
	return u.hydrated, nil
}

// hydrate turns a grant into the request that fosite reads back, with the scopes
// that the person and the client may have at this moment.
func (u *unit) hydrate(ctx context.Context, g *postgres.Granted) (*fosite.Request, error) {
	c, err := u.provider.activeClient(ctx, string(g.Grant.Client))
	if err != nil {
		return nil, err
	}
	if !c.Admits(&g.Person.Rights, contextOf(g.Grant)) {
		return nil, badRequest("invalid_grant", notOpen)
	}
	u.keepsRefreshToken = c.Metadata.Profile != ""
	if c.Metadata.Profile != "" && u.grantType == storage.GrantAuthorizationCode && !u.now.Before(g.Grant.IssuedAt.Add(fapiCodeLifetime)) {
		return nil, fosite.ErrNotFound
	}
	targets, err := narrowTargets(g.Grant, u.targets)
	if err != nil {
		return nil, err
	}
	scopes, err := u.provider.currentScopes(ctx, c.Client, g, targets)
	if err != nil {
		return nil, err
	}
	held := len(scopes) // whoever asks for what was not granted is told so later, by another error
	if u.narrowTo != nil {
		scopes = u.narrowTo.Intersect(scopes)
	}
	r := fosite.NewRequest()
	r.ID = g.Grant.ID.String()
	r.RequestedAt = g.Grant.RequestedAt
	r.Client = c
	r.RequestedScope = g.Grant.Requested.Strings()
	r.GrantedScope = scopes.Strings()
	session := newUserSession(c.Client, g)
	session.targets = targets
	if session.details, err = u.provider.currentDetails(ctx, c.Client, g.Grant, targets, u.details); err != nil {
		return nil, err
	}
	if held+len(session.details) == 0 && len(g.Grant.Scopes)+len(g.Grant.Details.Authorization) > 0 {
		return nil, badRequest("invalid_grant", "Nothing of what was granted is held by the user any more.")
	}
	r.Session = session
	r.Form.Set("redirect_uri", g.Grant.Request.RedirectURI)
	r.Form.Set("code_challenge", g.Grant.Request.CodeChallenge)
	r.Form.Set("code_challenge_method", "S256")
	return r, nil
}
