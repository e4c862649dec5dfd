package oidc

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

const (
	// accessTokenType is RFC 8693 §3: the one type that is taken and given.
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	// maxDelegation bounds how many hands a token may pass through.
	maxDelegation = 4
)

// actor is who acts in the name of the subject, and who did before (RFC 8693 §4.1).
type actor struct {
	Subject string `json:"sub"`
	Before  *actor `json:"act,omitempty"`
}

func (a *actor) depth() int {
	n := 0
	for ; a != nil; a = a.Before {
		n++
	}
	return n
}

// tokenExchangeHandler is the token exchange grant (RFC 8693): a client turns a
// token that a user's app has handed it into one of its own, for less and perhaps
// for another resource. The new token says in whose hands it is, holds no scope that the
// first one, the user, the client or an agent's owner lacks, lives no longer,
// and dies with the grant and the session of the first.
type tokenExchangeHandler struct{ provider *Provider }

func (tokenExchangeHandler) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool {
	return false
}

func (tokenExchangeHandler) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(storage.GrantTokenExchange)
}

func (h tokenExchangeHandler) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	c, u, p := request.GetClient().(client), unitFrom(ctx), h.provider
	// A public client proves nothing, so a token in its hands is nobody's delegation.
	if !c.Allows(storage.GrantTokenExchange) || c.Public() {
		return fosite.ErrUnauthorizedClient
	}
	asked := request.GetRequestForm()
	for name, expected := range map[string]string{"requested_token_type": accessTokenType, "subject_token_type": accessTokenType, "actor_token_type": accessTokenType} {
		if given := asked.Get(name); given != "" && given != expected {
			return badRequest("invalid_request", "The "+name+" is not supported: access tokens are exchanged for access tokens.")
		}
	}
	if asked.Get("subject_token_type") == "" || asked.Has("actor_token") != asked.Has("actor_token_type") {
		return badRequest("invalid_request", "Each token needs its type beside it (RFC 8693 §2.1).")
	}
	subject, err := p.exchangeable(ctx, c, asked.Get("subject_token"))
	if err != nil {
		return err
	}
	acting, err := p.actorOf(ctx, c, subject, asked.Get("actor_token"))
	if err != nil {
		return err
	}
	granted, scopes, err := p.delegate(ctx, c, subject, u.targets, request.GetRequestedScopes())
	if err != nil {
		return err
	}
	session := newUserSession(c.Client, granted)
	session.targets, session.actor, session.notAfter = u.targets, acting, time.Unix(subject.ExpiresAt, 0)
	request.SetSession(session)
	for _, scope := range scopes {
		request.GrantScope(string(scope))
	}
	return nil
}

func (h tokenExchangeHandler) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	response.SetExtra("issued_token_type", accessTokenType)
	return h.provider.giveAccessToken(ctx, request, response)
}

// destinations is the parameters that say where a token is to be used. An exchange may
// name a service by its address or by a logical name (RFC 8693 §2.1), which here are one.
func destinations(grantType string, parameters url.Values) url.Values {
	if grantType != storage.GrantTokenExchange {
		return parameters
	}
	return url.Values{"resource": slices.Concat(parameters["resource"], parameters["audience"])}
}

// invalidSubject is RFC 8693 §2.2.2. Every cause is answered alike, so that nothing can be
// learned about another client's token.
func invalidSubject() error {
	return badRequest("invalid_request", "The subject_token is not a live access token of a user that this client may exchange.")
}

// exchangeable reads a subject token: of a user, alive, of the client's own tenant,
// and given to a client whose tokens this one may take.
func (p *Provider) exchangeable(ctx context.Context, c client, token string) (accessClaims, error) {
	claims, err := p.openAccessToken(token)
	if err != nil || claims.GrantID == "" {
		return claims, invalidSubject()
	}
	allowed := claims.ClientID == c.ID || slices.Contains(c.Metadata.ExchangesTokensOf, string(claims.ClientID))
	if !allowed || !c.Tenant.IsZero() && c.Tenant.String() != claims.TenantID || claims.Confirmation != nil {
		return claims, invalidSubject()
	}
	s, err := p.stand(ctx, claims)
	if err != nil {
		return claims, err
	}
	if !s.active {
		return claims, invalidSubject()
	}
	return s.claims, nil
}

// actorOf is who acts with the new token: the client, or the one of the actor token,
// which must be the client's own. Exchanging one's own token adds nobody.
func (p *Provider) actorOf(ctx context.Context, c client, subject accessClaims, token string) (*actor, error) {
	acting := &actor{Subject: string(c.ID), Before: subject.Actor}
	switch {
	case token != "":
		claims, err := p.openAccessToken(token)
		if err != nil || claims.ClientID != c.ID {
			return nil, badRequest("invalid_request", "The actor_token is not a live access token of this client.")
		}
		s, err := p.stand(ctx, claims)
		if err != nil {
			return nil, err
		}
		if !s.active {
			return nil, badRequest("invalid_request", "The actor_token is not a live access token of this client.")
		}
		acting.Subject = claims.Subject
	case subject.ClientID == c.ID:
		acting = subject.Actor
	}
	if acting.depth() > maxDelegation {
		return nil, badRequest("invalid_request", "The token has passed through too many hands.")
	}
	return acting, nil
}

// delegate derives what the client may do for the user with the token that it was
// handed: nothing that the token does not allow already.
func (p *Provider) delegate(ctx context.Context, c client, subject accessClaims, targets []string, asked fosite.Arguments) (*postgres.Granted, authz.ScopeSet, error) {
	person, err := p.Store.ForUser(subject.user()).Person(ctx)
	if err != nil {
		return nil, nil, err
	}
	in := subject.context()
	if !person.DisabledAt.IsZero() || !c.Admits(&person.Rights, in) {
		return nil, nil, badRequest("access_denied", "This client is not open to the user.")
	}
	if err := p.checkReach(ctx, targets, in.Tenant); err != nil {
		return nil, nil, err
	}
	held := parsedScopes(subject.Scope)
	requested := held
	if len(asked) > 0 {
		if requested, err = authz.ParseScopeSet(strings.Join(asked, " ")); err != nil || !held.HasAll(requested...) {
			return nil, nil, badRequest("invalid_scope", "The requested scope is malformed or exceeds that of the subject_token.")
		}
	}
	d, err := p.derive(ctx, requested, c.Client, &person, in, targets)
	if err != nil {
		return nil, nil, err
	}
	if len(d.Granted) == 0 || len(asked) > 0 && len(d.Dropped()) > 0 {
		return nil, nil, badRequest("invalid_scope", "Nothing, or not all, of what was requested may be granted to this client for this user.")
	}
	grant, _ := authz.ParseID[authz.GrantID](subject.GrantID)
	sid, _ := authz.ParseID[authz.SessionID](subject.SID)
	return &postgres.Granted{Person: person, Grant: storage.Grant{
		ID: grant, User: person.ID, SID: sid, Client: c.ID, Tenant: in.Tenant, Project: in.Project,
		AuthTime: time.Unix(subject.AuthTime, 0), ACR: subject.ACR, AMR: subject.AMR,
	}}, d.Granted, nil
}
