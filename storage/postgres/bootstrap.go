package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/storage"
)

// Bootstrap makes the first tenant and its owner in an empty database. When there
// is anybody already it is [storage.ErrConflict]; of several replicas that start
// at once, one makes them.
func (s *OperatorStore) Bootstrap(ctx context.Context, t storage.Tenant, u storage.User, e storage.AuditEvent) error {
	return s.change(ctx, e, userObject(u.ID), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `lock table platform.tenants in share row exclusive mode`); err != nil {
			return err
		}
		var empty bool
		err := tx.QueryRow(ctx, `select not exists (select from platform.users) and not exists (select from platform.tenants)`).Scan(&empty)
		if err != nil {
			return err
		}
		if !empty {
			return fmt.Errorf("bootstrap: %w", storage.ErrConflict)
		}
		if err := insertTenant(ctx, tx, t); err != nil {
			return err
		}
		return insertUser(ctx, tx, u, t.ID)
	})
}
