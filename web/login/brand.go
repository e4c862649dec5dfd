package login

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/templates"
)

// brand is how the tenant looks that a request is for; nil for one that looks like the
// house, and where no tenant is meant.
func (p *Pages) brand(ctx context.Context, tenant authz.TenantID) (*templates.Brand, error) {
	if tenant.IsZero() {
		return nil, nil
	}
	t, err := p.Store.ForTenant(tenant).Tenant(ctx)
	if err != nil || t.Accent == "" && t.Logo == "" {
		return nil, err
	}
	return &templates.Brand{Name: t.Name, Accent: t.Accent, Logo: t.Logo}, nil
}
