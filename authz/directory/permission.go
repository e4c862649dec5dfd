package directory

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// operation is one kind of thing that an actor asks to do.
type operation int

const (
	readDirectory operation = iota
	manageUsers
	manageTenants
	manageGroups
	manageScopes
	manageClients
	manageSessions
	manageBans
	manageKeys
	readAudit
)

// permissions is who may do what: one of the scopes is enough.
var permissions = map[operation][]authz.Scope{
	readDirectory:  {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageUsers:    {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageTenants:  {authz.ScopeAdmin},
	manageGroups:   {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageScopes:   {authz.ScopeAdmin},
	manageClients:  {authz.ScopeAdmin},
	manageSessions: {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageBans:     {authz.ScopeAdmin},
	manageKeys:     {authz.ScopeAdmin},
	readAudit:      {authz.ScopeAdmin},
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
// or removes a person above themselves. Owners are the owners' business.
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
	if err := may(a, manageUsers); err != nil {
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
