package account

import (
	"errors"
	"net/http"

	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

const appPage = "authenticator-app"

// ShowAuthenticatorApp is GET /account/authenticator-app.
func (p *Pages) ShowAuthenticatorApp(w http.ResponseWriter, r *http.Request) {
	o := p.owner(w, r, appPage)
	if o == nil {
		return
	}
	if o.have.TOTP != nil || o.again != "" {
		p.showApp(w, r, o, nil, notice(r), http.StatusOK)
		return
	}
	e, err := p.Factors.Enrol(o.in.Person.User, o.ID())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.showApp(w, r, o, &e, notice(r), http.StatusOK)
}

func (p *Pages) showApp(w http.ResponseWriter, r *http.Request, o *owner, e *authn.Enrolment, said templates.AuthenticatorNotice, status int) {
	layout, err := o.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page := templates.AuthenticatorApp{Layout: layout, Notice: said, Again: o.again}
	if o.have.TOTP != nil {
		page.SetUpAt, page.LastUsedAt = o.have.TOTP.CreatedAt, o.have.TOTP.LastUsedAt
	}
	if e != nil {
		page.Enrol = &templates.Enrolment{Secret: e.Secret, Path: e.QR.Path, Size: e.QR.Size, State: e.State}
	}
	browser.Show(w, r, page, browser.Sending{Status: status})
}

// SetUpAuthenticatorApp is POST /account/authenticator-app. A code that was wrong
// leaves the same secret to try again with.
func (p *Pages) SetUpAuthenticatorApp(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, appPage)
	if o == nil {
		return
	}
	state := r.PostFormValue("state")
	err := p.Factors.SetUp(r.Context(), o.in.Person.User, o.ID(), state, r.PostFormValue("code"),
		o.in.Session.ID, p.Now().Add(p.LedgerLifetime), p.event(o, "user.totp.set"))
	if errors.Is(err, authn.ErrCode) {
		if e, again := p.Factors.EnrolAgain(o.in.Person.User, o.ID(), state); again == nil {
			p.showApp(w, r, o, &e, templates.AppCodeWrong, http.StatusBadRequest)
			return
		}
	}
	p.changed(w, r, appPage, templates.AppSetUp, err)
}

// RemoveAuthenticatorApp is POST /account/authenticator-app/remove.
func (p *Pages) RemoveAuthenticatorApp(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, appPage)
	if o == nil {
		return
	}
	err := o.own.DeleteTOTP(r.Context(), o.in.Session.ID, p.Now().Add(p.LedgerLifetime), p.event(o, "user.totp.remove"))
	p.changed(w, r, appPage, templates.AppRemoved, err)
}
