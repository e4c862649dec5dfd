package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Tenant is the name and the looks of the tenant, as the pages of a sign-in show them.
func (s *TenantStore) Tenant(ctx context.Context) (storage.Tenant, error) {
	return queryOne(ctx, s.Store, s.as, "read tenant", `select `+tenantColumns+` from platform.tenants t where t.id = $1`, scanTenant, s.as.tenant)
}

// SetTenantLogo keeps a logo in place of the one before, and gives its address to the tenant.
func (s *OperatorStore) SetTenantLogo(ctx context.Context, l storage.Logo, e storage.AuditEvent) (storage.Tenant, error) {
	var t storage.Tenant
	err := s.change(ctx, e, tenantObject(l.Tenant), func(tx pgx.Tx) error {
		err := exec(ctx, tx, `insert into platform.tenant_logos (id, tenant_id, media_type, content, created_at) values ($1, $2, $3, $4, $5)
			on conflict (tenant_id) do update set id = excluded.id, media_type = excluded.media_type, content = excluded.content, created_at = excluded.created_at`,
			l.ID, l.Tenant, l.MediaType, l.Content, l.CreatedAt)
		if err != nil {
			return err
		}
		t, err = setLogo(ctx, tx, l.Tenant, l.Path())
		return err
	})
	return t, err
}

// RemoveTenantLogo takes a tenant's logo away, and its address with it.
func (s *OperatorStore) RemoveTenantLogo(ctx context.Context, tenant authz.TenantID, e storage.AuditEvent) (storage.Tenant, error) {
	var t storage.Tenant
	err := s.change(ctx, e, tenantObject(tenant), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from platform.tenant_logos where tenant_id = $1`, tenant)
		if err != nil {
			return err
		}
		t, err = setLogo(ctx, tx, tenant, "")
		return err
	})
	return t, err
}

func setLogo(ctx context.Context, tx pgx.Tx, tenant authz.TenantID, path string) (storage.Tenant, error) {
	rows, err := tx.Query(ctx, `update platform.tenants t set logo = $2 where t.id = $1 returning `+tenantColumns, tenant, path)
	if err != nil {
		return storage.Tenant{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanTenant)
}

// Logo reads a logo by its id.
func (s *Store) Logo(ctx context.Context, id authz.FileID) (storage.Logo, error) {
	l := storage.Logo{ID: id}
	err := s.batch(ctx, "read logo", acting{row: id}, func(b *pgx.Batch) {
		b.Queue(`select tenant_id, media_type, content, created_at from platform.tenant_logos where id = $1`, id).
			QueryRow(func(row pgx.Row) error { return row.Scan(&l.Tenant, &l.MediaType, &l.Content, &l.CreatedAt) })
	})
	return l, err
}
