package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

const (
	// identityAssertion is the typ of an Identity Assertion JWT Authorization Grant, by which
	// an enterprise's identity provider lets one program act for its people at another.
	identityAssertion = "oauth-id-jag+jwt"
	// identityAssertionProfile is how it is announced.
	identityAssertionProfile = "urn:ietf:params:oauth:grant-profile:id-jag"
)

// grantAssertion is what an assertion says that stands for a sign-in (RFC 7523 §3). The
// last three are of an Identity Assertion JWT Authorization Grant, and bind wherever they stand.
type grantAssertion struct {
	assertionClaims
	ClientID string       `json:"client_id"`
	Scope    string       `json:"scope"`
	Resource jwt.Audience `json:"resource"` // one text or a list
}

// errAssertion is one sentence for every cause; the log knows which.
var errAssertion = badRequest("invalid_grant", "The assertion is not one that this client may present: signed by an issuer that is trusted and that it is registered for, made for this server, alive, new, and of a user to whom it is open.")

func refusedAssertion(cause string) error {
	return fmt.Errorf("assertion: %s: %w", cause, errAssertion)
}

// jwtBearerHandler is the JWT bearer grant (RFC 7523 §2.1): somebody whom the operator
// trusts vouches for a person, and a client gets a token of theirs without a browser. It holds
// no scope that the person, the client or what the issuer is trusted with lacks. Nobody has
// signed in, so it has no acr and no session, and there is no refresh token.
type jwtBearerHandler struct{ provider *Provider }

func (jwtBearerHandler) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool {
	return false
}

func (jwtBearerHandler) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(storage.GrantJWTBearer)
}

func (h jwtBearerHandler) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	u, v := unitFrom(ctx), vouched{provider: h.provider, client: request.GetClient().(client).Client}
	// Whoever finds an assertion must not be able to use it, so the client proves who it is.
	if !v.client.Allows(storage.GrantJWTBearer) || v.client.Public() {
		return fosite.ErrUnauthorizedClient
	}
	assertion := request.GetRequestForm().Get("assertion")
	if assertion == "" {
		return badRequest("invalid_request", "The parameter assertion is missing.")
	}
	if err := v.open(ctx, assertion); err != nil {
		return err
	}
	if err := v.findPerson(ctx); err != nil {
		return err
	}
	if err := v.aim(ctx, u.targets); err != nil {
		return err
	}
	if err := v.derive(ctx, request.GetRequestedScopes()); err != nil {
		return err
	}
	if err := v.findGrant(ctx); err != nil {
		return err
	}
	u.vouched = &v
	grant := v.grant
	grant.SID = authz.SessionID{} // what stands there in the row is no session
	request.SetSession(newUserSession(v.client, &postgres.Granted{Person: v.person, Grant: grant}))
	for _, scope := range grant.Scopes {
		request.GrantScope(string(scope))
	}
	return nil
}

func (h jwtBearerHandler) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	return h.provider.giveAccessToken(ctx, request, response)
}

// open proves an assertion: of an issuer that the client's tenant trusts with people and
// the client is registered for, for this server alone, and alive. It is not spent yet.
func (v *vouched) open(ctx context.Context, assertion string) error {
	token, err := parseAssertion(assertion)
	if err != nil || len(token.Headers) != 1 {
		return refusedAssertion("it is not a JWT signed with a supported algorithm")
	}
	var unproven jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&unproven); err != nil {
		return refusedAssertion("its claims are malformed")
	}
	if unproven.Issuer == v.provider.Issuer || !slices.Contains(v.client.Metadata.TakesAssertionsOf, unproven.Issuer) {
		return refusedAssertion("the client is not registered for its iss")
	}
	v.issuer, err = v.provider.Store.ForTenant(v.client.Tenant).TrustedIssuer(ctx, storage.VouchesForPeople, unproven.Issuer)
	if errors.Is(err, storage.ErrNotFound) {
		return refusedAssertion("its iss is not trusted")
	}
	if err != nil {
		return err
	}
	if !v.provider.issuedBy(ctx, v.issuer, token, &v.says) {
		return refusedAssertion("none of the issuer's keys has signed it")
	}
	return v.judge(token.Headers[0])
}

// judge is RFC 7523 §3, and what an Identity Assertion JWT Authorization Grant says of
// the client that it is for.
func (v *vouched) judge(header jose.Header) error {
	p, says := v.provider, v.says
	typ, typed := header.ExtraHeaders[jose.HeaderType]
	switch {
	case typed && typ != "JWT" && typ != identityAssertion:
		return refusedAssertion("its typ is of another kind of token")
	case says.Subject == "" || says.ID == "":
		return refusedAssertion("its sub or jti is missing")
	case says.Audience != p.Issuer && says.Audience != p.endpoint(TokenPath):
		return refusedAssertion("its aud is not this issuer, nor its token endpoint, alone")
	case !says.timely(p.Now()):
		return refusedAssertion("it is not of this moment, or good for more than five minutes")
	case says.ClientID != string(v.client.ID) && (says.ClientID != "" || typ == identityAssertion):
		return refusedAssertion("its client_id is another one")
	}
	return nil
}

// issuedBy proves that a trusted issuer signed a token and reads its claims.
func (p *Provider) issuedBy(ctx context.Context, i storage.TrustedIssuer, token *jwt.JSONWebToken, claims any) bool {
	if len(token.Headers) != 1 || len(i.Algorithms) > 0 && !slices.Contains(i.Algorithms, token.Headers[0].Algorithm) {
		return false
	}
	return p.signedWith(ctx, keySource{i.Issuer, i.JWKS, i.JWKSURI}, token, claims)
}

func (u *unit) flushAssertion(ctx context.Context) error {
	v := u.vouched
	id := digest([]byte(v.issuer.Issuer + "\x00" + v.says.ID))
	err := u.provider.Store.ForUser(v.person.ID).SpendAssertion(ctx, v.grant, v.kept, id, v.says.ExpiresAt.Time())
	if errors.Is(err, storage.ErrConsumed) {
		return refusedAssertion("it was used before")
	}
	return err
}
