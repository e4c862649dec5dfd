package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
)

// Revoke is the revocation endpoint (RFC 7009). A token that is unknown, expired
// or another client's is answered as one that was revoked: there is nothing to
// learn here. Only when the ledger could not be written the answer is an error,
// for then the token may still live.
func (p *Provider) Revoke(w http.ResponseWriter, r *http.Request) {
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
	token := parameters.Get("token")
	if token == "" {
		p.writeError(w, r, badRequest("invalid_request", "The parameter token is missing."))
		return
	}
	if strings.HasPrefix(token, refreshPrefix) {
		err = p.revokeRefreshToken(r.Context(), caller.Client, token)
	} else {
		err = p.revokeAccessToken(r.Context(), caller.Client, token)
	}
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

func (p *Provider) revokeAccessToken(ctx context.Context, caller *storage.Client, token string) error {
	verified, err := p.Keys.Verify(token, keys.TypeAccessToken)
	if err != nil {
		return nil
	}
	var c accessClaims
	if json.Unmarshal(verified.Payload, &c) != nil || c.ClientID != caller.ID || c.Issuer != p.Issuer {
		return nil
	}
	now := p.Now()
	return p.Store.Revoke(ctx, storage.Revocation{
		JTI: c.ID, User: c.user(), Tenant: c.context().Tenant, Client: c.ClientID, Reason: "revoked by its client",
		RevokedAt: now, ExpiresAt: p.deadUntil(now),
	})
}

// revokeRefreshToken ends the whole grant (RFC 7009 §2.1): the access tokens that
// came from it die with it. Any token of the chain will do, for whoever holds one
// that we sealed held the grant.
func (p *Provider) revokeRefreshToken(ctx context.Context, caller *storage.Client, token string) error {
	r, err := p.refresh.parse(token)
	if err != nil {
		return nil
	}
	now := p.Now()
	return p.Store.RevokeGrantOf(ctx, caller.ID, storage.Revocation{
		JTI: r.grant.String(), Client: caller.ID, Reason: "revoked by its client", RevokedAt: now, ExpiresAt: p.deadUntil(now),
	})
}
