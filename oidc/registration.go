package oidc

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// RegisterPath is where a person makes an account for themselves.
const RegisterPath = "/register"

// Registering is the tenant in which people may make accounts for themselves: the client's own, for
// one of no tenant the named one, or else the oldest; false where there is none, and
// where no mail can be sent, for an account begins with one.
func (p *Provider) Registering(ctx context.Context, client authz.TenantID, slug string) (storage.Tenant, bool, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return storage.Tenant{}, false, err
	}
	t, open := p.registering(catalogue, client, slug)
	return t, open, nil
}

func (p *Provider) registering(catalogue *postgres.Catalogue, client authz.TenantID, slug string) (storage.Tenant, bool) {
	if p.NoMail {
		return storage.Tenant{}, false
	}
	for _, t := range catalogue.Registering {
		if t.ID == client || client.IsZero() && (slug == "" || slug == t.Slug) {
			return t, true
		}
	}
	return storage.Tenant{}, false
}
