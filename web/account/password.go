package account

import (
	"errors"
	"net/http"

	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

const passwordPage = "password"

// ShowPassword is GET /account/password.
func (p *Pages) ShowPassword(w http.ResponseWriter, r *http.Request) {
	if o := p.owner(w, r, passwordPage); o != nil {
		p.showPassword(w, r, o, "", http.StatusOK)
	}
}

func (p *Pages) showPassword(w http.ResponseWriter, r *http.Request, o *owner, problem templates.PasswordProblem, status int) {
	layout, err := o.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, templates.ChangePassword{
		Layout: layout, Username: o.in.Person.Username, Least: authn.MinPasswordLength, Problem: problem, Again: o.again,
	}, browser.Sending{Status: status, Script: true})
}

// ChangePassword is POST /account/password. Instead of the former password it asks
// for a sign-in of the last five minutes, which is worth more where there are other
// factors; every other session ends.
func (p *Pages) ChangePassword(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, passwordPage)
	if o == nil {
		return
	}
	password := authn.NewPassword(r.PostFormValue("password"))
	about := []string{o.in.Person.Username, o.in.Person.Email, o.in.Person.DisplayName}
	for _, t := range o.in.Person.Tenants {
		about = append(about, t.Name, t.Slug)
	}
	var weak *authn.WeakPasswordError
	if err := authn.CheckNewPassword(password, about...); errors.As(err, &weak) {
		p.showPassword(w, r, o, templates.PasswordProblem(weak.Weakness), http.StatusBadRequest)
		return
	}
	hash, err := p.Hasher.Hash(r.Context(), password)
	if errors.Is(err, authn.ErrBusy) {
		p.showPassword(w, r, o, templates.PasswordBusy, http.StatusServiceUnavailable)
		return
	}
	if err == nil {
		err = o.own.SetPassword(r.Context(), hash, o.in.Session.ID, p.Now().Add(p.LedgerLifetime), p.event(o, "user.password"))
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.done(w, templates.PasswordChanged)
}
