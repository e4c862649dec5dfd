package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse/gatehouse/storage"
)

// besideASignedRequest is all that may stand beside one: what says and proves which
// client it is (OpenID CIBA Core 1.0 §7.1.1).
var besideASignedRequest = []string{"request", "client_id", "client_secret", "client_assertion", "client_assertion_type"}

// openBackchannelRequest gives the parameters of a backchannel authentication request:
// those within it where it is signed, and no others. A client that is registered to sign
// signs each, and any other none (OpenID CIBA Core 1.0 §4).
func (p *Provider) openBackchannelRequest(ctx context.Context, c *storage.Client, parameters url.Values) (url.Values, error) {
	signs := c.Metadata.BackChannelRequestAlg != ""
	switch {
	case signs && !parameters.Has("request"):
		return nil, badRequest("invalid_request", "This client's requests must be signed: send them in the parameter request.")
	case !signs && parameters.Has("request"):
		return nil, badRequest("invalid_request", "This client is not registered to sign its requests (backchannel_authentication_request_signing_alg).")
	case !signs:
		return parameters, nil
	}
	for name := range parameters {
		if !slices.Contains(besideASignedRequest, name) {
			return nil, badRequest("invalid_request", "Beside a signed request there may be nothing but the client's authentication.")
		}
	}
	inside, spent, err := p.provenBackchannelRequest(ctx, c, parameters.Get("request"))
	if err != nil {
		return nil, badRequest("invalid_request", "The signed request cannot be used: "+err.Error()+".")
	}
	err = p.Store.Consume(ctx, "signed backchannel request", digest([]byte(string(c.ID)+"\x00"+spent.ID)), spent.Expiry.Time())
	if errors.Is(err, storage.ErrConflict) {
		return nil, badRequest("invalid_request", "The signed request was sent before (jti).")
	}
	return inside, err
}

// provenBackchannelRequest is the parameters within a signed request, and what it says of
// itself. Its errors are sentences of ours.
func (p *Provider) provenBackchannelRequest(ctx context.Context, c *storage.Client, object string) (url.Values, jwt.Claims, error) {
	claims, registered, err := p.provenRequest(ctx, c, object, c.Metadata.BackChannelRequestAlg, "JWT")
	if err == nil {
		err = p.judgeBackchannelRequest(registered, string(c.ID), claims)
	}
	if err != nil {
		return nil, registered, err
	}
	parameters, err := requestParameters(claims)
	return parameters, registered, err
}

// judgeBackchannelRequest is what OpenID CIBA Core 1.0 §7.1.1 wants beyond what every
// signed request has. Its errors are sentences of ours.
func (p *Provider) judgeBackchannelRequest(registered jwt.Claims, clientID string, raw map[string]json.RawMessage) error {
	switch {
	case registered.ID == "":
		return errors.New("its jti is missing")
	case registered.IssuedAt == nil:
		return errors.New("its iat is missing")
	case registered.IssuedAt.Time().After(p.Now().Add(time.Minute)):
		return errors.New("its iat is yet to come")
	case registered.Subject != "":
		// RFC 9101 §10.8: so that it never passes for a client's assertion, nor one for it.
		return errors.New("it has a sub")
	case raw["request"] != nil:
		return errors.New("it has another request within")
	}
	if raw["client_id"] == nil {
		return nil
	}
	var inside string
	if json.Unmarshal(raw["client_id"], &inside) != nil || inside != clientID {
		return errors.New("its client_id is another one")
	}
	return nil
}
