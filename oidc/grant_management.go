package oidc

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// GrantsPath is the grant management endpoint: a grant is one level below, by its id.
const GrantsPath = "/oauth2/grants"

// The scopes of a token that a client got for itself, to manage its grants with
// (Grant Management for OAuth 2.0 §6.1). An operator allows them like any other.
const (
	scopeQueryGrant  authz.Scope = "grant_management_query"
	scopeRevokeGrant authz.Scope = "grant_management_revoke"
)

// errNoGrant is of every grant that is unknown, dead or another client's.
var errNoGrant = &Error{Code: "invalid_grant_id", Status: http.StatusNotFound, Description: "There is no such grant of this client."}

// checkGrantManagement: each authorization is a grant of its own, so that create is
// what happens anyway, and what a client gets by asking is to be told the id.
func (p *Provider) checkGrantManagement(_ context.Context, a *authorization) error {
	action := a.Parameters.Get("grant_management_action")
	switch {
	case action != "" && action != "create":
		return badRequest("invalid_request", "The grant_management_action is not supported: use create.")
	case a.Parameters.Has("grant_id"):
		return badRequest("invalid_request", "A grant_id is of no use here: a grant is not changed, another one is created.")
	}
	return nil
}

// QueryGrant tells a client what one of its grants is good for at this moment (Grant
// Management for OAuth 2.0 §6.3).
func (p *Provider) QueryGrant(w http.ResponseWriter, r *http.Request) {
	caller, granted, err := p.managedGrant(w, r, scopeQueryGrant)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	details := granted.Grant.Details
	scopes, err := p.currentScopes(r.Context(), caller, granted, details.Resources)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	type scopesOf struct {
		Scope     string   `json:"scope"`
		Resources []string `json:"resources,omitempty"`
	}
	p.writeJSON(w, http.StatusOK, struct {
		Scopes []scopesOf `json:"scopes"`
		Claims []string   `json:"claims,omitempty"`
	}{[]scopesOf{{scopes.String(), details.Resources}}, details.IDTokenClaims})
}

// RevokeGrant ends one of a client's grants with every token that came of it (Grant
// Management for OAuth 2.0 §6.4).
func (p *Provider) RevokeGrant(w http.ResponseWriter, r *http.Request) {
	caller, granted, err := p.managedGrant(w, r, scopeRevokeGrant)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	now := p.Now()
	err = p.Store.RevokeGrantOf(r.Context(), caller.ID, storage.Revocation{
		JTI: granted.Grant.ID.String(), Client: caller.ID, Reason: "revoked by its client", RevokedAt: now, ExpiresAt: p.deadUntil(now),
	})
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// managedGrant is the grant that a request names, and the client that it comes from
// and whose the grant is.
func (p *Provider) managedGrant(w http.ResponseWriter, r *http.Request, needs authz.Scope) (*storage.Client, *postgres.Granted, error) {
	caller, err := p.grantManager(w, r, needs)
	if err != nil {
		return caller, nil, err
	}
	id, err := authz.ParseID[authz.GrantID](r.PathValue("grant_id"))
	if err != nil {
		return caller, nil, errNoGrant
	}
	granted, err := p.Store.Granted(r.Context(), id)
	if ignoreNotFound(err) != nil {
		return caller, nil, err
	}
	_, member := granted.Person.Tenant(granted.Grant.Tenant)
	if err != nil || granted.Grant.Client != caller.ID || !granted.Grant.RevokedAt.IsZero() || granted.SessionDead || !member {
		return caller, nil, errNoGrant
	}
	return caller, &granted, nil
}

// grantManager proves which client is speaking: by its own credentials, in the header
// or by its certificate, or by a token that it got for itself with the scope.
func (p *Provider) grantManager(w http.ResponseWriter, r *http.Request, needs authz.Scope) (*storage.Client, error) {
	token, err := readPresented(w, r)
	if err != nil {
		return nil, err
	}
	if token.text == "" {
		named := url.Values{}
		if id := r.URL.Query().Get("client_id"); id != "" { // of a client with a certificate
			named.Set("client_id", id)
		}
		c, err := p.clientOf(r.Context(), r, named)
		if err == nil && c.Public() {
			err = &Error{Code: "invalid_client", Status: http.StatusUnauthorized, Description: descriptions["invalid_client"]}
		}
		return c.Client, err
	}
	dead := &Error{Code: "invalid_token", Status: http.StatusUnauthorized, Description: "The access token is malformed, expired, revoked or not one that a client got for itself."}
	claims, err := p.openAccessToken(token.text)
	if err != nil || claims.GrantID != "" || !slices.Contains(claims.Audience, p.Issuer) {
		return nil, dead
	}
	if err := p.possessed(w, r, token, claims.Confirmation); err != nil {
		return nil, err
	}
	s, err := p.stand(r.Context(), claims)
	switch {
	case err != nil:
		return nil, err
	case !s.active:
		return nil, dead
	case !parsedScopes(s.claims.Scope).Has(needs):
		return nil, &Error{Code: "insufficient_scope", Status: http.StatusForbidden, Description: "The access token lacks the scope " + string(needs) + "."}
	}
	c, err := p.activeClient(r.Context(), string(s.claims.ClientID))
	return c.Client, err
}
