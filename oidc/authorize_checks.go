package oidc

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
)

func (p *Provider) checkClient(ctx context.Context, a *authorization) error {
	if a.Parameters.Get("client_id") == "" {
		return badRequest("invalid_request", "The parameter client_id is missing.")
	}
	c, err := p.activeClient(ctx, a.Parameters.Get("client_id"))
	if errors.Is(err, fosite.ErrInvalidClient) {
		return badRequest("invalid_client", "The application is unknown or has been disabled (client_id).")
	}
	a.client = c
	return err
}

func (p *Provider) checkRedirectURI(_ context.Context, a *authorization) error {
	uri := a.Parameters.Get("redirect_uri")
	if uri == "" {
		return badRequest("invalid_request", "The parameter redirect_uri is missing.")
	}
	if !slices.ContainsFunc(a.client.RedirectURIs, func(registered string) bool { return redirectURIMatches(registered, uri) }) {
		return badRequest("invalid_request", "The redirect_uri is not one that is registered for this application.")
	}
	parsed, err := url.Parse(uri)
	if err != nil {
		return badRequest("invalid_request", "The redirect_uri is not well-formed.")
	}
	a.redirect = parsed
	return nil
}

// checkRequestObject holds a client to what it is registered for, and refuses what
// is not supported by its own error code (OpenID Connect Core §3.1.2.6), rather than
// ignore what a client relies on.
func (p *Provider) checkRequestObject(_ context.Context, a *authorization) error {
	switch {
	case a.unopened != nil:
		return a.unopened
	case a.Parameters.Has("registration"):
		return badRequest("registration_not_supported", "The parameter registration is not supported.")
	case a.Parameters.Has("request_uri"):
		return badRequest("request_uri_not_supported", "This server fetches no request objects: push the request, or send it by value.")
	case !a.Signed && a.client.Metadata.RequireSignedRequest:
		return badRequest("invalid_request", "This client's authorization requests must be signed (RFC 9101 §10.5).")
	case !a.Pushed && (p.RequirePushedRequests || a.client.Metadata.RequirePushedRequest):
		return badRequest("invalid_request", "Authorization requests must be pushed first (RFC 9126).")
	}
	return nil
}

func (p *Provider) checkPKCE(_ context.Context, a *authorization) error {
	if !a.wantsCode() {
		return nil
	}
	challenge := a.Parameters.Get("code_challenge")
	switch {
	case challenge == "":
		return badRequest("invalid_request", "The parameter code_challenge is missing: every client must use PKCE (RFC 7636).")
	case a.Parameters.Get("code_challenge_method") != "S256":
		return badRequest("invalid_request", "The code_challenge_method must be S256.")
	case !isSHA256(challenge):
		return badRequest("invalid_request", "The code_challenge is not the base64url form of a SHA-256 digest.")
	}
	return nil
}

// checkDPoPKey judges the thumbprint that a code is to be bound to (RFC 9449 §10).
func (p *Provider) checkDPoPKey(_ context.Context, a *authorization) error {
	if jkt := a.Parameters.Get("dpop_jkt"); jkt != "" && !isSHA256(jkt) {
		return badRequest("invalid_request", "The dpop_jkt is not the base64url form of a SHA-256 digest.")
	}
	return nil
}

// isSHA256 reports whether a text is a SHA-256 digest in base64url without padding.
func isSHA256(s string) bool {
	return len(s) == 43 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func (p *Provider) checkScope(_ context.Context, a *authorization) error {
	requested, err := authz.ParseScopeSet(a.Parameters.Get("scope"))
	if err != nil {
		return badRequest("invalid_scope", "The scope parameter is malformed.")
	}
	if len(requested) == 0 {
		requested = authz.Literal(a.client.Scopes)
	}
	a.requested = requested
	return nil
}

func (p *Provider) checkResource(ctx context.Context, a *authorization) (err error) {
	a.targets, err = p.targets(ctx, a.Parameters, a.client.Tenant)
	return err
}

// promptValues is what the parameter prompt may hold; registerPrompt only where people may
// make accounts for themselves (OpenID Connect Prompt Create §4.1).
var promptValues = []string{"none", "login", "consent", "select_account"}

const registerPrompt = "create"

func (p *Provider) checkPrompt(ctx context.Context, a *authorization) error {
	a.prompt = strings.Fields(a.Parameters.Get("prompt"))
	for _, value := range a.prompt {
		if !slices.Contains(promptValues, value) && value != registerPrompt {
			return badRequest("invalid_request", "The prompt parameter has a value that is not supported.")
		}
	}
	if a.prompts(registerPrompt) {
		if _, open, err := p.Registering(ctx, a.client.Tenant, ""); err != nil {
			return err
		} else if !open {
			return badRequest("invalid_request", "The prompt create is not supported: nobody makes an account for themselves here.")
		}
	}
	if a.prompts("none") && len(a.prompt) > 1 {
		return badRequest("invalid_request", "The prompt none excludes every other.")
	}
	return nil
}

func (p *Provider) checkMaxAge(_ context.Context, a *authorization) error {
	if text := a.Parameters.Get("max_age"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil || seconds < 0 {
			return badRequest("invalid_request", "The max_age parameter is not a number of seconds.")
		}
		a.maxAge = time.Duration(seconds) * time.Second
	}
	return nil
}

func (p *Provider) checkIDTokenHint(_ context.Context, a *authorization) error {
	hint := a.Parameters.Get("id_token_hint")
	if hint == "" {
		return nil
	}
	claims, err := p.openIDToken(hint)
	if err != nil {
		return badRequest("invalid_request", "The id_token_hint is not an ID token of this issuer.")
	}
	a.hinted = claims.Subject
	return nil
}
