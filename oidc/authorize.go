package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Where the authorization endpoint sends a person, and to whom they come back.
const (
	AuthorizePath = "/oauth2/authorize"
	SignInPath    = "/login"
	ConsentPath   = "/consent"
)

// Browser is who stands before an endpoint that a person visits.
type Browser struct {
	// ID is the value of the browser's own cookie, to which paused requests are bound.
	ID string
	// SignedIn reads who is signed in, with what they approved for a client; nil
	// for nobody.
	SignedIn func(ctx context.Context, c authz.ClientID) (*postgres.SignedIn, error)
	// SignOut ends the browser's session and every token beneath it.
	SignOut func(ctx context.Context) error
}

// authorization is one authorization request while it is judged.
type authorization struct {
	flow
	client    client
	redirect  *url.URL
	formPost  bool
	requested authz.ScopeSet
	prompt    []string
	maxAge    time.Duration // -1 for none
	hinted    string        // the subject of id_token_hint, "" for none

	in       *postgres.SignedIn
	tenant   storage.Tenant
	decision authz.Decision
}

func (a *authorization) prompts(value string) bool { return slices.Contains(a.prompt, value) }

// check judges one thing about a request. Its error goes to a page while the
// redirect URI is not trusted, and to the client afterwards.
type check func(*Provider, context.Context, *authorization) error

// The order of checks, readable in one place. Nothing is redirected before the
// redirect URI is trusted (RFC 6749 §4.1.2.1, RFC 9700 §4.11).
var (
	beforeTrust = []check{
		(*Provider).checkClient,
		(*Provider).checkRedirectURI,
	}
	afterTrust = []check{
		(*Provider).checkResponseMode,
		(*Provider).checkResponseType,
		(*Provider).checkRequestObject,
		(*Provider).checkPKCE,
		(*Provider).checkScope,
		(*Provider).checkPrompt,
		(*Provider).checkMaxAge,
		(*Provider).checkIDTokenHint,
	}
)

// Authorize is the authorization endpoint (RFC 6749 §3.1). Sign-in and consent
// come back here, and every time the whole request is judged again.
func (p *Provider) Authorize(w http.ResponseWriter, r *http.Request, b Browser) {
	a := &authorization{maxAge: -1}
	if err := p.begin(w, r, b, a); err != nil {
		p.page(w, r, err)
		return
	}
	for _, check := range beforeTrust {
		if err := check(p, r.Context(), a); err != nil {
			p.page(w, r, err)
			return
		}
	}
	for _, check := range afterTrust {
		if err := check(p, r.Context(), a); err != nil {
			p.refuse(w, r, a, err)
			return
		}
	}
	next, err := p.proceed(r.Context(), a, b)
	if err != nil {
		p.refuse(w, r, a, err)
		return
	}
	next(w, r)
}

// begin reads a new request, or a paused one that comes back.
func (p *Provider) begin(w http.ResponseWriter, r *http.Request, b Browser, a *authorization) error {
	if sealed := r.URL.Query().Get("flow"); sealed != "" && r.Method == http.MethodGet {
		f, err := p.flows.open(sealed, b.ID, p.Now())
		a.flow = f
		if err != nil {
			return badRequest("invalid_request", elsewhere)
		}
		return nil
	}
	parameters, err := authorizationParameters(w, r)
	if err != nil {
		return err
	}
	if parameters, err = p.pushed(r.Context(), parameters); err != nil {
		return err
	}
	now := p.Now()
	a.flow = flow{
		ID:          authz.NewID[authz.GrantID](now),
		Parameters:  parameters,
		RequestedAt: now,
		Browser:     digest([]byte(b.ID)),
	}
	return nil
}

// elsewhere is said of every paused request that cannot be opened.
const elsewhere = "This sign-in was begun in another browser or too long ago. Go back to the application and start again."

// maxQuery bounds an authorization request: it must fit, sealed, into a URL.
const maxQuery = 8 << 10

func authorizationParameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return form(w, r)
	}
	if len(r.URL.RawQuery) > maxQuery {
		return nil, badRequest("invalid_request", "The request is longer than 8 KiB.")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("invalid_request", "The query is not well-formed.")
	}
	return once(query)
}

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

func (p *Provider) checkResponseMode(_ context.Context, a *authorization) error {
	switch a.Parameters.Get("response_mode") {
	case "", "query":
	case "form_post":
		if a.redirect.Scheme != "https" && a.redirect.Scheme != "http" {
			return badRequest("invalid_request", "The response_mode form_post needs a redirect_uri that takes a form: https or http.")
		}
		a.formPost = true
	default:
		return badRequest("invalid_request", "The response_mode is not supported: use query or form_post.")
	}
	return nil
}

func (p *Provider) checkResponseType(_ context.Context, a *authorization) error {
	switch a.Parameters.Get("response_type") {
	case "":
		return badRequest("invalid_request", "The parameter response_type is missing.")
	case "code":
	default:
		return badRequest("unsupported_response_type", descriptions["unsupported_response_type"])
	}
	if !a.client.Allows(storage.GrantAuthorizationCode) {
		return badRequest("unauthorized_client", "This client is not registered for the authorization code grant.")
	}
	return nil
}

// checkRequestObject refuses what is not supported by its own error code
// (OpenID Connect Core §3.1.2.6), rather than ignore what a client relies on.
func (p *Provider) checkRequestObject(_ context.Context, a *authorization) error {
	for parameter, code := range map[string]string{
		"request": "request_not_supported", "request_uri": "request_uri_not_supported", "registration": "registration_not_supported",
	} {
		if a.Parameters.Has(parameter) {
			return badRequest(code, "The parameter "+parameter+" is not supported.")
		}
	}
	return nil
}

func (p *Provider) checkPKCE(_ context.Context, a *authorization) error {
	challenge := a.Parameters.Get("code_challenge")
	switch {
	case challenge == "":
		return badRequest("invalid_request", "The parameter code_challenge is missing: every client must use PKCE (RFC 7636).")
	case a.Parameters.Get("code_challenge_method") != "S256":
		return badRequest("invalid_request", "The code_challenge_method must be S256.")
	case len(challenge) != 43 || strings.Trim(challenge, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "":
		return badRequest("invalid_request", "The code_challenge is not the base64url form of a SHA-256 digest.")
	}
	return nil
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

func (p *Provider) checkPrompt(_ context.Context, a *authorization) error {
	a.prompt = strings.Fields(a.Parameters.Get("prompt"))
	for _, value := range a.prompt {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, value) {
			return badRequest("invalid_request", "The prompt parameter has a value that is not supported.")
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

// step is what happens next to a request that is in order.
type step func(http.ResponseWriter, *http.Request)

// proceed finds out who is there and what is missing: a sign-in, a consent, or
// nothing.
func (p *Provider) proceed(ctx context.Context, a *authorization, b Browser) (step, error) {
	in, err := b.SignedIn(ctx, a.client.ID)
	if err != nil {
		return nil, err
	}
	a.in = in
	if p.mustSignIn(a) {
		if a.prompts("none") {
			return nil, badRequest("login_required", "The user must sign in.")
		}
		return p.pause(a, SignInPath)
	}
	if err := p.decide(ctx, a); err != nil {
		return nil, err
	}
	if p.mustConsent(a) {
		if a.prompts("none") {
			return nil, badRequest("consent_required", "The user must consent.")
		}
		return p.pause(a, ConsentPath)
	}
	code, err := p.issueCode(ctx, a)
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		p.respond(w, r, a, url.Values{"code": {code}})
	}, nil
}

// mustSignIn: nobody is signed in, or not as freshly or as the one that the
// client asked for (OpenID Connect Core §3.1.2.1).
func (p *Provider) mustSignIn(a *authorization) bool {
	if a.in == nil {
		return true
	}
	// Every sign-in begins a session. auth_time is the same instant in whole
	// seconds, by which a sign-in just before the request would pass for one after.
	signedInAt := a.in.Session.CreatedAt
	switch {
	case (a.prompts("login") || a.prompts("select_account")) && signedInAt.Before(a.RequestedAt):
		return true
	case a.maxAge >= 0 && signedInAt.Add(a.maxAge).Before(a.RequestedAt):
		return true
	}
	return a.hinted != "" && a.hinted != a.in.Person.ID.String()
}

// decide chooses the tenant and derives the scopes.
func (p *Provider) decide(ctx context.Context, a *authorization) error {
	wanted := a.in.Session.Tenant
	if !a.client.Tenant.IsZero() {
		wanted = a.client.Tenant
	}
	tenant, member := a.in.Person.Tenant(wanted)
	if !member {
		return badRequest("access_denied", "The user does not belong to the tenant of this application.")
	}
	a.tenant = tenant
	project := a.in.Session.Project
	if tenant.ID != a.in.Session.Tenant {
		project = authz.ProjectID{}
	}
	var err error
	a.decision, err = p.derive(ctx, a.requested, a.client.Client, &a.in.Person, authz.Context{
		Tenant: tenant.ID, Project: project, ACR: a.in.Session.ACR,
	})
	if err == nil && len(a.decision.Granted) == 0 {
		return badRequest("invalid_scope", "Nothing of what was requested may be granted to this user and client.")
	}
	return err
}

func (p *Provider) mustConsent(a *authorization) bool {
	if a.approvedNow() {
		return false
	}
	switch {
	case a.prompts("consent"):
		return true
	case a.client.FirstParty && a.client.SkipConsent:
		return false
	case a.client.Impersonable(a.Parameters.Get("redirect_uri")):
		return true // RFC 8252 §8.6: an earlier consent proves nothing about this one.
	}
	for _, c := range a.in.Consents {
		if c.Tenant == a.tenant.ID && c.Scopes.HasAll(a.decision.Granted...) {
			return false
		}
	}
	return true
}

// approvedNow: the consent page was answered for this very request, by whoever is
// signed in, for at least what would be granted.
func (a *authorization) approvedNow() bool {
	ok := a.Approved
	return ok != nil && ok.Session == a.in.Session.ID && ok.Tenant == a.tenant.ID && ok.Scopes.HasAll(a.decision.Granted...)
}

// pause sends the person to a page that comes back with the sealed request.
func (p *Provider) pause(a *authorization, path string) (step, error) {
	sealed, err := p.flows.seal(a.flow)
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		redirect(w, path+"?flow="+sealed)
	}, nil
}

func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", location)
	// RFC 9700 §4.12: 303 turns a POST into a GET; 307 would pass the form on.
	w.WriteHeader(http.StatusSeeOther)
}

// openIDToken reads an ID token of ours whatever its age (OpenID Connect Core
// §3.1.2.1: a hint may have expired).
func (p *Provider) openIDToken(token string) (idClaims, error) {
	var c idClaims
	verified, err := p.Keys.Verify(token, keys.TypeIDToken)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(verified.Payload, &c); err != nil {
		return c, fmt.Errorf("%w: %w", keys.ErrInvalidToken, err)
	}
	if c.Issuer != p.Issuer {
		return c, fmt.Errorf("%w: of another issuer", keys.ErrInvalidToken)
	}
	return c, nil
}
