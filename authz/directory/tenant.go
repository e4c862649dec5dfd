package directory

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Tenants lists the tenants within reach, the oldest first.
func (s *Service) Tenants(ctx context.Context, a Actor, p Paging) (Page[storage.Tenant], error) {
	r, err := reaches(a, readDirectory)
	if err != nil {
		return Page[storage.Tenant]{}, err
	}
	if !r.everywhere {
		t, err := s.store.TenantByID(ctx, r.tenant)
		return Page[storage.Tenant]{Items: []storage.Tenant{t}}, err
	}
	last, err := after[authz.TenantID](p)
	if err != nil {
		return Page[storage.Tenant]{}, err
	}
	tenants, err := s.store.Tenants(ctx, last, p.limit()+1)
	return page(tenants, p, func(t storage.Tenant) string { return t.ID.String() }), err
}

// Tenant finds a tenant by id or slug; "" is the first, and for whoever gets to one
// alone that one.
func (s *Service) Tenant(ctx context.Context, a Actor, name string) (storage.Tenant, error) {
	r, err := reaches(a, readDirectory)
	if err != nil {
		return storage.Tenant{}, err
	}
	if name == "" && !r.everywhere {
		name = r.tenant.String()
	}
	var t storage.Tenant
	if id, badID := authz.ParseID[authz.TenantID](name); badID == nil {
		t, err = s.store.TenantByID(ctx, id)
	} else {
		t, err = s.store.TenantBySlug(ctx, name)
	}
	if err == nil && !r.has(t.ID) {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.Tenant{}, orUnknown(err, "tenant", name)
	}
	return t, nil
}

// ownTenant refuses a tenant that is beyond the actor's reach: it does not exist.
func ownTenant(a Actor, o operation, tenant authz.TenantID) error {
	r, err := reaches(a, o)
	if err == nil && !r.has(tenant) {
		return unknown("tenant", "%q does not exist", tenant)
	}
	return err
}

// tenantOrFirst is the named tenant, and for an empty name the first, which the
// host makes when there is none: a fresh database takes its first user at once.
func (s *Service) tenantOrFirst(ctx context.Context, a Actor, name string) (storage.Tenant, error) {
	t, err := s.Tenant(ctx, a, name)
	if name == "" && a.Host && errors.Is(err, storage.ErrNotFound) {
		return s.CreateTenant(ctx, a, CreateTenant{Slug: firstTenant, Name: "My organization"})
	}
	return t, err
}

// CreateTenant adds a tenant and the group of its members.
func (s *Service) CreateTenant(ctx context.Context, a Actor, n CreateTenant) (storage.Tenant, error) {
	if err := may(a, manageTenants); err != nil {
		return storage.Tenant{}, err
	}
	t := storage.Tenant{
		Slug: n.Slug, Name: n.Name, Region: n.Region, Plan: n.Plan, Features: n.Features,
		MaxUsers: n.MaxUsers, MaxAgents: n.MaxAgents, StorageQuotaGB: n.StorageQuotaGB, CreatedAt: s.now(),
	}
	t.ID = authz.NewID[authz.TenantID](t.CreatedAt)
	if t.Slug == "" {
		t.Slug = cmp.Or(slug(t.Name), "tenant-"+strings.ToLower(rand.Text()[:8]))
	}
	if t.Name == "" {
		t.Name = t.Slug
	}
	if t.Plan == "" {
		t.Plan = "free"
	}
	if err := checkTenant(t); err != nil {
		return t, err
	}
	return t, s.store.InsertTenant(ctx, t, s.event(a, "tenant.create", t.ID))
}

// SuspendTenant stops a tenant's sign-ins and tokens at once.
func (s *Service) SuspendTenant(ctx context.Context, a Actor, id authz.TenantID) error {
	return s.setSuspended(ctx, a, id, true, "tenant.suspend")
}

// ResumeTenant lets a tenant's people sign in again.
func (s *Service) ResumeTenant(ctx context.Context, a Actor, id authz.TenantID) error {
	return s.setSuspended(ctx, a, id, false, "tenant.resume")
}

func (s *Service) setSuspended(ctx context.Context, a Actor, id authz.TenantID, suspended bool, action string) error {
	if err := may(a, manageTenants); err != nil {
		return err
	}
	return s.store.SetTenantSuspended(ctx, id, suspended, s.event(a, action, id))
}

// Projects lists the projects of a tenant, the oldest first.
func (s *Service) Projects(ctx context.Context, a Actor, tenant authz.TenantID, p Paging) (Page[storage.Project], error) {
	if err := ownTenant(a, readDirectory, tenant); err != nil {
		return Page[storage.Project]{}, err
	}
	last, err := after[authz.ProjectID](p)
	if err != nil {
		return Page[storage.Project]{}, err
	}
	projects, err := s.store.Projects(ctx, tenant, last, p.limit()+1)
	return page(projects, p, func(p storage.Project) string { return p.ID.String() }), err
}

// Project finds a project of a tenant by id or name.
func (s *Service) Project(ctx context.Context, a Actor, tenant authz.TenantID, name string) (storage.Project, error) {
	if err := ownTenant(a, readDirectory, tenant); err != nil {
		return storage.Project{}, err
	}
	id, _ := authz.ParseID[authz.ProjectID](name) // what is no id may be a name
	p, err := s.store.ProjectOf(ctx, tenant, id, name)
	return p, orUnknown(err, "project", name)
}

// CreateProject adds a project to a tenant.
func (s *Service) CreateProject(ctx context.Context, a Actor, tenant authz.TenantID, name string) (storage.Project, error) {
	now := s.now()
	p := storage.Project{ID: authz.NewID[authz.ProjectID](now), Tenant: tenant, Name: name, CreatedAt: now}
	if err := may(a, manageTenants); err != nil {
		return p, err
	}
	if err := errors.Join(missing("name", name), checkName("name", name)); err != nil {
		return p, err
	}
	return p, s.store.InsertProject(ctx, p, s.event(a, "project.create", tenant))
}

// Groups lists the groups of a tenant, the oldest first.
func (s *Service) Groups(ctx context.Context, a Actor, tenant authz.TenantID, p Paging) (Page[storage.Group], error) {
	if err := ownTenant(a, readDirectory, tenant); err != nil {
		return Page[storage.Group]{}, err
	}
	last, err := after[authz.GroupID](p)
	if err != nil {
		return Page[storage.Group]{}, err
	}
	groups, err := s.store.Groups(ctx, tenant, last, p.limit()+1)
	return page(groups, p, func(g storage.Group) string { return g.ID.String() }), err
}

// Group finds a group of a tenant by id or name; of several with one name, the one
// of the whole tenant.
func (s *Service) Group(ctx context.Context, a Actor, tenant authz.TenantID, name string) (storage.Group, error) {
	if err := ownTenant(a, readDirectory, tenant); err != nil {
		return storage.Group{}, err
	}
	id, _ := authz.ParseID[authz.GroupID](name) // what is no id may be a name
	g, err := s.store.GroupOf(ctx, tenant, id, name)
	return g, orUnknown(err, "group", name)
}

// CreateGroup adds a group that gives its members scopes.
func (s *Service) CreateGroup(ctx context.Context, a Actor, n CreateGroup) (storage.Group, error) {
	now := s.now()
	g := storage.Group{ID: authz.NewID[authz.GroupID](now), Tenant: n.Tenant, Project: n.Project, Name: n.Name, Scopes: given(n.Scopes), CreatedAt: now}
	if err := ownTenant(a, manageGroups, n.Tenant); err != nil {
		return g, err
	}
	if err := mayGiveIn(a, n.Tenant, n.Scopes); err != nil {
		return g, err
	}
	if err := errors.Join(missing("name", n.Name), checkName("name", n.Name), checkPatterns(n.Scopes)); err != nil {
		return g, err
	}
	return g, s.store.InsertGroup(ctx, g, s.event(a, "group.create", g.Tenant))
}

// given is never nil: a list of nothing is stored as an empty one.
func given(patterns []authz.Pattern) []authz.Pattern { return append([]authz.Pattern{}, patterns...) }

// SetGroupScopes changes what a group gives; tokens of its members lose at once
// what it no longer gives.
func (s *Service) SetGroupScopes(ctx context.Context, a Actor, id authz.GroupID, scopes []authz.Pattern, seen func(storage.Group) error) (storage.Group, error) {
	g, err := s.changeableGroup(ctx, a, id)
	if err != nil {
		return g, err
	}
	return s.store.UpdateGroup(ctx, id, func(g *storage.Group) error {
		if err := holds(seen, *g); err != nil {
			return err
		}
		// Nobody takes away what they could not give, either.
		err := errors.Join(mayGiveIn(a, g.Tenant, added(g.Scopes, scopes)), mayGiveIn(a, g.Tenant, added(scopes, g.Scopes)), checkPatterns(scopes))
		g.Scopes = given(scopes)
		return err
	}, s.event(a, "group.scopes", g.Tenant))
}

func (s *Service) changeableGroup(ctx context.Context, a Actor, id authz.GroupID) (storage.Group, error) {
	r, err := reaches(a, manageGroups)
	if err != nil {
		return storage.Group{}, err
	}
	g, err := s.store.GroupByID(ctx, id)
	if err == nil && !r.has(g.Tenant) {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.Group{}, orUnknown(err, "group", id.String())
	}
	return g, nil
}

// AddMember makes a user a member of a group, and so of its tenant. It gives what
// the group gives, so the actor must hold that.
func (s *Service) AddMember(ctx context.Context, a Actor, group authz.GroupID, user authz.UserID) error {
	g, err := s.changeableGroup(ctx, a, group)
	if err == nil {
		err = mayGiveIn(a, g.Tenant, g.Scopes)
	}
	if r, _ := reaches(a, manageGroups); err == nil && !r.everywhere {
		err = orUnknown(s.isMember(ctx, user, r), "user", user.String())
	}
	if err != nil {
		return err
	}
	err = s.store.InsertMemberships(ctx, s.memberships(g, []authz.UserID{user}), s.event(a, "group.add-member", g.Tenant))
	if errors.Is(err, storage.ErrConflict) {
		return taken("user", "is a member already")
	}
	return err
}

// RemoveMember ends a user's membership of a group.
func (s *Service) RemoveMember(ctx context.Context, a Actor, group authz.GroupID, user authz.UserID) error {
	g, err := s.changeableGroup(ctx, a, group)
	if err == nil {
		err = mayGiveIn(a, g.Tenant, g.Scopes)
	}
	if err != nil {
		return err
	}
	return s.store.DeleteMembership(ctx, user, g.ID, s.event(a, "group.remove-member", g.Tenant))
}
