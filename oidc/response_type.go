package oidc

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// The response types that there are. An access token never comes from the
// authorization endpoint (RFC 9700 §2.1.2); an ID token does for old clients, where the
// operator has said so for the deployment and for the client.
var (
	responseTypes       = []string{storage.ResponseCode}
	legacyResponseTypes = []string{storage.ResponseCodeIDToken, storage.ResponseIDToken}
)

func (p *Provider) responseTypes() []string {
	if p.LegacyResponseTypes {
		return slices.Concat(responseTypes, legacyResponseTypes)
	}
	return responseTypes
}

// inOrder writes a response type in the one way that we compare: the order of its parts
// says nothing (RFC 6749 §3.1.1).
func inOrder(responseType string) string {
	parts := strings.Split(responseType, " ")
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func (a *authorization) wantsCode() bool { return a.responseType != storage.ResponseIDToken }

func (a *authorization) wantsIDToken() bool {
	return slices.Contains(legacyResponseTypes, a.responseType)
}

// way is how an authorization response reaches the client.
type way struct {
	// formPost: by a form that the browser posts. fragment: behind the redirect URI, where
	// no server and no log along the way sees it. Otherwise in its query.
	formPost, fragment bool
	// signed: as one token (JARM).
	signed bool
}

// responseModes is what the parameter response_mode may be; where there are ID tokens,
// also what carries them.
func (p *Provider) responseModes() []string {
	modes := []string{"query", "form_post", "jwt", "query.jwt", "form_post.jwt"}
	if p.LegacyResponseTypes {
		modes = append(modes, "fragment", "fragment.jwt")
	}
	return modes
}

// checkResponseMode comes first of all that the client is told of, for it decides how.
// A mode that cannot be is refused by the one that the response type has by itself.
func (p *Provider) checkResponseMode(_ context.Context, a *authorization) error {
	a.responseType = inOrder(a.Parameters.Get("response_type"))
	a.way.fragment = p.LegacyResponseTypes && a.wantsIDToken()
	mode, signed := strings.CutSuffix(a.Parameters.Get("response_mode"), ".jwt")
	if mode == "jwt" {
		mode, signed = "", true
	}
	switch {
	case mode == "", mode == "query" && !a.way.fragment:
	case mode == "query":
		// Multiple Response Type Encoding Practices §3.0, §5; JARM §2.3.1: never for a token.
		return badRequest("invalid_request", "The response_mode query is not for a response with an ID token: use fragment or form_post.")
	case mode == "fragment" && p.LegacyResponseTypes:
		a.way.fragment = true
	case mode == "form_post" && a.redirect.Scheme != "https" && a.redirect.Scheme != "http":
		return badRequest("invalid_request", "The response_mode form_post needs a redirect_uri that takes a form: https or http.")
	case mode == "form_post":
		a.way.formPost = true
	default:
		return badRequest("invalid_request", "The response_mode is not supported. See response_modes_supported in the discovery document.")
	}
	a.way.signed = signed
	return nil
}

func (p *Provider) checkResponseType(_ context.Context, a *authorization) error {
	switch {
	case a.responseType == "":
		return badRequest("invalid_request", "The parameter response_type is missing.")
	case !slices.Contains(p.responseTypes(), a.responseType):
		return badRequest("unsupported_response_type", descriptions["unsupported_response_type"])
	case !a.client.AllowsResponse(a.responseType):
		return badRequest("unauthorized_client", "This client is not registered for this response_type (response_types).")
	case a.wantsCode() && !a.client.Allows(storage.GrantAuthorizationCode):
		return badRequest("unauthorized_client", "This client is not registered for the authorization code grant.")
	case !a.way.signed && a.client.Metadata.Profile == storage.ProfileFAPI2Signing:
		return badRequest("invalid_request", "This client's authorization responses must be signed: use the response_mode jwt.")
	}
	return nil
}

// checkIDTokenRequest: an ID token that comes through the browser is bound to whoever
// asked for it by its nonce alone (OpenID Connect Core §3.2.2.1, §3.3.2.11).
func (p *Provider) checkIDTokenRequest(_ context.Context, a *authorization) error {
	switch {
	case !a.wantsIDToken():
	case a.Parameters.Get("nonce") == "":
		return badRequest("invalid_request", "The parameter nonce is missing: a response with an ID token needs it.")
	case !a.requested.Has(authz.ScopeOpenID):
		return badRequest("invalid_scope", "An ID token needs the scope openid.")
	}
	return nil
}
