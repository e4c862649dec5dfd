package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// PushedAuthorizationPath is the pushed authorization request endpoint.
const PushedAuthorizationPath = "/oauth2/par"

// requestURIPrefix is RFC 9126 §2.2.
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// PushAuthorization is the pushed authorization request endpoint (RFC 9126): the
// request is judged as the authorization endpoint will judge it, and kept for the
// one time that it is used. from is where the request comes from.
func (p *Provider) PushAuthorization(w http.ResponseWriter, r *http.Request, from netip.Addr) {
	id, err := p.push(w, r, from)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	p.writeJSON(w, http.StatusCreated, struct {
		RequestURI string `json:"request_uri"`
		ExpiresIn  int    `json:"expires_in"`
	}{requestURIPrefix + id.String(), int(p.Lifetimes.PushedRequest / time.Second)})
}

func (p *Provider) push(w http.ResponseWriter, r *http.Request, from netip.Addr) (authz.PushedRequestID, error) {
	var none authz.PushedRequestID
	parameters, err := form(w, r)
	if err != nil {
		return none, err
	}
	c, err := p.clientOf(r.Context(), r, parameters)
	if err != nil {
		return none, err
	}
	if err := p.admit(r.Context(), c.Client, from); err != nil {
		return none, err
	}
	if c.CreatedAt.IsZero() {
		return none, badRequest("unauthorized_client", "This client describes itself and nobody has let it in yet: send the first request to the authorization endpoint.")
	}
	if parameters.Has("request_uri") {
		return none, badRequest("invalid_request", "A pushed request must not contain request_uri.")
	}
	for _, credential := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		parameters.Del(credential)
	}
	parameters.Set("client_id", string(c.ID))
	request, err := p.resolve(r.Context(), parameters)
	if err != nil {
		return none, err
	}
	proof, err := p.proofOf(w, r, "")
	if err != nil {
		return none, err
	}
	if proof != nil {
		// RFC 9449 §10.1: a proof at this endpoint says the same as dpop_jkt.
		if jkt := request.Parameters.Get("dpop_jkt"); jkt != "" && jkt != proof.Thumbprint {
			return none, invalidProof("The DPoP proof is made with another key than dpop_jkt says.")
		}
		request.Parameters.Set("dpop_jkt", proof.Thumbprint)
	}
	a := &authorization{client: nobody, flow: flow{Parameters: request.Parameters, Signed: request.Signed, Pushed: true}, maxAge: -1}
	for _, check := range append(beforeTrust[:len(beforeTrust):len(beforeTrust)], afterTrust...) {
		if err := check(p, r.Context(), a); err != nil {
			return none, err
		}
	}
	if err := p.spend(r.Context(), proof); err != nil {
		return none, err
	}
	document, err := json.Marshal(request)
	if err != nil {
		return none, err
	}
	now := p.Now()
	// A random id, not one that tells the time: it is what the browser presents.
	id := authz.RandomID[authz.PushedRequestID]()
	return id, p.Store.InsertPushedRequest(r.Context(), storage.PushedRequest{
		ID: id, Client: c.ID, Request: document, ExpiresAt: now.Add(p.Lifetimes.PushedRequest),
	})
}

// pushed exchanges a request_uri of ours for the request behind it, which is then
// spent. RFC 9126 §4: only client_id stands beside it, and what stands inside wins.
func (p *Provider) pushed(ctx context.Context, parameters url.Values) (opened, error) {
	invalid := badRequest("invalid_request_uri", "The request_uri is unknown, expired, used before or another client's.")
	id, err := authz.ParseID[authz.PushedRequestID](strings.TrimPrefix(parameters.Get("request_uri"), requestURIPrefix))
	if err != nil {
		return opened{}, invalid
	}
	document, err := p.Store.ConsumePushedRequest(ctx, id, authz.ClientID(parameters.Get("client_id")), p.Now())
	if errors.Is(err, storage.ErrNotFound) {
		return opened{}, invalid
	}
	if err != nil {
		return opened{}, err
	}
	inside := opened{Pushed: true}
	return inside, json.Unmarshal(document, &inside)
}
