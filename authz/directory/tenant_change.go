package directory

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// TenantChange is what to change of a tenant; nil leaves it. A limit below 0 becomes
// no limit.
type TenantChange struct {
	Slug, Name, Region, Plan, Accent    *string
	MaxUsers, MaxAgents, StorageQuotaGB *int
	Features                            *[]string
	// Registration is "open", "closed" or mail domains, as in [storage.Registration].
	Registration *[]string
	// If judges the tenant in the moment of the change, as that of [UserChange].
	If func(storage.Tenant) error
}

// UpdateTenant changes a tenant. A limit below what the tenant has already takes
// nothing away: it lets nothing more in.
func (s *Service) UpdateTenant(ctx context.Context, a Actor, id authz.TenantID, n TenantChange) (storage.Tenant, error) {
	if err := may(a, manageTenants); err != nil {
		return storage.Tenant{}, err
	}
	t, err := s.store.UpdateTenant(ctx, id, func(t *storage.Tenant) error {
		if err := holds(n.If, *t); err != nil {
			return err
		}
		n.apply(t)
		return checkTenant(*t)
	}, s.event(a, "tenant.update", id))
	return t, orUnknown(err, "tenant", id.String())
}

func (n TenantChange) apply(t *storage.Tenant) {
	change(&t.Slug, n.Slug)
	change(&t.Name, n.Name)
	change(&t.Region, n.Region)
	change(&t.Plan, n.Plan)
	change(&t.Features, n.Features)
	change(&t.Accent, n.Accent)
	t.Accent = strings.ToLower(t.Accent)
	if n.Registration != nil {
		t.Registration = registrationOf(*n.Registration)
	}
	for _, limit := range []struct {
		field **int
		to    *int
	}{{&t.MaxUsers, n.MaxUsers}, {&t.MaxAgents, n.MaxAgents}, {&t.StorageQuotaGB, n.StorageQuotaGB}} {
		switch {
		case limit.to == nil:
		case *limit.to < 0:
			*limit.field = nil
		default:
			*limit.field = limit.to
		}
	}
}

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

func checkTenant(t storage.Tenant) error {
	if t.Slug == "" || slug(t.Slug) != t.Slug {
		return invalid("slug", "may have lower-case letters, digits and single hyphens")
	}
	if t.Accent != "" && !colour.MatchString(t.Accent) {
		return invalid("accent", "is not a colour, which is # and six hexadecimal digits")
	}
	for name, limit := range map[string]*int{"max_users": t.MaxUsers, "max_agents": t.MaxAgents, "storage_quota_gb": t.StorageQuotaGB} {
		if limit != nil && *limit < 0 {
			return invalid(name, "must not be negative")
		}
	}
	err := errors.Join(missing("name", t.Name), checkName("name", t.Name), checkName("region", t.Region), checkName("plan", t.Plan),
		checkRegistration(t.Registration))
	for _, feature := range t.Features {
		err = errors.Join(err, missing("features", feature), checkName("features", feature))
	}
	return err
}

// DeleteTenant removes a tenant with its projects, groups, clients and resources, and
// ends every session and token that counted in it. Its people keep their accounts.
// confirm is its slug, said once more.
func (s *Service) DeleteTenant(ctx context.Context, a Actor, id authz.TenantID, confirm string, seen func(storage.Tenant) error) error {
	if err := may(a, manageTenants); err != nil {
		return err
	}
	t, err := s.store.TenantByID(ctx, id)
	if err != nil {
		return orUnknown(err, "tenant", id.String())
	}
	if confirm != t.Slug {
		return invalid("confirm", "is not the slug of the tenant: deleting it cannot be taken back")
	}
	return s.store.DeleteTenant(ctx, id, seen, s.dead(), s.event(a, "tenant.delete", id))
}

// RenameProject gives a project another name.
func (s *Service) RenameProject(ctx context.Context, a Actor, p storage.Project, name string, seen func(storage.Project) error) (storage.Project, error) {
	if err := may(a, manageTenants); err != nil {
		return p, err
	}
	if err := errors.Join(missing("name", name), checkName("name", name)); err != nil {
		return p, err
	}
	return s.store.UpdateProject(ctx, p.ID, func(p *storage.Project) error {
		if err := holds(seen, *p); err != nil {
			return err
		}
		p.Name = name
		return nil
	}, s.event(a, "project.update", p.Tenant))
}

// DeleteProject removes a project with its groups; what they gave is gone at once.
func (s *Service) DeleteProject(ctx context.Context, a Actor, p storage.Project, seen func(storage.Project) error) error {
	if err := may(a, manageTenants); err != nil {
		return err
	}
	return s.store.DeleteProject(ctx, p.ID, seen, s.event(a, "project.delete", p.Tenant))
}

// RenameGroup gives a group another name, which its members' next tokens carry. That
// of all members keeps its own.
func (s *Service) RenameGroup(ctx context.Context, a Actor, id authz.GroupID, name string, seen func(storage.Group) error) (storage.Group, error) {
	g, err := s.changeableGroup(ctx, a, id)
	if err != nil {
		return g, err
	}
	if err := errors.Join(missing("name", name), checkName("name", name)); err != nil {
		return g, err
	}
	return s.store.UpdateGroup(ctx, id, func(g *storage.Group) error {
		if err := holds(seen, *g); err != nil {
			return err
		}
		if g.Name == storage.MembersGroup && g.Project.IsZero() {
			return invalid("group", "is that of all members, and keeps its name")
		}
		g.Name = name
		return nil
	}, s.event(a, "group.update", g.Tenant))
}

// DeleteGroup removes a group; its members lose at once what it gave. That of all
// members stays as long as the tenant.
func (s *Service) DeleteGroup(ctx context.Context, a Actor, id authz.GroupID, seen func(storage.Group) error) error {
	g, err := s.changeableGroup(ctx, a, id)
	if err != nil {
		return err
	}
	if err := mayGiveIn(a, g.Tenant, g.Scopes); err != nil {
		return err
	}
	if g.Name == storage.MembersGroup && g.Project.IsZero() {
		return invalid("group", "is that of all members, and stays as long as the tenant")
	}
	return s.store.DeleteGroup(ctx, id, seen, s.event(a, "group.delete", g.Tenant))
}
