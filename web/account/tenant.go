package account

import (
	"context"
	"net/http"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// places is where a person can be: in each of their tenants, and in each project of it.
func (p *Pages) places(ctx context.Context, in *postgres.SignedIn) ([]templates.AccountPlace, error) {
	projects, err := p.Store.ForUser(in.Person.ID).Projects(ctx)
	if err != nil {
		return nil, err
	}
	here := storage.Preferences{Tenant: in.Session.Tenant, Project: in.Session.Project}
	var all []templates.AccountPlace
	for _, t := range in.Person.Tenants {
		add := func(project storage.Project) {
			at := storage.Preferences{Tenant: t.ID, Project: project.ID}
			all = append(all, templates.AccountPlace{
				TenantID: t.ID, ProjectID: project.ID, Tenant: t.Name, Project: project.Name, Current: at == here, Default: at == in.Person.Preferences,
			})
		}
		add(storage.Project{})
		for _, project := range projects {
			if project.Tenant == t.ID {
				add(project)
			}
		}
	}
	return all, nil
}

// ShowTenants is GET /account/tenants.
func (p *Pages) ShowTenants(w http.ResponseWriter, r *http.Request) {
	v, in := p.visit(w, r)
	if in == nil {
		return
	}
	layout, err := v.Layout(r.Context())
	page := templates.AccountTenants{Layout: layout}
	if err == nil {
		page.Places, err = p.places(r.Context(), in)
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, page, browser.Sending{})
}

// ChooseTenant is POST /account/tenants: it moves this session, or makes a place the one
// where sign-ins begin. Where the user does not belong is not found.
func (p *Pages) ChooseTenant(w http.ResponseWriter, r *http.Request) {
	_, in := p.visit(w, r)
	if in == nil {
		return
	}
	places, err := p.places(r.Context(), in)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	tenant, _ := authz.ParseID[authz.TenantID](r.PostFormValue("tenant_id"))
	project, _ := authz.ParseID[authz.ProjectID](r.PostFormValue("project_id"))
	found := slices.ContainsFunc(places, func(at templates.AccountPlace) bool { return at.TenantID == tenant && at.ProjectID == project })
	if !found {
		browser.SeeOther(w, "/account/tenants")
		return
	}
	done := templates.PlaceChanged
	if r.PostFormValue("make_default") == "on" {
		done = templates.DefaultPlaceChanged
		_, err = p.Directory.SelectTenant(r.Context(), actor(r, in), tenant.String(), r.PostFormValue("project_id"))
	} else {
		err = p.Store.ForUser(in.Person.ID).MoveSession(r.Context(), in.Session.ID, storage.Preferences{Tenant: tenant, Project: project})
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.done(w, done)
}
