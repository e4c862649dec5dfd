package directory

import (
	"github.com/gatehouse/gatehouse/authz"
)

// operation is one kind of thing that an actor asks to do.
type operation int

const (
	readDirectory operation = iota
	manageUsers
	manageOwners
	manageTenants
	manageGroups
	manageScopes
	manageClients
	manageSessions
	manageBans
	readAudit
)

// permissions is who may do what: one of the scopes is enough. The owner holds
// all of them, an administrator "admin"; owners are the owner's business alone.
var permissions = map[operation][]authz.Scope{
	readDirectory:  {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageUsers:    {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageOwners:   {authz.ScopeUsersManage},
	manageTenants:  {authz.ScopeAdmin},
	manageGroups:   {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageScopes:   {authz.ScopeAdmin},
	manageClients:  {authz.ScopeAdmin},
	manageSessions: {authz.ScopeAdmin, authz.ScopeUsersManage},
	manageBans:     {authz.ScopeAdmin},
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
		if !a.Scopes.Has(authz.Scope(p)) {
			return ErrForbidden
		}
	}
	return nil
}

// mayAssign: owners are made and changed by those who manage users as owners do.
func mayAssign(a Actor, roles ...authz.Role) error {
	for _, role := range roles {
		if role == authz.RoleOwner || role == authz.RoleAdmin {
			if err := may(a, manageOwners); err != nil && role == authz.RoleOwner {
				return err
			}
			if !a.Host && !a.Scopes.Has(authz.ScopeAdmin) {
				return ErrForbidden
			}
		}
	}
	return nil
}
