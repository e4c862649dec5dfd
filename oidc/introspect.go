package oidc

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// inactive is the whole answer for a token that is expired, revoked, malformed,
// unknown, or none of the caller's business: the causes cannot be told apart
// (RFC 7662 §2.2).
var inactive = []byte(`{"active":false}`)

// introspection is the answer for a token that lives (RFC 7662 §2.2).
type introspection struct {
	Active    bool   `json:"active"`
	TokenType string `json:"token_type,omitempty"`
	Username  string `json:"username,omitempty"`
	accessClaims
}

// Introspect is the introspection endpoint (RFC 7662).
func (p *Provider) Introspect(w http.ResponseWriter, r *http.Request) {
	parameters, err := form(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	caller, err := p.clientOf(r.Context(), r, parameters)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	if caller.Public() {
		// RFC 7662 §2.1: the endpoint must ask for authorization; a public client has none.
		p.writeError(w, r, &Error{Code: "invalid_client", Status: http.StatusUnauthorized, Description: descriptions["invalid_client"]})
		return
	}
	token := parameters.Get("token")
	if token == "" {
		p.writeError(w, r, badRequest("invalid_request", "The parameter token is missing."))
		return
	}
	answer, err := p.introspect(r, caller.Client, token)
	switch {
	case err != nil:
		p.writeError(w, r, err)
	case wantsSigned(r):
		p.writeSignedIntrospection(w, r, caller.Client, answer)
	case answer == nil:
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(inactive)
	default:
		p.writeJSON(w, http.StatusOK, answer)
	}
}

// introspect is nil for every kind of inactive.
func (p *Provider) introspect(r *http.Request, caller *storage.Client, token string) (*introspection, error) {
	if strings.HasPrefix(token, refreshPrefix) {
		return p.introspectRefreshToken(r, caller, token)
	}
	claims, err := p.openAccessToken(token)
	if err != nil {
		return nil, nil
	}
	entitled, err := p.entitled(r, caller, claims)
	if err != nil || !entitled {
		return nil, err
	}
	s, err := p.stand(r.Context(), claims)
	if err != nil || !s.active {
		return nil, err
	}
	return &introspection{Active: true, TokenType: s.claims.Confirmation.tokenType(), Username: s.claims.Username, accessClaims: s.claims}, nil
}

// entitled: a client may learn about its own tokens and, where the operator gave
// it the right, about those made for its tenant or for a resource of its tenant.
func (p *Provider) entitled(r *http.Request, caller *storage.Client, c accessClaims) (bool, error) {
	switch {
	case caller.ID == c.ClientID:
		return true, nil
	case !caller.Introspect:
		return false, nil
	case caller.Tenant.IsZero(), caller.Tenant.String() == c.TenantID, slices.Contains(c.Audience, string(caller.ID)):
		return true, nil
	}
	catalogue, err := p.Store.Catalogue(r.Context())
	if err != nil {
		return false, err
	}
	for _, audience := range c.Audience {
		if resource, known := catalogue.Resources[audience]; known && resource.Tenant == caller.Tenant {
			return true, nil
		}
	}
	return false, nil
}

// introspectRefreshToken answers the client that owns the token, and nobody else.
func (p *Provider) introspectRefreshToken(r *http.Request, caller *storage.Client, token string) (*introspection, error) {
	ctx, u := p.withUnit(r.Context(), storage.GrantRefreshToken)
	granted, err := u.loadRefresh(ctx, token)
	if granted == nil || err != nil {
		if isStorageFault(err) {
			return nil, err
		}
		return nil, nil
	}
	g := granted.Grant
	if g.Client != caller.ID || !caller.Admits(&granted.Person.Rights, contextOf(g)) {
		return nil, nil
	}
	scopes, err := p.currentScopes(ctx, caller, granted, g.Details.Resources)
	if err != nil {
		return nil, err
	}
	expires := g.RotatedAt.Add(p.Lifetimes.RefreshIdle)
	if last := g.RequestedAt.Add(p.Lifetimes.RefreshAbsolute); last.Before(expires) {
		expires = last
	}
	return &introspection{Active: true, TokenType: "refresh_token", Username: granted.Person.Username, accessClaims: accessClaims{
		Issuer: p.Issuer, Subject: p.subjects.of(caller, g.User), Audience: []string{p.Issuer}, ClientID: g.Client, Scope: scopes.String(),
		ExpiresAt: expires.Unix(), IssuedAt: g.RotatedAt.Truncate(time.Second).Unix(), ID: g.ID.String(), GrantID: g.ID.String(), SID: g.SID.String(),
		TenantID: g.Tenant.String(), Roles: []string{string(granted.Person.Role)},
		Groups: granted.Person.Rights.GroupNames(authz.Context{Tenant: g.Tenant, Project: g.Project}),
	}}, nil
}
