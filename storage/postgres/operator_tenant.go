package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const tenantColumns = `t.id, t.slug, t.name, t.region, t.plan, t.max_users, t.max_agents, t.storage_quota_gb, t.features, t.accent, t.logo, t.registration, t.created_at, t.suspended_at`

func scanTenant(row pgx.CollectableRow) (t storage.Tenant, err error) {
	return t, row.Scan(&t.ID, &t.Slug, &t.Name, &t.Region, &t.Plan, &t.MaxUsers, &t.MaxAgents, &t.StorageQuotaGB, &t.Features,
		&t.Accent, &t.Logo, &t.Registration, &t.CreatedAt, (*zeronull.Timestamptz)(&t.SuspendedAt))
}

func tenantObject(id authz.TenantID) object {
	return row("tenant", "platform.tenants", "id", id, id.String())
}

const oneTenant = `select ` + tenantColumns + ` from platform.tenants t where t.id = $1`

// Tenants lists tenants from after one on, the oldest first.
func (s *OperatorStore) Tenants(ctx context.Context, after authz.TenantID, limit int) ([]storage.Tenant, error) {
	return queryAll(ctx, s.Store, s.as, "list tenants", `select `+tenantColumns+` from platform.tenants t
		where $1::uuid is null or t.id > $1 order by t.id limit $2`, scanTenant, after, limit)
}

// TenantByID finds a tenant.
func (s *OperatorStore) TenantByID(ctx context.Context, id authz.TenantID) (storage.Tenant, error) {
	return queryOne(ctx, s.Store, s.as, "read tenant", oneTenant, scanTenant, id)
}

// TenantBySlug finds a tenant; with an empty slug the first that there is.
func (s *OperatorStore) TenantBySlug(ctx context.Context, slug string) (storage.Tenant, error) {
	return queryOne(ctx, s.Store, s.as, "read tenant", `select `+tenantColumns+` from platform.tenants t
		where $1 = '' or t.slug = $1 order by t.id limit 1`, scanTenant, slug)
}

// InsertTenant adds a tenant and the group of its members.
func (s *OperatorStore) InsertTenant(ctx context.Context, t storage.Tenant, e storage.AuditEvent) error {
	return s.change(ctx, e, tenantObject(t.ID), func(tx pgx.Tx) error { return insertTenant(ctx, tx, t) })
}

func insertTenant(ctx context.Context, tx pgx.Tx, t storage.Tenant) error {
	_, err := tx.Exec(ctx, `insert into platform.tenants (id, slug, name, region, plan, max_users, max_agents, storage_quota_gb, features, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::text[], '{}'), $10)`,
		t.ID, t.Slug, t.Name, t.Region, t.Plan, t.MaxUsers, t.MaxAgents, t.StorageQuotaGB, t.Features, t.CreatedAt)
	if err != nil {
		return err
	}
	return exec(ctx, tx, `insert into platform.user_groups (id, tenant_id, name, created_at) values ($1, $2, $3, $4)`,
		authz.NewID[authz.GroupID](t.CreatedAt), t.ID, storage.MembersGroup, t.CreatedAt)
}

// SetTenantSuspended suspends a tenant, whose sign-ins and tokens stop at once, or
// resumes it.
func (s *OperatorStore) SetTenantSuspended(ctx context.Context, id authz.TenantID, suspended bool, e storage.AuditEvent) error {
	return s.change(ctx, e, tenantObject(id), func(tx pgx.Tx) error {
		return exec(ctx, tx, `update platform.tenants set suspended_at = case when $2 then coalesce(suspended_at, $3) end where id = $1`, id, suspended, e.At)
	})
}

func scanProject(row pgx.CollectableRow) (p storage.Project, err error) {
	return p, row.Scan(&p.ID, &p.Tenant, &p.Name, &p.CreatedAt)
}

const projectColumns = `p.id, p.tenant_id, p.name, p.created_at`

// Projects lists the projects of a tenant from after one on, the oldest first.
func (s *OperatorStore) Projects(ctx context.Context, tenant authz.TenantID, after authz.ProjectID, limit int) ([]storage.Project, error) {
	return queryAll(ctx, s.Store, s.as, "list projects", `select `+projectColumns+` from public.projects p
		where p.tenant_id = $1 and ($2::uuid is null or p.id > $2) order by p.id limit $3`, scanProject, tenant, after, limit)
}

// ProjectOf finds a project of a tenant by its id, or else by its name.
func (s *OperatorStore) ProjectOf(ctx context.Context, tenant authz.TenantID, id authz.ProjectID, name string) (storage.Project, error) {
	return queryOne(ctx, s.Store, s.as, "read project", `select `+projectColumns+` from public.projects p
		where p.tenant_id = $1 and (p.id = $2 or p.name = $3) order by p.name = $3 limit 1`, scanProject, tenant, id, name)
}

// InsertProject adds a project to a tenant.
func (s *OperatorStore) InsertProject(ctx context.Context, p storage.Project, e storage.AuditEvent) error {
	return s.change(ctx, e, row("project", "public.projects", "id", p.ID, p.ID.String()), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into public.projects (id, tenant_id, name, created_at) values ($1, $2, $3, $4)`, p.ID, p.Tenant, p.Name, p.CreatedAt)
	})
}

func scanGroup(row pgx.CollectableRow) (g storage.Group, err error) {
	return g, row.Scan(&g.ID, &g.Tenant, &g.Project, &g.Name, &g.Scopes, &g.CreatedAt)
}

const groupColumns = `g.id, g.tenant_id, g.project_id, g.name, g.scopes, g.created_at`

// Groups lists the groups of a tenant from after one on, the oldest first.
func (s *OperatorStore) Groups(ctx context.Context, tenant authz.TenantID, after authz.GroupID, limit int) ([]storage.Group, error) {
	return queryAll(ctx, s.Store, s.as, "list groups", `select `+groupColumns+` from platform.user_groups g
		where g.tenant_id = $1 and ($2::uuid is null or g.id > $2) order by g.id limit $3`, scanGroup, tenant, after, limit)
}

// GroupOf finds a group of a tenant by its id, or else by its name: of several with one
// name, the one of the whole tenant.
func (s *OperatorStore) GroupOf(ctx context.Context, tenant authz.TenantID, id authz.GroupID, name string) (storage.Group, error) {
	return queryOne(ctx, s.Store, s.as, "read group", `select `+groupColumns+` from platform.user_groups g
		where g.tenant_id = $1 and (g.id = $2 or g.name = $3) order by g.name = $3, g.project_id is not null, g.id limit 1`, scanGroup, tenant, id, name)
}

// GroupByID finds a group.
func (s *OperatorStore) GroupByID(ctx context.Context, id authz.GroupID) (storage.Group, error) {
	return queryOne(ctx, s.Store, s.as, "read group", oneGroup, scanGroup, id)
}

func groupObject(id authz.GroupID) object {
	return row("group", "platform.user_groups", "id", id, id.String())
}

const oneGroup = `select ` + groupColumns + ` from platform.user_groups g where g.id = $1`

// InsertGroup adds a group to a tenant or to one of its projects.
func (s *OperatorStore) InsertGroup(ctx context.Context, g storage.Group, e storage.AuditEvent) error {
	return s.change(ctx, e, groupObject(g.ID), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into platform.user_groups (id, tenant_id, project_id, name, scopes, created_at)
			values ($1, $2, $3, $4, $5, $6)`, g.ID, g.Tenant, g.Project, g.Name, g.Scopes, g.CreatedAt)
	})
}

// InsertMemberships makes users members of groups, each once: all or none, and each with an
// event of their own that is otherwise like e.
func (s *OperatorStore) InsertMemberships(ctx context.Context, all []storage.Membership, e storage.AuditEvent) error {
	return s.tx(ctx, e.Action, s.as, func(tx pgx.Tx) error {
		ids := each(all, func(m storage.Membership) authz.MembershipID { return m.ID })
		users := each(all, func(m storage.Membership) authz.UserID { return m.User })
		b := &pgx.Batch{}
		b.Queue(`select from platform.users where id = any($1) order by id for no key update`, users)
		b.Queue(`insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
			select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])`, ids,
			each(all, func(m storage.Membership) authz.TenantID { return m.Tenant }), users,
			each(all, func(m storage.Membership) authz.GroupID { return m.Group }),
			each(all, func(m storage.Membership) time.Time { return m.CreatedAt }))
		b.Queue(`update platform.users set authz_changed_at = $2 where id = any($1)`, users, e.At)
		b.Queue(`insert into platform.audit_events (id, at, actor, actor_id, action, object_kind, object_id, tenant_id, ip_address, after)
			select n.event, $3, $4, $5, $6, 'membership', x.id::text, $7, $8, to_jsonb(x)
			from unnest($1::uuid[], $2::uuid[]) n (id, event) join platform.user_group_memberships x on x.id = n.id`,
			ids, eventIDs(all, e), e.At, e.Actor, e.ActorID, e.Action, e.Tenant, addressOrNull(e.IPAddress))
		return tx.SendBatch(ctx, b).Close()
	})
}

// DeleteMembership ends a user's membership of a group.
func (s *OperatorStore) DeleteMembership(ctx context.Context, user authz.UserID, group authz.GroupID, e storage.AuditEvent) error {
	found, err := queryOne(ctx, s.Store, s.as, "read membership", `select id from platform.user_group_memberships
		where user_id = $1 and user_group_id = $2`, pgx.RowTo[authz.MembershipID], user, group)
	if err != nil {
		return err
	}
	o := row("membership", "platform.user_group_memberships", "id", found, found.String())
	return s.change(ctx, e, o, func(tx pgx.Tx) error {
		if err := exec(ctx, tx, `delete from platform.user_group_memberships where id = $1`, found); err != nil {
			return err
		}
		return rightsChanged(ctx, tx, user, e)
	})
}

func rightsChanged(ctx context.Context, tx pgx.Tx, user authz.UserID, e storage.AuditEvent) error {
	return exec(ctx, tx, `update platform.users set authz_changed_at = $2 where id = $1`, user, e.At)
}

// everyonesRightsChanged is rightsChanged for many, perhaps for all: that may take
// longer than a request may.
func everyonesRightsChanged(ctx context.Context, tx pgx.Tx, of string, id any, e storage.AuditEvent) error {
	unhurried(tx)
	if _, err := tx.Exec(ctx, `select set_config('statement_timeout', '0', true)`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `update platform.users set authz_changed_at = $2 where `+of, id, e.At)
	return err
}
