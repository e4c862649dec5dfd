package account

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/recovery"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

const emailPage = "email"

// ShowEmail is GET /account/email.
func (p *Pages) ShowEmail(w http.ResponseWriter, r *http.Request) {
	if o := p.owner(w, r, emailPage); o != nil {
		p.showEmail(w, r, o, templates.ChangeEmail{}, http.StatusOK)
	}
}

func (p *Pages) showEmail(w http.ResponseWriter, r *http.Request, o *owner, page templates.ChangeEmail, status int) {
	var err error
	if page.Layout, err = o.Layout(r.Context()); err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Now, page.Verified, page.Again, page.NoMail = o.in.Person.Email, !o.in.Person.EmailVerifiedAt.IsZero(), o.again, p.NoMail
	browser.Show(w, r, page, browser.Sending{Status: status})
}

// ChangeEmail is POST /account/email: it mails a link to the new address and a notice
// to the old one, which stays until the link is spent. Whether somebody has the new one
// already is not told.
func (p *Pages) ChangeEmail(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, emailPage)
	if o == nil {
		return
	}
	email := strings.TrimSpace(r.PostFormValue("email"))
	p.mailed(w, r, o, templates.ChangeEmail{New: email}, func() error {
		return p.Recovery.AskToChangeEmail(r.Context(), o.in.Person.User, email, o.Language(), browser.AddressFrom(r.Context()))
	})
}

// VerifyEmail is POST /account/email/verify: it mails a link that proves the address
// of the account.
func (p *Pages) VerifyEmail(w http.ResponseWriter, r *http.Request) {
	if o := p.owner(w, r, emailPage); o != nil {
		p.mailed(w, r, o, templates.ChangeEmail{}, func() error { return p.Recovery.AskToVerify(r.Context(), o.in.Person.User, o.Language()) })
	}
}

// mailed has a letter sent, and tells what came of it.
func (p *Pages) mailed(w http.ResponseWriter, r *http.Request, o *owner, page templates.ChangeEmail, ask func() error) {
	if p.NoMail {
		p.showEmail(w, r, o, page, http.StatusServiceUnavailable)
		return
	}
	err := ask()
	var unfit *directory.InvalidError
	var limited *authn.LimitError
	switch {
	case errors.As(err, &unfit):
		page.Problem = templates.EmailUnfit
		p.showEmail(w, r, o, page, http.StatusBadRequest)
	case errors.Is(err, recovery.ErrChangedLately):
		page.Problem = templates.EmailChangedLately
		p.showEmail(w, r, o, page, http.StatusConflict)
	case errors.As(err, &limited):
		page.Problem = templates.EmailTooMany
		p.showEmail(w, r, o, page, http.StatusTooManyRequests)
	case err != nil:
		p.Fail(w, r, err)
	default:
		p.done(w, templates.EmailAsked)
	}
}
