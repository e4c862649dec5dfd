package login

import (
	"errors"
	"net/http"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// ShowRequests is GET /account/requests: the clients that ask for a sign-in (OpenID
// CIBA).
func (p *Pages) ShowRequests(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	if in := p.atRequests(w, r, v); in != nil {
		p.showRequests(w, r, v, in, templates.Requests{}, http.StatusOK)
	}
}

// atRequests is who is signed in; nobody is sent to sign in and then back here.
func (p *Pages) atRequests(w http.ResponseWriter, r *http.Request, v *browser.Visit) *postgres.SignedIn {
	in, err := v.SignedIn(r.Context())
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case in == nil:
		browser.SeeOther(w, step(oidc.SignInPath, accountFlow+"requests"))
	}
	return in
}

func (p *Pages) showRequests(w http.ResponseWriter, r *http.Request, v *browser.Visit, in *postgres.SignedIn, page templates.Requests, status int) {
	v.At(oidc.RequestsPath)
	questions, err := p.Provider.BackchannelQuestions(r.Context(), v.Protocol(), in)
	if err == nil {
		page.Layout, err = v.Layout(r.Context())
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Name, page.Username = in.Person.Name(), in.Person.Username
	for _, q := range questions {
		asked := templates.Request{
			CSRF: page.CSRF, Flow: q.Flow, Message: q.BindingMessage, RequestedAt: q.RequestedAt, Tenant: q.Tenant.Name,
			Client: templates.Client{Name: q.Client.Name, Verified: q.Client.FirstParty, Policy: q.Client.PolicyURI, Terms: q.Client.TOSURI},
		}
		if q.Address.IsValid() {
			asked.Address = q.Address.String()
		}
		for _, info := range q.Scopes {
			asked.Scopes = append(asked.Scopes, browser.ScopeWords(info))
		}
		if asked.Dropped, err = p.dropped(r.Context(), q.Dropped); err != nil {
			p.Fail(w, r, err)
			return
		}
		page.Waiting = append(page.Waiting, asked)
	}
	browser.Show(w, r, page, browser.Sending{Status: status})
}

// AnswerRequest is POST /account/requests.
func (p *Pages) AnswerRequest(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in := p.atRequests(w, r, v)
	if in == nil {
		return
	}
	accepted := r.PostFormValue("decision") == "accept"
	client, err := p.Provider.AnswerBackchannel(r.Context(), v.Protocol(), in, r.PostFormValue("flow"), accepted)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrConsumed):
		p.showRequests(w, r, v, in, templates.Requests{Problem: true}, http.StatusBadRequest)
		return
	case err != nil:
		p.Provider.Refuse(w, r, err)
		return
	}
	p.Log.InfoContext(r.Context(), "sign-in request answered", "client_id", client.ID, "approved", accepted)
	p.showRequests(w, r, v, in, templates.Requests{Answered: client.Name, Approved: accepted}, http.StatusOK)
}
