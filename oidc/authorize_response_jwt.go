package oidc

import (
	"cmp"
	"net/url"
	"time"

	"github.com/gatehouse/gatehouse/oidc/keys"
)

// signedResponseLifetime is JARM §2.1: at most ten minutes.
const signedResponseLifetime = 10 * time.Minute

// signedResponse is an authorization response as one signed token (JARM §2.1): the
// parameters as claims, for this client and for a short time.
func (p *Provider) signedResponse(a *authorization, parameters url.Values) (string, error) {
	claims := map[string]any{"aud": a.client.ID, "exp": p.Now().Add(signedResponseLifetime).Unix()}
	for name := range parameters {
		claims[name] = parameters.Get(name)
	}
	algorithm := cmp.Or(a.client.Metadata.AuthorizationSigningAlg, a.client.IDTokenAlg)
	return p.Keys.Sign(keys.Algorithm(algorithm), keys.TypeAuthorizationResponse, claims)
}
