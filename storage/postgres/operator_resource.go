package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/storage"
)

func resourceObject(identifier string) object {
	return row("resource", "platform.resources", "identifier", identifier, identifier)
}

// InsertResource registers a resource server, and in the registry those of its
// scopes that have no entry yet.
func (s *OperatorStore) InsertResource(ctx context.Context, r storage.Resource, e storage.AuditEvent) error {
	return s.change(ctx, e, resourceObject(r.Identifier), func(tx pgx.Tx) error {
		err := exec(ctx, tx, `insert into platform.resources (identifier, tenant_id, name, scopes, access_token_lifetime, created_at, detail_types)
			values ($1, $2, $3, $4, nullif($5, interval '0'), $6, coalesce($7, '[]'::jsonb))`,
			r.Identifier, r.Tenant, r.Name, r.Scopes.Strings(), r.AccessTokenLifetime, r.CreatedAt, typesOrNull(r.DetailTypes))
		if err != nil {
			return err
		}
		return registerScopes(ctx, tx, r)
	})
}

// typesOrNull keeps a nil list from becoming the JSON null.
func typesOrNull(types []storage.DetailType) any {
	if len(types) == 0 {
		return nil
	}
	return types
}

func registerScopes(ctx context.Context, tx pgx.Tx, r storage.Resource) error {
	_, err := tx.Exec(ctx, `insert into platform.scopes (name, title) select x, x from unnest($1::text[]) x on conflict (name) do nothing`, r.Scopes.Strings())
	return err
}

const oneResource = `select identifier, tenant_id, name, scopes, access_token_lifetime, created_at, detail_types
	from platform.resources where identifier = $1`

// UpdateResource changes a resource server as it stands at this moment: change is
// called with it under a lock, and what it refuses is left as it was.
func (s *OperatorStore) UpdateResource(ctx context.Context, identifier string, change func(*storage.Resource) error, e storage.AuditEvent) (storage.Resource, error) {
	var r storage.Resource
	err := s.change(ctx, e, resourceObject(identifier), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, oneResource, identifier)
		if err != nil {
			return err
		}
		if r, err = pgx.CollectExactlyOneRow(rows, scanResource); err != nil {
			return err
		}
		if err := change(&r); err != nil {
			return err
		}
		err = exec(ctx, tx, `update platform.resources set name = $2, scopes = $3, access_token_lifetime = nullif($4, interval '0'),
			detail_types = coalesce($5, '[]'::jsonb) where identifier = $1`, identifier, r.Name, r.Scopes.Strings(), r.AccessTokenLifetime, typesOrNull(r.DetailTypes))
		if err != nil {
			return err
		}
		return registerScopes(ctx, tx, r)
	})
	return r, err
}

// DeleteResource removes a resource server.
func (s *OperatorStore) DeleteResource(ctx context.Context, identifier string, seen func(storage.Resource) error, e storage.AuditEvent) error {
	return s.change(ctx, e, resourceObject(identifier), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanResource, oneResource, identifier); err != nil {
			return err
		}
		return exec(ctx, tx, `delete from platform.resources where identifier = $1`, identifier)
	})
}
