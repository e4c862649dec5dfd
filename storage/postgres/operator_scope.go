package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const (
	scopeColumns = `name, title, description, needs_acr`
	oneScope     = `select ` + scopeColumns + ` from platform.scopes where name = $1`
)

func scanScope(row pgx.CollectableRow) (i storage.ScopeInfo, err error) {
	return i, row.Scan(&i.Name, &i.Title, &i.Description, (*zeronull.Text)(&i.NeedsACR))
}

// PutScope registers a scope or changes its words. With a condition it changes: nothing that
// is not there yet is as it was seen.
func (s *OperatorStore) PutScope(ctx context.Context, i storage.ScopeInfo, seen func(storage.ScopeInfo) error, e storage.AuditEvent) error {
	return s.change(ctx, e, row("scope", "platform.scopes", "name", i.Name, string(i.Name)), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanScope, oneScope, i.Name); err != nil {
			return err
		}
		return exec(ctx, tx, `insert into platform.scopes (name, title, description, needs_acr) values ($1, $2, $3, $4)
			on conflict (name) do update set title = excluded.title, description = excluded.description, needs_acr = excluded.needs_acr`,
			i.Name, i.Title, i.Description, zeronull.Text(i.NeedsACR))
	})
}

// InUseError says by what something is held that was to be deleted.
type InUseError struct{ By string }

func (e *InUseError) Error() string { return "in use: " + e.By }

// whoUses is the first that names a scope, in words.
const whoUses = `
	select 'resource ' || identifier from platform.resources where $1 = any(scopes)
	union all select 'role ' || name from platform.roles where $1 = any(scopes)
	union all select 'group ' || name from platform.user_groups where $1 = any(scopes)
	union all select 'client ' || id from platform.clients where $1 = any(scopes)
	union all select 'user ' || u.username from platform.user_scopes s join platform.users u on u.id = s.user_id where s.scope = $1
	limit 1`

// DeleteScope takes a scope out of the registry; an [*InUseError] when somebody
// names it.
func (s *OperatorStore) DeleteScope(ctx context.Context, name authz.Scope, seen func(storage.ScopeInfo) error, e storage.AuditEvent) error {
	return s.change(ctx, e, row("scope", "platform.scopes", "name", name, string(name)), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanScope, oneScope, name); err != nil {
			return err
		}
		var user string
		err := tx.QueryRow(ctx, whoUses, name).Scan(&user)
		if err == nil {
			return &InUseError{user}
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return exec(ctx, tx, `delete from platform.scopes where name = $1`, name)
	})
}

// UpdateRole changes what a role holds as it stands at this moment, and with it the
// rights of everyone who has it.
func (s *OperatorStore) UpdateRole(ctx context.Context, role authz.Role, change func(*storage.Role) error, e storage.AuditEvent) (storage.Role, error) {
	r := storage.Role{Name: role}
	err := s.change(ctx, e, row("role", "platform.roles", "name", role, string(role)), func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select description, scopes from platform.roles where name = $1`, role).Scan(&r.Description, &r.Scopes)
		if err != nil {
			return err
		}
		if err := change(&r); err != nil {
			return err
		}
		if err := exec(ctx, tx, `update platform.roles set scopes = $2 where name = $1`, role, r.Scopes); err != nil {
			return err
		}
		return everyonesRightsChanged(ctx, tx, `role = $1`, role, e)
	})
	return r, err
}

func scanUserScope(row pgx.CollectableRow) (u storage.UserScope, err error) {
	return u, row.Scan(&u.User, &u.Tenant, &u.Scope, &u.CreatedAt)
}

// UserScopes lists the extra scopes of a user.
func (s *OperatorStore) UserScopes(ctx context.Context, user authz.UserID) ([]storage.UserScope, error) {
	return queryAll(ctx, s.Store, s.as, "list user scopes", `select user_id, tenant_id, scope, created_at from platform.user_scopes
		where user_id = $1 order by scope`, scanUserScope, user)
}

// scopesOf is the extra scopes of a user, as audit events tell of them.
func scopesOf(id authz.UserID) object {
	o := userObject(id)
	o.query = `select jsonb_build_object('extra_scopes', coalesce(jsonb_agg(
			jsonb_build_object('scope', scope, 'tenant_id', tenant_id) order by scope, tenant_id), '[]'))
		from platform.user_scopes where user_id = $1`
	return o
}

// InsertUserScope gives a user a scope beyond role and groups.
func (s *OperatorStore) InsertUserScope(ctx context.Context, u storage.UserScope, e storage.AuditEvent) error {
	return s.change(ctx, e, scopesOf(u.User), func(tx pgx.Tx) error {
		err := exec(ctx, tx, `insert into platform.user_scopes (user_id, tenant_id, scope, created_at) values ($1, $2, $3, $4)`,
			u.User, u.Tenant, u.Scope, u.CreatedAt)
		if err != nil {
			return err
		}
		return rightsChanged(ctx, tx, u.User, e)
	})
}

// DeleteUserScope takes it back.
func (s *OperatorStore) DeleteUserScope(ctx context.Context, u storage.UserScope, e storage.AuditEvent) error {
	return s.change(ctx, e, scopesOf(u.User), func(tx pgx.Tx) error {
		err := exec(ctx, tx, `delete from platform.user_scopes where user_id = $1 and tenant_id is not distinct from $2 and scope = $3`,
			u.User, u.Tenant, u.Scope)
		if err != nil {
			return err
		}
		return rightsChanged(ctx, tx, u.User, e)
	})
}
