package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// UpdateTenant changes a tenant under its lock, so that of two changes at once the
// second begins with what the first has made.
func (s *OperatorStore) UpdateTenant(ctx context.Context, id authz.TenantID, change func(*storage.Tenant) error, e storage.AuditEvent) (storage.Tenant, error) {
	var t storage.Tenant
	err := s.change(ctx, e, tenantObject(id), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, oneTenant, id)
		if err != nil {
			return err
		}
		if t, err = pgx.CollectExactlyOneRow(rows, scanTenant); err != nil {
			return err
		}
		if err := change(&t); err != nil {
			return err
		}
		return exec(ctx, tx, `update platform.tenants set slug = $2, name = $3, region = $4, plan = $5, max_users = $6, max_agents = $7,
				storage_quota_gb = $8, features = coalesce($9::text[], '{}'), accent = $10,
				registration = coalesce($11::text[], '{}') where id = $1`,
			id, t.Slug, t.Name, t.Region, t.Plan, t.MaxUsers, t.MaxAgents, t.StorageQuotaGB, t.Features, t.Accent, t.Registration)
	})
	return t, err
}

// endTenant ends every token that counts in a tenant: the instant is $2, and until $3
// the ids of what ends are kept.
const endTenant = `insert into platform.revoked_tokens (jti, user_id, client_id, reason, revoked_at, expires_at)
	select x.jti, x.user_id, x.client_id, 'tenant deleted', $2, $3 from (
		select g.id::text as jti, g.user_id, g.client_id from platform.grants g where g.tenant_id = $1
		union all select s.token_jti::text, s.user_id, null from platform.user_sessions s where s.current_tenant_id = $1) x
	on conflict (jti) do nothing`

// deleteTenant is what goes with a tenant and no key takes along.
var deleteTenant = []string{
	`delete from platform.grants where tenant_id = $1`,
	`delete from platform.user_sessions where current_tenant_id = $1`,
	`delete from platform.user_preferences where default_tenant_id = $1`,
	`delete from platform.user_group_memberships where tenant_id = $1`,
	`delete from platform.user_groups where tenant_id = $1`,
	// What is dead stays dead, and says no more whose it was.
	`update platform.revoked_tokens set tenant_id = null where tenant_id = $1`,
}

// DeleteTenant removes a tenant and ends what counted in it.
func (s *OperatorStore) DeleteTenant(ctx context.Context, id authz.TenantID, seen func(storage.Tenant) error, dead time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, tenantObject(id), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanTenant, oneTenant, id); err != nil {
			return err
		}
		err := everyonesRightsChanged(ctx, tx, `id in (select user_id from platform.user_group_memberships where tenant_id = $1)`, id, e)
		if err != nil {
			return err
		}
		// Tokens end before it is forgotten whose they were.
		if _, err := tx.Exec(ctx, endTenant, id, e.At, dead); err != nil {
			return err
		}
		for _, statement := range deleteTenant {
			if _, err := tx.Exec(ctx, statement, id); err != nil {
				return err
			}
		}
		return exec(ctx, tx, `delete from platform.tenants where id = $1`, id)
	})
}

const oneProject = `select id, tenant_id, name, created_at from public.projects where id = $1`

func projectObject(id authz.ProjectID) object {
	return row("project", "public.projects", "id", id, id.String())
}

// UpdateProject changes a project as it stands at this moment: change is called with
// it under a lock, and what it refuses is left as it was.
func (s *OperatorStore) UpdateProject(ctx context.Context, id authz.ProjectID, change func(*storage.Project) error, e storage.AuditEvent) (storage.Project, error) {
	var p storage.Project
	err := s.change(ctx, e, projectObject(id), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, oneProject, id)
		if err != nil {
			return err
		}
		if p, err = pgx.CollectExactlyOneRow(rows, scanProject); err != nil {
			return err
		}
		if err := change(&p); err != nil {
			return err
		}
		return exec(ctx, tx, `update public.projects set name = $2 where id = $1`, id, p.Name)
	})
	return p, err
}

// DeleteProject removes a project; its groups go with it.
func (s *OperatorStore) DeleteProject(ctx context.Context, id authz.ProjectID, seen func(storage.Project) error, e storage.AuditEvent) error {
	return s.change(ctx, e, projectObject(id), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanProject, oneProject, id); err != nil {
			return err
		}
		err := everyonesRightsChanged(ctx, tx, `id in (select m.user_id from platform.user_group_memberships m
			join platform.user_groups g on g.id = m.user_group_id where g.project_id = $1)`, id, e)
		if err != nil {
			return err
		}
		return exec(ctx, tx, `delete from public.projects where id = $1`, id)
	})
}

// UpdateGroup changes name and scopes of a group as it stands at this moment, as
// [OperatorStore.UpdateProject] does. Other scopes are other rights of its members.
func (s *OperatorStore) UpdateGroup(ctx context.Context, id authz.GroupID, change func(*storage.Group) error, e storage.AuditEvent) (storage.Group, error) {
	var g storage.Group
	err := s.change(ctx, e, groupObject(id), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, oneGroup, id)
		if err != nil {
			return err
		}
		if g, err = pgx.CollectExactlyOneRow(rows, scanGroup); err != nil {
			return err
		}
		before := g.Scopes
		if err := change(&g); err != nil {
			return err
		}
		err = exec(ctx, tx, `update platform.user_groups set name = $2, scopes = $3 where id = $1`, id, g.Name, g.Scopes)
		if err != nil || slices.Equal(before, g.Scopes) {
			return err
		}
		return everyonesRightsChanged(ctx, tx, `id in (select user_id from platform.user_group_memberships where user_group_id = $1)`, id, e)
	})
	return g, err
}

// DeleteGroup removes a group with its memberships.
func (s *OperatorStore) DeleteGroup(ctx context.Context, id authz.GroupID, seen func(storage.Group) error, e storage.AuditEvent) error {
	return s.change(ctx, e, groupObject(id), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanGroup, oneGroup, id); err != nil {
			return err
		}
		err := everyonesRightsChanged(ctx, tx, `id in (select user_id from platform.user_group_memberships where user_group_id = $1)`, id, e)
		if err != nil {
			return err
		}
		return exec(ctx, tx, `delete from platform.user_groups where id = $1`, id)
	})
}
