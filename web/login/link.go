package login

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/recovery"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// ShowLink is GET /link: what the link would do, and a button. Mail scanners open
// links, so opening one does nothing.
func (p *Pages) ShowLink(w http.ResponseWriter, r *http.Request) {
	v, token := p.Browsers.Visit(w, r), r.URL.Query().Get("token")
	o, err := p.Recovery.Open(r.Context(), token)
	if err != nil {
		p.refuseLink(w, r, err)
		return
	}
	p.showLink(w, r, v, o, templates.Link{Token: token, Name: o.Owner.DisplayName, Username: o.Owner.Username}, http.StatusOK)
}

func (p *Pages) showLink(w http.ResponseWriter, r *http.Request, v *browser.Visit, o recovery.Opened, page templates.Link, status int) {
	v.At(step(authn.LinkPath, "", "token", page.Token))
	in, err := v.SignedIn(r.Context())
	if err == nil {
		page.Layout, err = p.linkLayout(r, v, o)
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Purpose, page.Email, page.Tenant, page.Known = string(o.Purpose), o.Email, o.Tenant.Name, o.Owner.Known
	page.SignedIn = in != nil && in.Person.ID == o.Owner.ID
	page.MinPassword = authn.MinPasswordLength
	if o.Purpose == storage.LinkInvitation && o.Owner.Known {
		// Whose account it is, is for its owner to see.
		page.Name, page.Username = "", ""
	}
	ceremony, err := p.Recovery.AskPasskey(r.Context(), o, v.ID())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	if ceremony != nil {
		page.Passkey = passkeyQuestion(*ceremony)
	}
	_, question := p.waiting(r, v, o)
	browser.Show(w, r, page, browser.Sending{Status: status, LeadsTo: question.Redirect, Script: true})
}

// linkLayout has the look of the tenant that an invitation leads to, or of the only one that the link's owner is in.
func (p *Pages) linkLayout(r *http.Request, v *browser.Visit, o recovery.Opened) (templates.Layout, error) {
	tenant := o.Tenant.ID
	if tenant.IsZero() {
		owner, err := p.Store.ForUser(o.User).Person(r.Context())
		if err != nil {
			return templates.Layout{}, err
		}
		tenant = only(owner)
	}
	return p.layout(r.Context(), v, tenant)
}

// SpendLink is POST /link.
func (p *Pages) SpendLink(w http.ResponseWriter, r *http.Request) {
	v, token := p.Browsers.Visit(w, r), r.PostFormValue("token")
	o, err := p.Recovery.Open(r.Context(), token)
	if err != nil {
		p.refuseLink(w, r, err)
		return
	}
	o.Language = v.Language()
	switch o.Purpose {
	case storage.LinkSignIn:
		p.signInByLink(w, r, v, o)
		return
	case storage.LinkRegistration:
		p.registerByLink(w, r, v, o, token)
		return
	}
	if err := p.spend(r, v, o); err != nil {
		p.unspent(w, r, v, o, token, err)
		return
	}
	p.Log.InfoContext(r.Context(), "link spent", "purpose", o.Purpose, "user", o.Owner.ID, "address", browser.AddressFrom(r.Context()))
	v.At(oidc.SignInPath) // the link is spent: on to what follows
	layout, err := p.linkLayout(r, v, o)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, templates.LinkDone{Layout: layout, Purpose: string(o.Purpose), Email: o.Email, Tenant: o.Tenant.Name}, browser.Sending{})
}

// spend does what the link is for.
func (p *Pages) spend(r *http.Request, v *browser.Visit, o recovery.Opened) error {
	ctx, addr := r.Context(), browser.AddressFrom(r.Context())
	password := authn.NewPassword(r.PostFormValue("password"))
	passkey := firstPasskey(r, v)
	switch o.Purpose {
	case storage.LinkResetPassword, storage.LinkSetUp:
		if passkey != nil {
			return p.Recovery.SetUpPasskey(ctx, o, *passkey, addr)
		}
		return p.Recovery.ChoosePassword(ctx, o, password, addr)
	case storage.LinkVerifyEmail:
		return p.Recovery.VerifyEmail(ctx, o, addr)
	case storage.LinkChangeEmail:
		return p.Recovery.ChangeEmail(ctx, o, addr)
	case storage.LinkUndoEmail:
		return p.Recovery.UndoEmail(ctx, o, addr)
	case storage.LinkInvitation:
		if !o.Owner.Known {
			return p.Recovery.Accept(ctx, o, newcomer(r, v), addr)
		}
		in, err := v.SignedIn(ctx)
		if err != nil || in == nil {
			return errors.Join(err, authn.ErrLink)
		}
		return p.Recovery.Join(ctx, o, in.Person.ID, addr)
	}
	return authn.ErrLink
}

// newcomer is who makes an account by the form.
func newcomer(r *http.Request, v *browser.Visit) recovery.Newcomer {
	return recovery.Newcomer{
		Username: r.PostFormValue("username"), DisplayName: r.PostFormValue("display_name"), Password: authn.NewPassword(r.PostFormValue("password")),
		Passkey: firstPasskey(r, v),
	}
}

// firstPasskey is the answer of a browser that was asked for a passkey; nil where a password was chosen.
func firstPasskey(r *http.Request, v *browser.Visit) *authn.Answer {
	if r.PostFormValue("response") == "" {
		return nil
	}
	answer := passkeyAnswer(r, v)
	return &answer
}

// waiting is the request in which a link was asked for, when that was in this browser.
func (p *Pages) waiting(r *http.Request, v *browser.Visit, o recovery.Opened) (string, oidc.SignInQuestion) {
	if strings.HasPrefix(o.Flow, deviceFlow) {
		// The code may be of whoever asked for the link (RFC 8628 §5.4): it is read from the device.
		return deviceFlow, oidc.SignInQuestion{}
	}
	if !requestWaits(o.Flow) {
		return o.Flow, oidc.SignInQuestion{}
	}
	question, err := p.Provider.SignIn(r.Context(), v.Protocol(), o.Flow)
	if err != nil {
		return "", oidc.SignInQuestion{}
	}
	return o.Flow, question
}

// signInByLink goes on where the link was asked for, or else to the account.
func (p *Pages) signInByLink(w http.ResponseWriter, r *http.Request, v *browser.Visit, o recovery.Opened) {
	flow, question := p.waiting(r, v, o)
	proof, err := p.Recovery.SignIn(r.Context(), o, browser.AddressFrom(r.Context()))
	if err != nil {
		p.refuseLink(w, r, err)
		return
	}
	p.enterByLink(w, r, v, proof, p.next(flow, question))
}

// enterByLink is enter after a link is spent.
func (p *Pages) enterByLink(w http.ResponseWriter, r *http.Request, v *browser.Visit, proof authn.Proof, next func(storage.Person) string) {
	err := p.enter(w, r, v, proof, false, next)
	if errors.Is(err, storage.ErrNotFound) {
		err = authn.ErrLink // the account was disabled since
	}
	if err != nil {
		p.refuseLink(w, r, err)
	}
}

// unspent shows the form again where something else can be tried.
func (p *Pages) unspent(w http.ResponseWriter, r *http.Request, v *browser.Visit, o recovery.Opened, token string, err error) {
	page := templates.Link{Token: token, Name: o.Owner.DisplayName, Username: o.Owner.Username}
	if !o.Owner.Known {
		page.Name, page.Username = r.PostFormValue("display_name"), r.PostFormValue("username")
	}
	status := http.StatusBadRequest
	var weak *authn.WeakPasswordError
	var wrong *directory.InvalidError
	switch {
	case errors.As(err, &weak):
		page.Problem, page.Weak = templates.LinkWeak, templates.WeakPassword{Problem: templates.PasswordProblem(weak.Weakness), Least: authn.MinPasswordLength}
	case errors.As(err, &wrong):
		page.Problem = templates.LinkUsername
		if wrong.Field == "display_name" {
			page.Problem = templates.LinkName
		}
	case errors.Is(err, authn.ErrExpired):
		page.Problem = templates.LinkExpired
	case errors.Is(err, authn.ErrPasskeyModel):
		page.Problem = templates.LinkPasskeyModel
	case errors.Is(err, authn.ErrPasskey), errors.Is(err, authn.ErrPasskeyExists):
		page.Problem = templates.LinkPasskey
		p.Log.InfoContext(r.Context(), "passkey not made", "purpose", o.Purpose, "error", err)
	case errors.Is(err, storage.ErrLimit):
		page.Problem, status = templates.LinkFull, http.StatusConflict
	case errors.Is(err, storage.ErrConflict):
		page.Problem, status = templates.LinkTaken, http.StatusConflict
	case errors.Is(err, authn.ErrBusy):
		page.Problem, status = templates.LinkBusy, http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "2")
	default:
		p.refuseLink(w, r, err)
		return
	}
	p.showLink(w, r, v, o, page, status)
}

// refuseLink is one answer for every link that does not work.
func (p *Pages) refuseLink(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, authn.ErrLink) {
		p.Fail(w, r, err)
		return
	}
	p.Refuse(w, r, templates.Error{Status: http.StatusGone, Problem: templates.ProblemLink})
}
