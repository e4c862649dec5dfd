package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// membership is one place where a person belongs. Who belongs where is read each time;
// what a group gives and what a tenant is called stands in memory, as roles do.
type membership struct {
	Tenant authz.TenantID
	Group  authz.GroupID
}

// tenantName is what is known of a tenant to whoever belongs to it.
type tenantName struct {
	ID          authz.TenantID
	Slug, Name  string
	SuspendedAt time.Time
}

// member is a person as their own rows tell of them.
type member struct {
	storage.Person
	in []membership
}

// scanMember scans a row of other columns and, behind them, personColumns.
func scanMember(row pgx.Row, m *member, others ...any) error {
	var extra, in []byte
	fields := append(append(others, userFields(&m.User)...), &m.Preferences.Tenant, &m.Preferences.Project, &extra, &in)
	if err := row.Scan(fields...); err != nil {
		return err
	}
	if err := decode(extra, &m.Rights.Extra); err != nil {
		return err
	}
	return decode(in, &m.in)
}

// belongings is what memberships mean.
type belongings struct {
	groups  map[authz.GroupID]authz.GroupRights
	tenants map[authz.TenantID]tenantName
}

// belong gives people what their roles and memberships hold. What memory lacks is read
// as those may who ask.
func (s *Store) belong(ctx context.Context, as acting, people ...*member) error {
	catalogue, err := s.Catalogue(ctx)
	if err != nil {
		return err
	}
	b, groups, tenants := s.recall(people)
	if len(groups)+len(tenants) > 0 {
		if err := s.readBelongings(ctx, as, b, groups, tenants); err != nil {
			return err
		}
	}
	for _, p := range people {
		p.Rights.Role = p.Role
		p.Rights.RoleScopes = catalogue.Roles[p.Role].Scopes
		b.give(p)
	}
	return nil
}

// recall finds in memory what it can, and says which groups and tenants are not there. A
// transaction sees its own changes, which memory does not hold yet.
func (s *Store) recall(people []*member) (b belongings, groups []authz.GroupID, tenants []authz.TenantID) {
	b = belongings{groups: map[authz.GroupID]authz.GroupRights{}, tenants: map[authz.TenantID]tenantName{}}
	for _, p := range people {
		for _, m := range p.in {
			if g, known := s.groups.recall(m.Group); known && s.within == nil {
				b.groups[m.Group] = g
			} else {
				groups = append(groups, m.Group)
			}
			if t, known := s.tenants.recall(m.Tenant); known && s.within == nil {
				b.tenants[m.Tenant] = t
			} else {
				tenants = append(tenants, m.Tenant)
			}
		}
	}
	return b, groups, tenants
}

// readBelongings adds what the database says of groups and tenants, and keeps it.
func (s *Store) readBelongings(ctx context.Context, as acting, b belongings, groups []authz.GroupID, tenants []authz.TenantID) error {
	var readGroups []authz.GroupRights
	var readTenants []tenantName
	groupChanges, tenantChanges := s.groups.changes.Load(), s.tenants.changes.Load()
	err := s.batch(ctx, "read memberships", as, func(batch *pgx.Batch) {
		batch.Queue(`select
			(select json_agg(json_build_object('Group', g.id, 'Name', g.name, 'Tenant', g.tenant_id, 'Project', g.project_id, 'Scopes', g.scopes))
			   from platform.user_groups g where g.id = any($1)),
			(select json_agg(json_build_object('ID', t.id, 'Slug', t.slug, 'Name', t.name, 'SuspendedAt', t.suspended_at))
			   from platform.tenants t where t.id = any($2))`, groups, tenants).
			QueryRow(func(row pgx.Row) error {
				var groups, tenants []byte
				if err := row.Scan(&groups, &tenants); err != nil {
					return err
				}
				if err := decode(groups, &readGroups); err != nil {
					return err
				}
				return decode(tenants, &readTenants)
			})
	})
	if err != nil {
		return err
	}
	for _, g := range readGroups {
		b.groups[g.Group] = g
		if s.within == nil {
			s.groups.keep(g.Group, g, groupChanges)
		}
	}
	for _, t := range readTenants {
		b.tenants[t.ID] = t
		if s.within == nil {
			s.tenants.keep(t.ID, t, tenantChanges)
		}
	}
	return nil
}

// give leaves out what was gone when it was looked for, and suspended tenants.
func (b belongings) give(p *member) {
	for _, m := range p.in {
		if g, there := b.groups[m.Group]; there {
			p.Rights.Groups = append(p.Rights.Groups, g)
		}
		t, there := b.tenants[m.Tenant]
		if _, has := p.Tenant(m.Tenant); there && !has && t.SuspendedAt.IsZero() {
			p.Tenants = append(p.Tenants, storage.Tenant{ID: t.ID, Slug: t.Slug, Name: t.Name})
		}
	}
	slices.SortFunc(p.Rights.Groups, func(a, b authz.GroupRights) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Tenants, func(a, b storage.Tenant) int { return cmp.Compare(a.Name, b.Name) })
}

// decode reads a column of JSON, in which NULL is nothing.
func decode(document []byte, into any) error {
	if document == nil {
		return nil
	}
	if err := json.Unmarshal(document, into); err != nil {
		return fmt.Errorf("decode rights: %w", err)
	}
	return nil
}
