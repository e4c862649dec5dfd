package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz"
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
	// Bare: no cookie of ours came with the request. Either there is none, or the browser
	// kept them back.
	Bare bool
	// Begun is how many requests have paused in it so far, and Begin counts one more.
	Begun int
	Begin func() int
	// SignedIn reads who is signed in, with what they approved for a client; nil
	// for nobody.
	SignedIn func(ctx context.Context, c authz.ClientID) (*postgres.SignedIn, error)
	// State is what the browser keeps of a session for scripts to compare; it tells
	// nothing but whether two are the same.
	State func(sid authz.SessionID) string
	// SignOut ends the browser's session and every token beneath it.
	SignOut func(ctx context.Context) error
}

// authorization is one authorization request while it is judged.
type authorization struct {
	flow
	client   client
	redirect *url.URL
	// responseType is what the client wants, with its parts in order; way is how it is
	// told anything, errors included.
	responseType string
	way          way
	unopened     error // why the request object cannot be used; nil when it can
	requested    authz.ScopeSet
	targets      []string // the resources that the request names (RFC 8707)
	details      []storage.AuthorizationDetail
	// idTokenClaims are asked for in the ID token; subject is who it must be about, ""
	// for anybody.
	idTokenClaims []string
	subject       string
	// acrValues are the classes of sign-in that the client wishes for; essentialACR those
	// of which it insists on one (OpenID Connect Core §5.5.1.1).
	acrValues, essentialACR []string
	prompt                  []string
	maxAge                  time.Duration // -1 for none
	hinted                  string        // the subject of id_token_hint, "" for none

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
		(*Provider).checkRequestObject,
		(*Provider).checkResponseType,
		(*Provider).checkPKCE,
		(*Provider).checkDPoPKey,
		(*Provider).checkScope,
		(*Provider).checkIDTokenRequest,
		(*Provider).checkResource,
		(*Provider).checkAuthorizationDetails,
		(*Provider).checkClaims,
		(*Provider).checkGrantManagement,
		(*Provider).checkPrompt,
		(*Provider).checkMaxAge,
		(*Provider).checkIDTokenHint,
		(*Provider).checkIDTokenEncryption,
	}
)

// Authorize is the authorization endpoint (RFC 6749 §3.1). Sign-in and consent
// come back here, and every time the whole request is judged again.
func (p *Provider) Authorize(w http.ResponseWriter, r *http.Request, b Browser) {
	if p.comeAgain(w, r, b) {
		return
	}
	a := &authorization{client: nobody, maxAge: -1}
	if err := p.begin(w, r, b, a); err != nil {
		p.page(w, r, err)
		return
	}
	for _, check := range beforeTrust {
		if err := check(p, r.Context(), a); err != nil {
			if a.unopened != nil {
				err = a.unopened
			}
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
		f, err := p.paused(b, sealed)
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
	request, err := p.resolve(r.Context(), parameters)
	if a.unopened = asRequestObjectError(err); a.unopened != nil {
		// What stands beside the object may name a redirect URI that can be trusted with the error.
		request = opened{Parameters: parameters}
	} else if err != nil {
		return err
	}
	now := p.Now()
	a.flow = flow{
		ID:          authz.NewID[authz.GrantID](now),
		Parameters:  request.Parameters,
		Signed:      request.Signed,
		Pushed:      request.Pushed,
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
			return nil, errMustSignIn
		}
		if a.prompts(registerPrompt) {
			return p.pause(a, b, RegisterPath)
		}
		return p.pause(a, b, SignInPath)
	}
	if err := p.weigh(ctx, a); err != nil {
		return nil, err
	}
	need, err := p.missing(ctx, a)
	if err != nil {
		return nil, err
	}
	if need != "" {
		return p.pause(a, b, StepUpPath)
	}
	if err := a.meetsEssentialACR(); err != nil {
		return nil, err
	}
	if err := a.grantsSomething(); err != nil {
		return nil, err
	}
	if p.mustConsent(a) {
		if a.prompts("none") {
			return nil, badRequest("consent_required", "The user must consent.")
		}
		return p.pause(a, b, ConsentPath)
	}
	answer, err := p.issue(ctx, a)
	if errors.Is(err, errMustSignIn) && !a.prompts("none") {
		return p.pause(a, b, SignInPath) // the session ended meanwhile
	}
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if state := sessionState(a, b); state != "" {
			answer.Set("session_state", state)
		}
		p.respond(w, r, a, answer)
	}, nil
}

var errMustSignIn = badRequest("login_required", "The user must sign in.")

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
	case (a.prompts("login") || a.prompts("select_account") || a.prompts(registerPrompt)) && signedInAt.Before(a.RequestedAt):
		return true
	case a.maxAge >= 0 && signedInAt.Add(a.maxAge).Before(a.RequestedAt):
		return true
	}
	return !p.expects(a, a.in.Person.ID)
}

// expects reports whether a user is the one that the request is about, by its hint
// and by its claims parameter; anybody is when it names nobody.
func (p *Provider) expects(a *authorization, user authz.UserID) bool {
	subject := p.subjects.of(a.client.Client, user)
	return (a.hinted == "" || a.hinted == subject) && (a.subject == "" || a.subject == subject)
}

// notOpen is what a person is told whom nobody has let into an application.
const notOpen = "This application is not open to this user. An administrator can open it: to the user's tenant or to one of the user's groups."

// decide weighs the request, and refuses it when nothing is left.
func (p *Provider) decide(ctx context.Context, a *authorization) error {
	if err := p.weigh(ctx, a); err != nil {
		return err
	}
	return a.grantsSomething()
}

func (a *authorization) grantsSomething() error {
	switch {
	case len(a.decision.Granted)+len(a.details) == 0:
		return badRequest("invalid_scope", "Nothing of what was requested may be granted to this user and client.")
	case a.wantsIDToken() && !a.decision.Granted.Has(authz.ScopeOpenID):
		return badRequest("invalid_scope", "This client may not have the scope openid, without which there is no ID token.")
	}
	return nil
}

// weigh chooses the tenant and derives the scopes.
func (p *Provider) weigh(ctx context.Context, a *authorization) error {
	wanted := a.in.Session.Tenant
	if !a.client.Tenant.IsZero() {
		wanted = a.client.Tenant
	}
	tenant, member := a.in.Person.Tenant(wanted)
	if !member {
		return badRequest("access_denied", "The user does not belong to the tenant of this application.")
	}
	a.tenant = tenant
	if err := p.checkReach(ctx, a.targets, tenant.ID); err != nil {
		return err
	}
	if err := p.checkDetailReach(ctx, a.details, tenant.ID); err != nil {
		return err
	}
	project := a.in.Session.Project
	if tenant.ID != a.in.Session.Tenant {
		project = authz.ProjectID{}
	}
	in := authz.Context{Tenant: tenant.ID, Project: project, ACR: a.in.Session.ACR}
	if !a.client.Admits(&a.in.Person.Rights, in) {
		return badRequest("access_denied", notOpen)
	}
	var err error
	a.decision, err = p.derive(ctx, a.requested, a.client.Client, &a.in.Person, in, a.targets)
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
	case len(a.details) > 0:
		return true // What was agreed to once says nothing of these.
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
func (p *Provider) pause(a *authorization, b Browser, path string) (step, error) {
	if a.Turn == 0 {
		a.Turn = b.Begin()
	}
	sealed, err := p.flows.seal(toAuthorize, a.flow)
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		redirect(w, path+"?flow="+sealed)
	}, nil
}

// comeAgain answers what another site may have posted, and reports whether it did: from such
// a request a browser keeps our cookies back (SameSite=Lax), so that whoever is signed in looks
// like nobody. It sends them with the GET that this leads to. What is too long for an address is
// judged as it came.
func (p *Provider) comeAgain(w http.ResponseWriter, r *http.Request, b Browser) bool {
	if r.Method != http.MethodPost || !b.Bare {
		return false
	}
	parameters, err := form(w, r)
	if err != nil {
		p.page(w, r, err)
		return true
	}
	query := parameters.Encode()
	if len(query) > maxQuery {
		return false
	}
	// A new cookie would take the place of the one that was kept back.
	w.Header().Del("Set-Cookie")
	redirect(w, r.URL.Path+"?"+query)
	return true
}

func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", location)
	// RFC 9700 §4.12: 303 turns a POST into a GET; 307 would pass the form on.
	w.WriteHeader(http.StatusSeeOther)
}
