package directory

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// The methods below are for everybody about themselves, and about nobody else: the
// object is who asks, and never named.

// maySelf refuses who is no person: the host, and a client of its own.
func maySelf(a Actor) error {
	if a.User.IsZero() {
		return ErrForbidden
	}
	return nil
}

// Self is the record of who asks.
func (s *Service) Self(ctx context.Context, a Actor) (storage.User, error) {
	if err := maySelf(a); err != nil {
		return storage.User{}, err
	}
	return s.store.ForUser(a.User).User(ctx)
}

// UpdateSelf changes what people may change of their own record: the name that
// others see, the language that they read and how they are reached, not what decides who they are or what they may do.
func (s *Service) UpdateSelf(ctx context.Context, a Actor, change SelfChange) (storage.User, error) {
	if err := maySelf(a); err != nil {
		return storage.User{}, err
	}
	c := change.ofUser()
	if err := c.check(); err != nil {
		return storage.User{}, err
	}
	return s.store.UpdateUser(ctx, a.User, postgres.UserChange(c), s.dead(), s.event(a, "user.update-self", authz.TenantID{}))
}

// SelectTenant makes a tenant, by id or slug, and a project of it, by id or name or ""
// for none, the place where sign-ins of who asks begin. One where they do not belong
// does not exist.
func (s *Service) SelectTenant(ctx context.Context, a Actor, name, project string) (storage.Tenant, error) {
	if err := maySelf(a); err != nil {
		return storage.Tenant{}, err
	}
	own := s.store.ForUser(a.User)
	p, err := own.Person(ctx)
	if err != nil {
		return storage.Tenant{}, err
	}
	i := slices.IndexFunc(p.Tenants, func(t storage.Tenant) bool { return t.Slug == name || t.ID.String() == name })
	if i < 0 {
		return storage.Tenant{}, unknown("tenant", "%q does not exist", name)
	}
	chosen := storage.Preferences{Tenant: p.Tenants[i].ID}
	if project != "" {
		all, err := own.Projects(ctx)
		if err != nil {
			return storage.Tenant{}, err
		}
		j := slices.IndexFunc(all, func(x storage.Project) bool {
			return x.Tenant == chosen.Tenant && (x.Name == project || x.ID.String() == project)
		})
		if j < 0 {
			return storage.Tenant{}, unknown("project", "%q does not exist", project)
		}
		chosen.Project = all[j].ID
	}
	return p.Tenants[i], s.store.SetPreferences(ctx, a.User, chosen, s.event(a, "user.select-tenant", chosen.Tenant))
}

// SelfSessions lists the sessions of who asks.
func (s *Service) SelfSessions(ctx context.Context, a Actor) ([]storage.Session, error) {
	if err := maySelf(a); err != nil {
		return nil, err
	}
	return s.store.ForUser(a.User).Sessions(ctx, s.now())
}

// RevokeSelfSession ends a session of who asks; another's does not exist.
func (s *Service) RevokeSelfSession(ctx context.Context, a Actor, id authz.SessionID) error {
	own, err := s.SelfSessions(ctx, a)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(own, func(x storage.Session) bool { return x.ID == id }) {
		return unknown("session", "%q does not exist", id)
	}
	return s.store.RevokeSession(ctx, id, s.dead(), s.event(a, "session.revoke-self", authz.TenantID{}))
}
