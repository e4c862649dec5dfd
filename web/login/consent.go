package login

import (
	"context"
	"net/http"

	"github.com/gatehouse/gatehouse/authz"
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
	v.PreferLocales(q.UILocales)
	layout, err := p.layout(r.Context(), v, q.Tenant.ID)
	if err != nil {
		return templates.Consent{}, err
	}
	page := templates.Consent{
		Layout: layout, Flow: q.Flow, Impersonable: q.Impersonable, Tenant: q.Tenant.Name,
		Name: q.Person.Name(), Username: q.Person.Username, RedirectHost: q.Redirect.Host, Site: oidc.DocumentHost(q.Client.ID), OnDevice: q.Redirect.Scheme != "https",
		Client: templates.Client{
			Name: q.Client.Name, Verified: q.Client.FirstParty,
			Policy: q.Client.PolicyURI, Terms: q.Client.TOSURI,
		},
	}
	if page.RedirectHost == "" {
		page.RedirectHost = q.Redirect.Scheme + ":"
	}
	for _, info := range q.Scopes {
		page.Scopes = append(page.Scopes, browser.ScopeWords(info))
	}
	for _, d := range q.Details {
		detail := templates.Detail{Title: d.Title, Resource: d.Resource}
		for _, m := range d.Members {
			detail.Members = append(detail.Members, templates.Field{Name: m[0], Value: m[1]})
		}
		page.Details = append(page.Details, detail)
	}
	page.Dropped, err = p.dropped(r.Context(), q.Dropped)
	return page, err
}

// dropped is what was asked for and not granted, in the registry's words.
func (p *Pages) dropped(ctx context.Context, outcomes []authz.Outcome) ([]templates.DroppedScope, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	var all []templates.DroppedScope
	for _, outcome := range outcomes {
		info, known := catalogue.Scopes[outcome.Scope]
		if !known {
			info = storage.ScopeInfo{Name: outcome.Scope}
		}
		all = append(all, templates.DroppedScope{ScopeWords: browser.ScopeWords(info), Reason: outcome.Reason, Detail: outcome.Detail})
	}
	return all, nil
}

// AnswerConsent is POST /consent. What is granted stands in the sealed request,
// never in the form.
func (p *Pages) AnswerConsent(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	p.Provider.AnswerConsent(w, r, v.Protocol(), r.PostFormValue("flow"), r.PostFormValue("decision") == "accept")
}
