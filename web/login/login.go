package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/recovery"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// Pages answers the addresses below /login and /consent.
type Pages struct {
	Provider      *oidc.Provider
	Authenticator *authn.Authenticator
	Factors       *authn.Factors
	// Passkeys is nil where there are none.
	Passkeys *authn.Passkeys
	Limits   *authn.Limits
	// Recovery makes and spends links; NoMail says that none can be mailed.
	Recovery  *recovery.Service
	NoMail    bool
	Browsers  *browser.Keeper
	Store     *postgres.Store
	Directory *directory.Service
	// Fail shows a fault of ours as a page.
	Fail func(http.ResponseWriter, *http.Request, error)
	// Refuse shows what was wrong with a request as a page.
	Refuse func(http.ResponseWriter, *http.Request, templates.Error)
	Log    *slog.Logger
	Now    func() time.Time
}

// ShowSignIn is GET /login.
func (p *Pages) ShowSignIn(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	page := templates.SignIn{Flow: r.URL.Query().Get("flow")}
	question, ok := p.question(w, r, v, page.Flow)
	if !ok {
		return
	}
	if !requestWaits(page.Flow) && !strings.HasPrefix(page.Flow, accountFlow) {
		if in, err := v.SignedIn(r.Context()); err == nil && in != nil {
			p.goOn(w, page.Flow)
			return
		}
	}
	page.Username = question.LoginHint
	p.show(w, r, v, page, question, http.StatusOK)
}

// question is what a waiting request says of itself; the zero value without one. A
// page of the account waits for whoever is signed in to prove it anew.
func (p *Pages) question(w http.ResponseWriter, r *http.Request, v *browser.Visit, flow string) (oidc.SignInQuestion, bool) {
	if strings.HasPrefix(flow, accountFlow) {
		in, err := v.SignedIn(r.Context())
		if err != nil {
			p.Fail(w, r, err)
			return oidc.SignInQuestion{}, false
		}
		if in != nil {
			return oidc.SignInQuestion{Again: in.Person.Username}, true
		}
	}
	if !requestWaits(flow) {
		return oidc.SignInQuestion{}, true
	}
	question, err := p.Provider.SignIn(r.Context(), v.Protocol(), flow)
	if err != nil {
		p.Provider.Refuse(w, r, err)
		return question, false
	}
	v.PreferLocales(question.UILocales)
	return question, true
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, v *browser.Visit, page templates.SignIn, q oidc.SignInQuestion, status int) {
	v.At(step(oidc.SignInPath, page.Flow))
	layout, err := p.layout(r.Context(), v, q.Client.Tenant)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Layout, page.Client, page.Recoverable = layout, q.Client.Name, !p.NoMail && q.Again == ""
	if _, page.Registering, err = p.Provider.Registering(r.Context(), q.Client.Tenant, ""); err != nil {
		p.Fail(w, r, err)
		return
	}
	if q.Again != "" {
		page.Registering = false
		page.Reauthenticate, page.Username = true, q.Again
	}
	if p.Passkeys != nil {
		ceremony, err := p.Passkeys.BeginSignIn(v.ID())
		if err != nil {
			p.Fail(w, r, err)
			return
		}
		page.Passkey = passkeyQuestion(ceremony)
	}
	browser.Show(w, r, page, browser.Sending{Status: status, LeadsTo: q.Redirect, Script: page.Passkey != nil})
}

// SignIn is POST /login.
func (p *Pages) SignIn(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	page := templates.SignIn{Flow: r.PostFormValue("flow"), Username: r.PostFormValue("username")}
	question, ok := p.question(w, r, v, page.Flow)
	if !ok {
		return
	}
	proof, err := p.Authenticator.SignIn(r.Context(), page.Username, authn.NewPassword(r.PostFormValue("password")), browser.AddressFrom(r.Context()))
	if err != nil {
		p.refuse(w, r, v, page, question, err)
		return
	}
	remember := r.PostFormValue("remember") == "on"
	have, err := p.Store.ForUser(proof.User).Authenticators(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	if have.TOTP != nil {
		p.askSecond(w, r, v, page.Flow, proof, remember)
		return
	}
	next := p.next(page.Flow, question)
	if p.Passkeys != nil && len(have.Passkeys) == 0 && have.PasskeyDeclinedAt.IsZero() && r.PostFormValue("passkeys") == "on" {
		next = func(storage.Person) string { return step("/login/passkey/new", page.Flow) }
	}
	err = p.enter(w, r, v, proof, remember, next)
	if errors.Is(err, storage.ErrNotFound) {
		// The password was right when the form came, and is not any more.
		err = errors.Join(authn.ErrCredentials, p.Store.SignInFailed(r.Context(), proof.User, browser.AddressFrom(r.Context()), p.Now()))
	}
	if err != nil {
		p.refuse(w, r, v, page, question, err)
	}
}

// enter begins the session of a person who has proven all that they must, and
// goes on to the next step. With an error it has not answered: [storage.ErrNotFound]
// when what was proven does not hold any more.
func (p *Pages) enter(w http.ResponseWriter, r *http.Request, v *browser.Visit, proof authn.Proof, remember bool, next func(storage.Person) string) error {
	person, err := p.Store.ForUser(proof.User).Person(r.Context())
	if err != nil {
		return err
	}
	tenant, found := landing(person)
	if !found {
		p.Refuse(w, r, templates.Error{Status: http.StatusForbidden, Problem: templates.ProblemNoTenant})
		return nil
	}
	if err := v.SignIn(r.Context(), person, proof, tenant, remember); err != nil {
		return err
	}
	p.Log.InfoContext(r.Context(), "signed in", "user", person.ID, "amr", proof.AMR, "acr", proof.ACR, "address", browser.AddressFrom(r.Context()))
	browser.SeeOther(w, next(person))
	return nil
}

// next is the step after a sign-in: which tenant, where there is a choice, or back
// to what waits.
func (p *Pages) next(flow string, q oidc.SignInQuestion) func(storage.Person) string {
	return func(person storage.Person) string {
		if len(person.Tenants) > 1 && q.Client.Tenant.IsZero() {
			return step("/login/tenant", flow)
		}
		return wayBack(flow)
	}
}

// landing is the tenant of a new session: the default of the person's
// preferences, or else the first that there is.
func landing(person storage.Person) (authz.TenantID, bool) {
	if t, member := person.Tenant(person.Preferences.Tenant); member {
		return t.ID, true
	}
	if len(person.Tenants) == 0 {
		return authz.TenantID{}, false
	}
	return person.Tenants[0].ID, true
}

// refuse shows the form again: one answer for everything that could tell whether
// an account exists.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, v *browser.Visit, page templates.SignIn, q oidc.SignInQuestion, err error) {
	var limited *authn.LimitError
	status := http.StatusUnauthorized
	switch {
	case errors.As(err, &limited):
		page.Problem, page.RetryAfter, status = templates.SignInThrottled, limited.RetryAfter, http.StatusTooManyRequests
	case errors.Is(err, authn.ErrBusy):
		page.Problem, page.RetryAfter, status = templates.SignInBusy, 2*time.Second, http.StatusServiceUnavailable
	case errors.Is(err, authn.ErrCredentials):
		page.Problem = templates.SignInRefused
	case errors.Is(err, authn.ErrPasskey):
		page.Problem = templates.SignInPasskey
	case errors.Is(err, authn.ErrExpired):
		page.Problem, status = templates.SignInExpired, http.StatusBadRequest
	default:
		p.Fail(w, r, err)
		return
	}
	if page.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(page.RetryAfter/time.Second)+1))
	}
	p.Log.InfoContext(r.Context(), "sign-in refused", "address", browser.AddressFrom(r.Context()), "reason", page.Problem, "error", err)
	p.show(w, r, v, page, q, status)
}

// Switch is POST /login/switch: sign out, and in again as somebody else.
func (p *Pages) Switch(w http.ResponseWriter, r *http.Request) {
	if err := p.Browsers.Visit(w, r).SignOut(r.Context()); err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.SeeOther(w, step(oidc.SignInPath, r.PostFormValue("flow")))
}

// SignOut is POST /logout.
func (p *Pages) SignOut(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in, err := v.SignedIn(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	var frames []*url.URL
	if in != nil {
		frames, err = p.Provider.FrontChannelLogouts(r.Context(), in.Session)
	}
	if err == nil {
		err = v.SignOut(r.Context())
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	v.At(oidc.SignInPath)
	layout, err := v.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, templates.SignedOut{Layout: layout, Frames: browser.Addresses(frames)}, browser.Sending{Frames: frames})
}

// signedIn is who is signed in; for nobody it answers with the sign-in page.
func (p *Pages) signedIn(ctx context.Context, w http.ResponseWriter, r *http.Request, v *browser.Visit) *postgres.SignedIn {
	in, err := v.SignedIn(ctx)
	if err != nil {
		p.Fail(w, r, err)
		return nil
	}
	if in == nil {
		browser.SeeOther(w, oidc.SignInPath)
	}
	return in
}
