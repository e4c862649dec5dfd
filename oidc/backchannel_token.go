package oidc

import (
	"context"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	"github.com/gatehouse/gatehouse/storage"
)

// cibaHandler is the CIBA grant at the token endpoint (OpenID CIBA Core 1.0 §10.1).
type cibaHandler struct {
	provider *Provider
	idToken  *openid.IDTokenHandleHelper
}

func (cibaHandler) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

func (cibaHandler) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(storage.GrantCIBA)
}

func (cibaHandler) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	c, u := request.GetClient().(client), unitFrom(ctx)
	if !c.Allows(storage.GrantCIBA) || c.Public() {
		return fosite.ErrUnauthorizedClient
	}
	raw := request.GetRequestForm().Get("auth_req_id")
	if raw == "" {
		return badRequest("invalid_request", "The parameter auth_req_id is missing.")
	}
	g, err := u.loadRequest(ctx, c, raw)
	if err != nil {
		return err
	}
	u.redeemRequest = true
	return u.adopt(ctx, request, g)
}

func (h cibaHandler) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	return h.provider.populate(ctx, h.idToken, request, response)
}
