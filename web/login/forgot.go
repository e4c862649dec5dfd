package login

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// ShowForgot is GET /login/forgot.
func (p *Pages) ShowForgot(w http.ResponseWriter, r *http.Request) {
	p.showForgot(w, r, p.Browsers.Visit(w, r), templates.Forgot{Flow: r.URL.Query().Get("flow")}, http.StatusOK)
}

func (p *Pages) showForgot(w http.ResponseWriter, r *http.Request, v *browser.Visit, page templates.Forgot, status int) {
	var tenant authz.TenantID
	if requestWaits(page.Flow) {
		// What waits has no say in this: where it is too old, the page is the house's.
		if q, err := p.Provider.SignIn(r.Context(), v.Protocol(), page.Flow); err == nil {
			tenant = q.Client.Tenant
			v.PreferLocales(q.UILocales)
		}
	}
	v.At(step("/login/forgot", page.Flow))
	var err error
	if page.Layout, err = p.layout(r.Context(), v, tenant); err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, page, browser.Sending{Status: status})
}

// Forgot is POST /login/forgot: one answer for every name.
func (p *Pages) Forgot(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	page := templates.Forgot{Flow: r.PostFormValue("flow"), Username: r.PostFormValue("username")}
	err := p.Recovery.Ask(r.Context(), storage.RecoveryRequest{
		Identifier: page.Username, Purpose: storage.LinkPurpose(r.PostFormValue("purpose")), Flow: page.Flow, Language: v.Language(),
	}, browser.AddressFrom(r.Context()))
	var limited *authn.LimitError
	switch {
	case errors.As(err, &limited):
		page.Throttled, page.RetryAfter = true, limited.RetryAfter
		w.Header().Set("Retry-After", strconv.Itoa(int(limited.RetryAfter/time.Second)+1))
		p.showForgot(w, r, v, page, http.StatusTooManyRequests)
	case err != nil:
		p.Fail(w, r, err)
	default:
		p.showForgot(w, r, v, templates.Forgot{Flow: page.Flow, Sent: true}, http.StatusOK)
	}
}
