package login

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// ShowDevice is GET /device: which device is it (RFC 8628 §3.3)? A code in the
// query fills the field in and is not judged, so it can be no guess.
func (p *Pages) ShowDevice(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	code := r.URL.Query().Get("user_code")
	if in := p.atDevice(w, r, v, code); in != nil {
		p.showDevice(w, r, v, in, templates.Device{UserCode: code}, http.StatusOK)
	}
}

// atDevice is who is signed in; nobody is sent to sign in and then back here.
func (p *Pages) atDevice(w http.ResponseWriter, r *http.Request, v *browser.Visit, code string) *postgres.SignedIn {
	in, err := v.SignedIn(r.Context())
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case in == nil:
		browser.SeeOther(w, step(oidc.SignInPath, deviceFlow+code))
	}
	return in
}

func (p *Pages) showDevice(w http.ResponseWriter, r *http.Request, v *browser.Visit, in *postgres.SignedIn, page templates.Device, status int) {
	v.At(devicePage(page.UserCode))
	layout, err := p.layout(r.Context(), v, in.Session.Tenant)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Layout = layout
	browser.Show(w, r, page, browser.Sending{Status: status})
}

// EnterUserCode is POST /device. The question is asked always, whatever was
// consented to before: who sent this person the code is the danger (RFC 8628 §5.4).
func (p *Pages) EnterUserCode(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	code := r.PostFormValue("user_code")
	in := p.atDevice(w, r, v, code)
	if in == nil {
		return
	}
	notWrong, err := p.Limits.ReserveUserCode(r.Context(), in.Person.ID, browser.AddressFrom(r.Context()))
	var limited *authn.LimitError
	if errors.As(err, &limited) {
		w.Header().Set("Retry-After", strconv.Itoa(int(limited.RetryAfter/time.Second)+1))
		p.showDevice(w, r, v, in, templates.Device{UserCode: code, Problem: templates.DeviceThrottled, RetryAfter: limited.RetryAfter}, http.StatusTooManyRequests)
		return
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	q, err := p.Provider.Device(r.Context(), v.Protocol(), in, code)
	if errors.Is(err, storage.ErrNotFound) {
		p.showDevice(w, r, v, in, templates.Device{UserCode: code, Problem: templates.DeviceCodeUnknown}, http.StatusBadRequest)
		return
	}
	if err == nil {
		err = notWrong(r.Context())
	}
	if err != nil {
		p.Provider.Refuse(w, r, err)
		return
	}
	page, err := p.confirmPage(r, v, q)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, page, browser.Sending{})
}

func (p *Pages) confirmPage(r *http.Request, v *browser.Visit, q *oidc.DeviceQuestion) (templates.DeviceConfirm, error) {
	page := templates.DeviceConfirm{
		Flow: q.Flow, UserCode: q.UserCode, RequestedAt: q.RequestedAt, Tenant: q.Tenant.Name, Name: q.Person.Name(), Username: q.Person.Username,
		Client: templates.Client{
			Name: q.Client.Name, Policy: q.Client.PolicyURI, Terms: q.Client.TOSURI,
			// A public client is whoever says so: nobody can vouch for it here.
			Verified: q.Client.FirstParty && !q.Client.Public(),
		},
	}
	if q.Address.IsValid() {
		page.Address = q.Address.String()
	}
	var err error
	v.At(devicePage(q.UserCode))
	if page.Layout, err = p.layout(r.Context(), v, q.Tenant.ID); err != nil {
		return page, err
	}
	for _, info := range q.Scopes {
		page.Scopes = append(page.Scopes, browser.ScopeWords(info))
	}
	page.Dropped, err = p.dropped(r.Context(), q.Dropped)
	return page, err
}

// AnswerDevice is POST /device/confirm.
func (p *Pages) AnswerDevice(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in := p.atDevice(w, r, v, "")
	if in == nil {
		return
	}
	accepted := r.PostFormValue("decision") == "accept"
	client, err := p.Provider.AnswerDevice(r.Context(), v.Protocol(), in, r.PostFormValue("flow"), accepted)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrConsumed):
		p.showDevice(w, r, v, in, templates.Device{Problem: templates.DeviceCodeUnknown}, http.StatusBadRequest)
		return
	case err != nil:
		p.Provider.Refuse(w, r, err)
		return
	}
	v.At(oidc.DevicePath)
	layout, err := p.layout(r.Context(), v, in.Session.Tenant)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Log.InfoContext(r.Context(), "device answered", "client_id", client.ID, "approved", accepted)
	browser.Show(w, r, templates.DeviceDone{Layout: layout, Client: client.Name, Approved: accepted}, browser.Sending{})
}
