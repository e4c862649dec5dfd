package directory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Roles lists the roles from least to most.
func (s *Service) Roles(ctx context.Context, a Actor) ([]storage.Role, error) {
	catalogue, err := s.catalogue(ctx, a)
	if err != nil {
		return nil, err
	}
	var roles []storage.Role
	for _, name := range authz.Roles() {
		if r, known := catalogue.Roles[name]; known {
			roles = append(roles, r)
		}
	}
	return roles, nil
}

// Scopes lists the registry of scopes by name.
func (s *Service) Scopes(ctx context.Context, a Actor) ([]storage.ScopeInfo, error) {
	catalogue, err := s.catalogue(ctx, a)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(catalogue.Scopes), func(a, b storage.ScopeInfo) int { return cmp.Compare(a.Name, b.Name) }), nil
}

func (s *Service) catalogue(ctx context.Context, a Actor) (*postgres.Catalogue, error) {
	if err := may(a, readDirectory); err != nil {
		return nil, err
	}
	return s.store.Catalogue(ctx)
}

// PutScope registers a scope or changes its words and the sign-in it needs.
func (s *Service) PutScope(ctx context.Context, a Actor, i storage.ScopeInfo, seen func(storage.ScopeInfo) error) error {
	if err := may(a, manageScopes); err != nil {
		return err
	}
	if _, err := authz.ParseScope(string(i.Name)); err != nil {
		return invalid("scope", "%v", err)
	}
	if err := errors.Join(missing("title", i.Title), checkName("title", i.Title), checkName("description", i.Description)); err != nil {
		return err
	}
	known := i.NeedsACR == ""
	for _, acr := range authz.ACRs() {
		known = known || acr == i.NeedsACR
	}
	if !known {
		return invalid("needs_acr", "must be one of %v", authz.ACRs())
	}
	return s.store.PutScope(ctx, i, seen, s.event(a, "scope.put", authz.TenantID{}))
}

// Scope finds a scope in the registry.
func (s *Service) Scope(ctx context.Context, a Actor, name authz.Scope) (storage.ScopeInfo, error) {
	catalogue, err := s.catalogue(ctx, a)
	if err != nil {
		return storage.ScopeInfo{}, err
	}
	info, known := catalogue.Scopes[name]
	if !known {
		return info, unknown("scope", "%q does not exist", name)
	}
	return info, nil
}

// DeleteScope takes a scope out of the registry. One that somebody still holds, may
// ask for or understands stays: without its entry it would need no strong sign-in.
func (s *Service) DeleteScope(ctx context.Context, a Actor, name authz.Scope, seen func(storage.ScopeInfo) error) error {
	if err := may(a, manageScopes); err != nil {
		return err
	}
	if name.OpenToAnyUser() || name.Reserved() {
		return invalid("scope", "%q is part of this program", name)
	}
	err := s.store.DeleteScope(ctx, name, seen, s.event(a, "scope.delete", authz.TenantID{}))
	var used *postgres.InUseError
	if errors.As(err, &used) {
		return taken("scope", "is in use: the "+used.By+" has it, and must give it up first")
	}
	return orUnknown(err, "scope", string(name))
}

// SetRoleScopes changes what a role holds.
func (s *Service) SetRoleScopes(ctx context.Context, a Actor, role authz.Role, scopes []authz.Pattern, seen func(storage.Role) error) (storage.Role, error) {
	r := storage.Role{Name: role}
	if err := errors.Join(may(a, manageScopes), s.mayAssign(ctx, a, role), mayGive(a, scopes)); err != nil {
		return r, err
	}
	if _, err := authz.ParseRole(string(role)); err != nil {
		return r, invalid("role", "%v", err)
	}
	if err := checkPatterns(scopes); err != nil {
		return r, err
	}
	return s.store.UpdateRole(ctx, role, func(r *storage.Role) error {
		if err := holds(seen, *r); err != nil {
			return err
		}
		r.Scopes = given(scopes)
		return nil
	}, s.event(a, "role.scopes", authz.TenantID{}))
}

// GrantUserScope gives a user a scope beyond role and groups, in one tenant or,
// for the zero tenant, in all.
func (s *Service) GrantUserScope(ctx context.Context, a Actor, user authz.UserID, tenant authz.TenantID, scope authz.Pattern) error {
	if err := s.mayGiveTo(ctx, a, user, scope); err != nil {
		return err
	}
	u := storage.UserScope{User: user, Tenant: tenant, Scope: scope, CreatedAt: s.now()}
	err := s.store.InsertUserScope(ctx, u, s.event(a, "user.grant-scope", tenant))
	if errors.Is(err, storage.ErrConflict) {
		return taken("scope", "is theirs already")
	}
	return err
}

// RevokeUserScope takes it back.
func (s *Service) RevokeUserScope(ctx context.Context, a Actor, user authz.UserID, tenant authz.TenantID, scope authz.Pattern) error {
	if err := s.mayGiveTo(ctx, a, user, scope); err != nil {
		return err
	}
	u := storage.UserScope{User: user, Tenant: tenant, Scope: scope}
	return s.store.DeleteUserScope(ctx, u, s.event(a, "user.revoke-scope", tenant))
}

func (s *Service) mayGiveTo(ctx context.Context, a Actor, user authz.UserID, scope authz.Pattern) error {
	if err := mayGive(a, []authz.Pattern{scope}); err != nil {
		return err
	}
	if _, err := s.changeable(ctx, a, user); err != nil {
		return err
	}
	return checkPatterns([]authz.Pattern{scope})
}

// checkPatterns refuses what no request could ever match, before it is stored.
func checkPatterns(patterns []authz.Pattern) error {
	for _, p := range patterns {
		if _, err := authz.ParsePattern(string(p)); err != nil {
			return invalid("scopes", "%v", err)
		}
	}
	return nil
}

// ExplainScopes tells what would be granted, and why, by the same function that
// decides when somebody signs in.
func (s *Service) ExplainScopes(ctx context.Context, a Actor, x Explain) (authz.Decision, error) {
	catalogue, err := s.catalogue(ctx, a)
	if err != nil {
		return authz.Decision{}, err
	}
	c, err := s.Client(ctx, a, x.Client)
	if err != nil {
		return authz.Decision{}, err
	}
	q := authz.Request{
		Requested: x.Requested, Client: c.Scopes, Registry: catalogue.Rules,
		Context: authz.Context{Tenant: x.Tenant, Project: x.Project, ACR: cmp.Or(x.ACR, authz.ACRSingleFactor)},
	}
	if !x.User.IsZero() {
		person, err := s.Person(ctx, a, x.User)
		if err != nil {
			return authz.Decision{}, err
		}
		q.User = &person.Rights
	}
	if c.Kind == storage.ClientAgent {
		owner, err := s.Person(ctx, a, c.Owner)
		if err != nil {
			return authz.Decision{}, err
		}
		q.AgentOwner = &owner.Rights
	}
	return authz.Derive(q), nil
}
