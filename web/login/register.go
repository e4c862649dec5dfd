package login

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/recovery"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// ShowRegister is GET /register.
func (p *Pages) ShowRegister(w http.ResponseWriter, r *http.Request) {
	p.atRegister(w, r, r.URL.Query().Get("flow"), r.URL.Query().Get("tenant"), func(v *browser.Visit, page templates.Register, _ storage.Tenant, q oidc.SignInQuestion) {
		page.Email = q.LoginHint
		p.showRegister(w, r, v, page, q, http.StatusOK)
	})
}

// Register is POST /register: one answer for every address that may register, whether it
// has an account or not.
func (p *Pages) Register(w http.ResponseWriter, r *http.Request) {
	p.atRegister(w, r, r.PostFormValue("flow"), r.PostFormValue("tenant"), func(v *browser.Visit, page templates.Register, tenant storage.Tenant, q oidc.SignInQuestion) {
		page.Email = r.PostFormValue("email")
		status, err := http.StatusOK, directory.CheckEmail(page.Email)
		if err == nil && !tenant.Registration.Admits(page.Email) {
			page.Problem, status = templates.RegisterDomain, http.StatusForbidden
		} else if err == nil {
			err = p.Recovery.AskToRegister(r.Context(), storage.RegistrationRequest{Tenant: tenant.ID, Email: page.Email, Flow: page.Flow, Language: v.Language()}, browser.AddressFrom(r.Context()))
			page.Sent = err == nil
		}
		var unfit *directory.InvalidError
		var limited *authn.LimitError
		switch {
		case errors.As(err, &unfit):
			page.Problem, status = templates.RegisterEmail, http.StatusBadRequest
		case errors.As(err, &limited):
			page.Problem, page.RetryAfter, status = templates.RegisterThrottled, limited.RetryAfter, http.StatusTooManyRequests
			w.Header().Set("Retry-After", strconv.Itoa(int(limited.RetryAfter/time.Second)+1))
		case err != nil:
			p.Fail(w, r, err)
			return
		}
		p.showRegister(w, r, v, page, q, status)
	})
}

// atRegister finds the tenant that the account would be in, and answers itself where there is none.
func (p *Pages) atRegister(w http.ResponseWriter, r *http.Request, flow, slug string, then func(*browser.Visit, templates.Register, storage.Tenant, oidc.SignInQuestion)) {
	v := p.Browsers.Visit(w, r)
	question, ok := p.question(w, r, v, flow)
	if !ok {
		return
	}
	tenant, open, err := p.Provider.Registering(r.Context(), question.Client.Tenant, slug)
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case !open:
		p.Refuse(w, r, templates.Error{Status: http.StatusForbidden, Problem: templates.ProblemRegistration})
	default:
		then(v, templates.Register{Flow: flow, TenantSlug: slug, Tenant: tenant.Name, Client: question.Client.Name}, tenant, question)
	}
}

func (p *Pages) showRegister(w http.ResponseWriter, r *http.Request, v *browser.Visit, page templates.Register, q oidc.SignInQuestion, status int) {
	v.At(step(oidc.RegisterPath, page.Flow))
	var err error
	if page.Layout, err = p.layout(r.Context(), v, q.Client.Tenant); err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, page, browser.Sending{Status: status, LeadsTo: q.Redirect})
}

// registerByLink makes the account, and goes on where it was asked for when this is the same
// browser, or else to the account: who reads the mailbox is signed in.
func (p *Pages) registerByLink(w http.ResponseWriter, r *http.Request, v *browser.Visit, o recovery.Opened, token string) {
	flow, question := p.waiting(r, v, o)
	proof, err := p.Recovery.Register(r.Context(), o, newcomer(r, v), browser.AddressFrom(r.Context()))
	if err != nil {
		p.unspent(w, r, v, o, token, err)
		return
	}
	p.Log.InfoContext(r.Context(), "registered", "user", proof.User, "tenant", o.Tenant.Slug, "address", browser.AddressFrom(r.Context()))
	p.enterByLink(w, r, v, proof, p.next(flow, question))
}
