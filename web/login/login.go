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
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// Pages answers the addresses below /login and /consent.
type Pages struct {
	Provider      *oidc.Provider
	Authenticator *authn.Authenticator
	Limits        *authn.Limits
	Browsers      *browser.Keeper
	Store         *postgres.Store
	// Fail shows a fault of ours as a page.
	Fail func(http.ResponseWriter, *http.Request, error)
	// Refuse shows what was wrong with a request as a page.
	Refuse func(http.ResponseWriter, *http.Request, templates.Error)
	Log    *slog.Logger
}

// accountPath is where a sign-in ends when no request waits for it.
const accountPath = "/account"

// ShowSignIn is GET /login.
func (p *Pages) ShowSignIn(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	page := templates.SignIn{Flow: r.URL.Query().Get("flow")}
	question, ok := p.question(w, r, v, page.Flow)
	if !ok {
		return
	}
	if !requestWaits(page.Flow) {
		if in, err := v.SignedIn(r.Context()); err == nil && in != nil {
			p.goOn(w, page.Flow)
			return
		}
	}
	page.Username = question.LoginHint
	p.show(w, r, v, page, question, http.StatusOK)
}

// requestWaits reports whether the flow is an authorization request.
func requestWaits(flow string) bool { return flow != "" && !strings.HasPrefix(flow, deviceFlow) }

// question is what a waiting request says of itself; the zero value without one.
func (p *Pages) question(w http.ResponseWriter, r *http.Request, v *browser.Visit, flow string) (oidc.SignInQuestion, bool) {
	if !requestWaits(flow) {
		return oidc.SignInQuestion{}, true
	}
	question, err := p.Provider.SignIn(r.Context(), v.Protocol(), flow)
	if err != nil {
		p.Provider.Refuse(w, r, err)
		return question, false
	}
	return question, true
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, v *browser.Visit, page templates.SignIn, q oidc.SignInQuestion, status int) {
	layout, err := v.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Layout, page.Client = layout, q.Client.Name
	if q.Again != "" {
		page.Reauthenticate, page.Username = true, q.Again
	}
	browser.Show(w, r, page, browser.Sending{Status: status, LeadsTo: q.Redirect})
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
	person, err := p.Store.ForUser(proof.User).Person(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	tenant, found := landing(person)
	if !found {
		p.Refuse(w, r, templates.Error{Status: http.StatusForbidden, Description: "Your account does not belong to any active tenant."})
		return
	}
	if err := v.SignIn(r.Context(), person, proof, tenant, r.PostFormValue("remember") == "on"); err != nil {
		p.Fail(w, r, err)
		return
	}
	if len(person.Tenants) > 1 && question.Client.Tenant.IsZero() {
		browser.SeeOther(w, "/login/tenant?flow="+url.QueryEscape(page.Flow))
		return
	}
	p.goOn(w, page.Flow)
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

// goOn returns to the authorization endpoint or the device page, whichever waits,
// or else to the account page.
func (p *Pages) goOn(w http.ResponseWriter, flow string) {
	if device, waits := backToDevice(flow); waits {
		browser.SeeOther(w, device)
		return
	}
	if flow == "" {
		browser.SeeOther(w, accountPath)
		return
	}
	browser.SeeOther(w, oidc.AuthorizePath+"?flow="+url.QueryEscape(flow))
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
	default:
		p.Fail(w, r, err)
		return
	}
	if page.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(page.RetryAfter/time.Second)+1))
	}
	p.Log.InfoContext(r.Context(), "sign-in refused", "address", browser.AddressFrom(r.Context()), "reason", page.Problem)
	p.show(w, r, v, page, q, status)
}

// Switch is POST /login/switch: sign out, and in again as somebody else.
func (p *Pages) Switch(w http.ResponseWriter, r *http.Request) {
	if err := p.Browsers.Visit(w, r).SignOut(r.Context()); err != nil {
		p.Fail(w, r, err)
		return
	}
	target := oidc.SignInPath
	if flow := r.PostFormValue("flow"); flow != "" {
		target += "?flow=" + url.QueryEscape(flow)
	}
	browser.SeeOther(w, target)
}

// SignOut is POST /logout.
func (p *Pages) SignOut(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	if err := v.SignOut(r.Context()); err != nil {
		p.Fail(w, r, err)
		return
	}
	layout, err := v.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, templates.SignedOut{Layout: layout}, browser.Sending{})
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
