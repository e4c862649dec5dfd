package login

import (
	"net/http"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// ShowConsent is GET /consent.
func (p *Pages) ShowConsent(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	q := p.Provider.Consent(w, r, v.Protocol(), r.URL.Query().Get("flow"))
	if q == nil {
		return
	}
	page, err := p.consentPage(r, v, q)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, page, browser.Sending{LeadsTo: q.Redirect})
}

func (p *Pages) consentPage(r *http.Request, v *browser.Visit, q *oidc.ConsentQuestion) (templates.Consent, error) {
	layout, err := v.Layout(r.Context())
	if err != nil {
		return templates.Consent{}, err
	}
	catalogue, err := p.Store.Catalogue(r.Context())
	if err != nil {
		return templates.Consent{}, err
	}
	page := templates.Consent{
		Layout: layout, Flow: q.Flow, Impersonable: q.Impersonable, Tenant: q.Tenant.Name,
		Name: q.Person.Name(), Username: q.Person.Username, RedirectHost: q.Redirect.Host,
		Client: templates.Client{
			Name: q.Client.Name, Verified: q.Client.FirstParty,
			Logo: q.Client.LogoURI, Policy: q.Client.PolicyURI, Terms: q.Client.TOSURI,
		},
	}
	if page.RedirectHost == "" {
		page.RedirectHost = q.Redirect.Scheme + ":"
	}
	for _, info := range q.Scopes {
		page.Scopes = append(page.Scopes, browser.ScopeWords(info))
	}
	for _, dropped := range q.Dropped {
		info, known := catalogue.Scopes[dropped.Scope]
		if !known {
			info = storage.ScopeInfo{Name: dropped.Scope}
		}
		page.Dropped = append(page.Dropped, templates.DroppedScope{
			ScopeWords: browser.ScopeWords(info), Reason: dropped.Reason, Detail: dropped.Detail,
		})
	}
	return page, nil
}

// AnswerConsent is POST /consent. What is granted stands in the sealed request,
// never in the form.
func (p *Pages) AnswerConsent(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	p.Provider.AnswerConsent(w, r, v.Protocol(), r.PostFormValue("flow"), r.PostFormValue("decision") == "accept")
}
