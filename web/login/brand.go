package login

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// layout is that of the visit, in the look of the tenant that the page is for; zero for
// the house itself.
func (p *Pages) layout(ctx context.Context, v *browser.Visit, tenant authz.TenantID) (templates.Layout, error) {
	layout, err := v.Layout(ctx)
	if err != nil || tenant.IsZero() {
		return layout, err
	}
	layout.Brand, err = BrandOf(ctx, p.Store, tenant)
	return layout, err
}

// BrandOf is what a tenant is called and looks like.
func BrandOf(ctx context.Context, s *postgres.Store, tenant authz.TenantID) (*templates.Brand, error) {
	t, err := s.ForTenant(tenant).Tenant(ctx)
	return &templates.Brand{Name: t.Name, Accent: t.Accent, Logo: t.Logo}, err
}

// only is the tenant of somebody who has no other one, else zero.
func only(person storage.Person) authz.TenantID {
	if len(person.Tenants) != 1 {
		return authz.TenantID{}
	}
	return person.Tenants[0].ID
}
