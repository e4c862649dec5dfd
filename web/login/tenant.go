package login

import (
	"net/http"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// shownLogos bounds what is read, and loaded, for somebody of very many tenants.
const shownLogos = 20

// ShowTenants is GET /login/tenant: for which of their tenants the person is here.
func (p *Pages) ShowTenants(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in := p.signedIn(r.Context(), w, r, v)
	if in == nil {
		return
	}
	flow := r.URL.Query().Get("flow")
	question, ok := p.question(w, r, v, flow)
	if !ok {
		return
	}
	layout, err := p.layout(r.Context(), v, question.Client.Tenant)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page := templates.ChooseTenant{Layout: layout, Flow: flow, Client: question.Client.Name}
	for i, t := range in.Person.Tenants {
		choice := templates.Tenant{ID: t.ID, Name: t.Name, Default: t.ID == in.Session.Tenant}
		if i < shownLogos {
			brand, err := BrandOf(r.Context(), p.Store, t.ID)
			if err != nil {
				p.Fail(w, r, err)
				return
			}
			choice.Logo = brand.Logo
		}
		page.Tenants = append(page.Tenants, choice)
	}
	browser.Show(w, r, page, browser.Sending{LeadsTo: question.Redirect})
}

// ChooseTenant is POST /login/tenant.
func (p *Pages) ChooseTenant(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in := p.signedIn(r.Context(), w, r, v)
	if in == nil {
		return
	}
	id, _ := authz.ParseID[authz.TenantID](r.PostFormValue("tenant_id"))
	tenant, member := in.Person.Tenant(id)
	if !member {
		p.Refuse(w, r, templates.Error{Status: http.StatusNotFound})
		return
	}
	to := storage.Preferences{Tenant: tenant.ID}
	if in.Person.Preferences.Tenant == to.Tenant {
		to.Project = in.Person.Preferences.Project
	}
	err := p.Store.ForUser(in.Person.ID).MoveSession(r.Context(), in.Session.ID, to)
	if err == nil && r.PostFormValue("make_default") == "on" && in.Person.Preferences != to {
		by := directory.Actor{Name: in.Person.Username, User: in.Person.ID, IPAddress: browser.AddressFrom(r.Context())}
		_, err = p.Directory.SelectTenant(r.Context(), by, to.Tenant.String(), "")
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.goOn(w, r.PostFormValue("flow"))
}
