package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// issue makes what the client asked for: one grant, in one commit, with the code that
// leads to it, the ID token that tells of it, or both.
func (p *Provider) issue(ctx context.Context, a *authorization) (url.Values, error) {
	if err := p.keepClient(ctx, a.client.Client); err != nil {
		return nil, err
	}
	made, err := p.newGrant(ctx, a)
	if err != nil {
		return nil, err
	}
	session := newUserSession(a.client.Client, &postgres.Granted{Grant: made.grant, Person: a.in.Person})
	answer := url.Values{}
	if a.wantsCode() {
		err = p.issueCode(ctx, a, made, session)
		answer.Set("code", made.code.encode())
	} else {
		err = p.Store.ForUser(made.grant.User).InsertGrant(ctx, made.grant, made.remember)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil, errMustSignIn // somebody ended the session meanwhile
	}
	if errors.Is(err, storage.ErrConflict) {
		return nil, badRequest("invalid_request", "This request was answered already. Go back to the application and start again.")
	}
	if err != nil {
		return nil, err
	}
	if a.wantsIDToken() {
		token, err := p.frontChannelIDToken(ctx, a, session, answer.Get("code"))
		if err != nil {
			return nil, err
		}
		answer.Set("id_token", token)
	}
	return answer, nil
}

// issueCode has fosite make the code, and inserts the grant on the way.
func (p *Provider) issueCode(ctx context.Context, a *authorization, made *insertion, session *session) error {
	ctx, u := p.withUnit(ctx, storage.GrantAuthorizationCode)
	u.insert = made
	request, err := p.fosite.NewAuthorizeRequest(ctx, fositeRequest(ctx, a))
	if err != nil {
		return err
	}
	for _, scope := range a.decision.Granted {
		request.GrantScope(string(scope))
	}
	_, err = p.fosite.NewAuthorizeResponse(ctx, request, session)
	return err
}

// fositeRequest is the judged request as fosite reads it: what our own checks have
// decided (prompt, max_age, hints) is left out, and a state is put in where there
// was none, because fosite insists on one.
func fositeRequest(ctx context.Context, a *authorization) *http.Request {
	values := url.Values{
		"client_id": {string(a.client.ID)}, "response_type": {"code"}, "state": {"-"},
		"scope": {a.decision.Granted.String()}, "code_challenge_method": {"S256"},
	}
	for _, name := range []string{"redirect_uri", "code_challenge", "nonce"} {
		if a.Parameters.Has(name) {
			values.Set(name, a.Parameters.Get(name))
		}
	}
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: AuthorizePath}, Header: http.Header{}, Form: values, PostForm: url.Values{}}
	return r.WithContext(ctx)
}

func (p *Provider) newGrant(ctx context.Context, a *authorization) (*insertion, error) {
	now, session := p.Now(), a.in.Session
	audience, err := p.audience(ctx, a.tenant.ID, a.decision.Granted, a.targets, a.details)
	if err != nil {
		return nil, err
	}
	code := authorizationCode{grant: a.ID, secret: newSecret()}
	i := &insertion{code: code, grant: storage.Grant{
		ID: a.ID, User: a.in.Person.ID, SID: session.TokenJTI, Client: a.client.ID, Tenant: a.tenant.ID,
		Requested: a.requested, Scopes: a.decision.Granted, Audience: audience,
		Details: storage.GrantDetails{Resources: a.targets, Authorization: a.details, JKT: a.Parameters.Get("dpop_jkt"), IDTokenClaims: a.idTokenClaims, NotifyLogout: a.client.Metadata.BackChannelLogoutURI != "",
			TellsID: a.Parameters.Has("grant_management_action")},
		Request: storage.GrantRequest{
			RedirectURI: a.Parameters.Get("redirect_uri"), CodeChallenge: a.Parameters.Get("code_challenge"), Nonce: a.Parameters.Get("nonce"),
		},
		AuthTime: session.AuthTime, ACR: session.ACR, AMR: session.AMR,
		RequestedAt: a.RequestedAt, IssuedAt: now, CodeHash: digest(code.secret),
	}}
	if a.tenant.ID == session.Tenant {
		i.grant.Project = session.Project
	}
	if !a.wantsCode() {
		// As for a device: the code counts as used, and no secret fits.
		i.grant.CodeHash, i.grant.CodeUsedAt = []byte{}, now
	}
	if a.Approved != nil && !a.client.Impersonable(a.Parameters.Get("redirect_uri")) {
		i.remember = &storage.Consent{User: a.in.Person.ID, Client: a.client.ID, Tenant: a.tenant.ID, Scopes: a.decision.Granted, GrantedAt: now}
	}
	return i, nil
}

// respond hands parameters to the client, by the way it asked for. Every answer,
// success or error, says who gave it (RFC 9207).
func (p *Provider) respond(w http.ResponseWriter, r *http.Request, a *authorization, parameters url.Values) {
	parameters.Set("iss", p.Issuer)
	if state := a.Parameters.Get("state"); state != "" {
		parameters.Set("state", state)
	}
	if a.way.signed {
		signed, err := p.signedResponse(a, parameters)
		if err != nil {
			p.page(w, r, err)
			return
		}
		parameters = url.Values{"response": {signed}}
	}
	if a.way.formPost {
		p.Pages.FormPost(w, r, a.redirect.String(), parameters)
		return
	}
	if a.way.fragment {
		redirect(w, a.redirect.String()+"#"+parameters.Encode())
		return
	}
	// The registered query stays as it is, byte for byte.
	location := *a.redirect
	location.RawQuery = strings.TrimPrefix(location.RawQuery+"&"+parameters.Encode(), "&")
	redirect(w, location.String())
}

// refuse tells the client, for by now its redirect URI is trusted.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, a *authorization, err error) {
	e := translate(err)
	p.logError(r, e, err)
	p.respond(w, r, a, url.Values{"error": {e.Code}, "error_description": {e.Description}})
}

// page tells the person, for there is nobody else that could be trusted.
func (p *Provider) page(w http.ResponseWriter, r *http.Request, err error) {
	e := translate(err)
	p.logError(r, e, err)
	status := e.Status
	if status == http.StatusUnauthorized {
		status = http.StatusBadRequest
	}
	p.Pages.Error(w, r, PageError{Status: status, Code: e.Code, Description: e.Description})
}

// ConsentQuestion is what the consent page asks.
type ConsentQuestion struct {
	Flow     string
	Client   storage.Client
	Redirect *url.URL
	Person   storage.Person
	Tenant   storage.Tenant
	Scopes   []storage.ScopeInfo
	Dropped  []authz.Outcome
	// Details are what the client asks for beyond scopes.
	Details []DetailQuestion
	// Impersonable: another program could pass for this client.
	Impersonable bool
	// UILocales is the parameter ui_locales as it came.
	UILocales string
}

// Consent judges a paused request again and tells what there is to ask. When the
// person must sign in first, or nothing is left to ask, the answer is nil and the
// response is written: back to the authorization endpoint.
func (p *Provider) Consent(w http.ResponseWriter, r *http.Request, b Browser, sealed string) *ConsentQuestion {
	a, err := p.resume(r.Context(), b, sealed)
	if err != nil {
		p.page(w, r, err)
		return nil
	}
	if a.in == nil || p.mustSignIn(a) || !p.mustConsent(a) {
		redirect(w, AuthorizePath+"?flow="+sealed)
		return nil
	}
	catalogue, err := p.Store.Catalogue(r.Context())
	if err != nil {
		p.page(w, r, err)
		return nil
	}
	q := &ConsentQuestion{
		Flow: sealed, Client: *a.client.Client, Redirect: a.redirect, Person: a.in.Person, Tenant: a.tenant,
		Scopes: described(catalogue, a.decision.Granted), Dropped: a.decision.Dropped(), Impersonable: a.client.Impersonable(a.Parameters.Get("redirect_uri")),
		UILocales: a.Parameters.Get("ui_locales"), Details: describedDetails(catalogue, a.details),
	}
	return q
}

// described is what the registry says of scopes; of one that it does not know, the name.
func described(catalogue *postgres.Catalogue, scopes authz.ScopeSet) []storage.ScopeInfo {
	infos := make([]storage.ScopeInfo, len(scopes))
	for i, scope := range scopes {
		info, known := catalogue.Scopes[scope]
		if !known {
			info = storage.ScopeInfo{Name: scope}
		}
		infos[i] = info
	}
	return infos
}

// resume opens a paused request and judges it up to the point of consent.
func (p *Provider) resume(ctx context.Context, b Browser, sealed string) (*authorization, error) {
	f, err := p.paused(b, sealed)
	if err != nil {
		return nil, badRequest("invalid_request", elsewhere)
	}
	a := &authorization{client: nobody, flow: f, maxAge: -1}
	for _, check := range append(beforeTrust[:len(beforeTrust):len(beforeTrust)], afterTrust...) {
		if err := check(p, ctx, a); err != nil {
			return nil, err
		}
	}
	if a.in, err = b.SignedIn(ctx, a.client.ID); err != nil || a.in == nil {
		return a, err
	}
	return a, p.decide(ctx, a)
}

// AnswerConsent takes the person's answer. Yes goes back to the authorization
// endpoint with the approval sealed into the request; no goes to the client.
func (p *Provider) AnswerConsent(w http.ResponseWriter, r *http.Request, b Browser, sealed string, accepted bool) {
	a, err := p.resume(r.Context(), b, sealed)
	if err != nil {
		p.page(w, r, err)
		return
	}
	if a.in == nil {
		redirect(w, AuthorizePath+"?flow="+sealed)
		return
	}
	if !accepted {
		p.refuse(w, r, a, badRequest("access_denied", "The user denied the request."))
		return
	}
	a.Approved = &approval{Session: a.in.Session.ID, Tenant: a.tenant.ID, Scopes: a.decision.Granted}
	next, err := p.pause(a, b, AuthorizePath)
	if err != nil {
		p.page(w, r, err)
		return
	}
	next(w, r)
}

// SignInQuestion is what a paused request tells the sign-in page.
type SignInQuestion struct {
	Client    storage.Client
	Redirect  *url.URL
	LoginHint string
	// UILocales is the parameter ui_locales as it came.
	UILocales string
	// Again is the user name of whoever is signed in and must prove it anew; ""
	// when nobody is, or when another one may sign in.
	Again string
}

// SignIn reads what the sign-in page should say. A request that is not valid here
// gives an error that [Provider.Refuse] shows.
func (p *Provider) SignIn(ctx context.Context, b Browser, sealed string) (SignInQuestion, error) {
	a, err := p.waiting(ctx, b, sealed)
	if err != nil {
		return SignInQuestion{}, err
	}
	q := SignInQuestion{Client: *a.client.Client, Redirect: a.redirect, LoginHint: a.Parameters.Get("login_hint"), UILocales: a.Parameters.Get("ui_locales")}
	in, err := b.SignedIn(ctx, "")
	if err == nil && in != nil && !a.prompts("select_account") && !a.prompts(registerPrompt) && p.expects(a, in.Person.ID) {
		q.Again = in.Person.Username
	}
	return q, err
}

// Refuse shows an error of [Provider.SignIn] as a page.
func (p *Provider) Refuse(w http.ResponseWriter, r *http.Request, err error) { p.page(w, r, err) }
