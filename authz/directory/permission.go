package directory

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// operation is one kind of thing that an actor asks to do.
type operation int

const (
	readDirectory operation = iota
	manageUsers
	inviteUsers
	manageTenants
	manageGroups
	manageScopes
	manageClients
	manageIssuers
	manageSessions
	manageBans
	manageKeys
	manageWebhooks
	readAudit
)

// permissions is who may do what: one of the scopes is enough.
var permissions = map[operation][]authz.Scope{
	readDirectory:  {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageUsers:    {authz.ScopeAdmin, authz.ScopeUsersManage},
	inviteUsers:    {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageTenants:  {authz.ScopeAdmin},
	manageGroups:   {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageScopes:   {authz.ScopeAdmin},
	manageClients:  {authz.ScopeAdmin},
	manageIssuers:  {authz.ScopeAdmin},
	manageSessions: {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageBans:     {authz.ScopeAdmin},
	manageKeys:     {authz.ScopeAdmin},
	manageWebhooks: {authz.ScopeAdmin},
	readAudit:      {authz.ScopeAdmin},
}

// tenantPermissions is what users:manage opens to whoever holds it in one tenant
// alone, who is that tenant's administrator: its people, its groups and their members. A
// user's account is the whole deployment's, so nobody changes or makes one from within one
// tenant: a name that is taken would tell of a person elsewhere. People are invited, who may
// have an account already, and the answer is the same.
var tenantPermissions = map[operation][]authz.Scope{
	readDirectory: {authz.ScopeUsersManage},
	inviteUsers:   {authz.ScopeUsersManage},
	manageGroups:  {authz.ScopeUsersManage},
}

// reach is how far an actor gets with an operation: everywhere, or in one tenant.
type reach struct {
	everywhere bool
	tenant     authz.TenantID
}

// has reports whether what belongs to a tenant is within reach.
func (r reach) has(tenant authz.TenantID) bool { return r.everywhere || r.tenant == tenant }

// reaches is [may] for what a tenant's administrator may do too. Whoever gets to one
// tenant sees no other: what is beyond their reach does not exist for them.
func reaches(a Actor, o operation) (reach, error) {
	if may(a, o) == nil {
		return reach{everywhere: true}, nil
	}
	for _, scope := range tenantPermissions[o] {
		if !a.Tenant.IsZero() && a.TenantScopes.Has(scope) {
			return reach{tenant: a.Tenant}, nil
		}
	}
	return reach{}, ErrForbidden
}

func may(a Actor, o operation) error {
	if a.Host {
		return nil
	}
	for _, scope := range permissions[o] {
		if a.Scopes.Has(scope) {
			return nil
		}
	}
	return ErrForbidden
}

// mayGiveIn is [mayGive] for what counts in one tenant alone, where it is enough to
// hold it there.
func mayGiveIn(a Actor, tenant authz.TenantID, patterns []authz.Pattern) error {
	if a.Tenant == tenant && !tenant.IsZero() {
		a.Scopes = append(slices.Clone(a.Scopes), a.TenantScopes...)
	}
	return mayGive(a, patterns)
}

// mayGive refuses a pattern that reaches further than the actor: nobody gives
// away what they do not hold. A wildcard is only the host's to give.
func mayGive(a Actor, patterns []authz.Pattern) error {
	if a.Host {
		return nil
	}
	for _, p := range patterns {
		if scope := authz.Scope(p); !scope.OpenToAnyUser() && !a.Scopes.Has(scope) {
			return ErrForbidden
		}
	}
	return nil
}

// mayManage refuses an actor who lacks a reserved scope that is among what another
// holds: with another's password comes what they may do, so nobody makes, changes
// or removes a person or a client above themselves. Owners are the owners' business.
func mayManage(a Actor, held []authz.Pattern) error {
	if a.Host {
		return nil
	}
	for _, p := range held {
		if scope := authz.Scope(p); scope.Reserved() && !a.Scopes.Has(scope) {
			return ErrForbidden
		}
	}
	return nil
}

func (s *Service) mayAssign(ctx context.Context, a Actor, role authz.Role) error {
	if _, err := reaches(a, inviteUsers); err != nil {
		return err
	}
	catalogue, err := s.store.Catalogue(ctx)
	if err != nil {
		return err
	}
	return mayManage(a, catalogue.Roles[role].Scopes)
}

// changeable finds a user whom the actor may change.
func (s *Service) changeable(ctx context.Context, a Actor, id authz.UserID) (storage.Person, error) {
	if err := may(a, manageUsers); err != nil {
		return storage.Person{}, err
	}
	p, err := s.Person(ctx, a, id)
	if err != nil {
		return p, err
	}
	return p, mayManage(a, append(beyondRole(p), p.Rights.RoleScopes...))
}

// beyondRole is what a person holds directly and by groups.
func beyondRole(p storage.Person) []authz.Pattern {
	var held []authz.Pattern
	for _, extra := range p.Rights.Extra {
		held = append(held, extra.Scope)
	}
	for _, g := range p.Rights.Groups {
		held = append(held, g.Scopes...)
	}
	return held
}
