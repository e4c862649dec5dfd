package api

import (
	"context"
	"fmt"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on roles.
var (
	ListRoles     = Operation[struct{}, List[Role]]{"GET", "/roles", "listRoles", "List the roles and what each holds", 200, people}
	ShowRole      = Operation[RolePath, Role]{"GET", "/roles/{role}", "getRole", "Show a role", 200, people}
	SetRoleScopes = Operation[RoleScopes, Role]{"PUT", "/roles/{role}/scopes", "setRoleScopes", "Set what a role holds", 200, operator}
)

func (a *API) roleRoutes() {
	add(a, ListRoles, a.listRoles)
	add(a, ShowRole, a.showRole)
	add(a, SetRoleScopes, a.setRoleScopes)
}

// Role is a rank and what it holds.
type Role struct {
	Name        string   `json:"name" enum:"viewer,user,admin,owner"`
	Description string   `json:"description"`
	Scopes      []string `json:"scopes" nullable:"false"`
}

func describeRole(r storage.Role) Role {
	return Role{string(r.Name), r.Description, texts(r.Scopes)}
}

func (a *API) listRoles(ctx context.Context, actor directory.Actor, _ *struct{}) (List[Role], error) {
	roles, err := a.Directory.Roles(ctx, actor)
	return List[Role]{Items: each(roles, describeRole)}, err
}

// RolePath names a role.
type RolePath struct {
	Role string `path:"role" maxLength:"32"`
}

func (a *API) showRole(ctx context.Context, actor directory.Actor, in *RolePath) (Role, error) {
	roles, err := a.Directory.Roles(ctx, actor)
	for _, r := range roles {
		if string(r.Name) == in.Role {
			return describeRole(r), err
		}
	}
	if err == nil {
		err = fmt.Errorf("role: %w", storage.ErrNotFound)
	}
	return Role{}, err
}

// RoleScopes is what a role is to hold.
type RoleScopes struct {
	IfMatch
	RolePath
	Body struct {
		Scopes []string `json:"scopes" nullable:"false" maxItems:"64" doc:"Scopes and patterns; you can give only what you hold"`
	}
}

func (a *API) setRoleScopes(ctx context.Context, actor directory.Actor, in *RoleScopes) (Role, error) {
	held, err := patterns(in.Body.Scopes)
	if err != nil {
		return Role{}, err
	}
	if _, err := a.showRole(ctx, actor, &in.RolePath); err != nil {
		return Role{}, err
	}
	r, err := a.Directory.SetRoleScopes(ctx, actor, authz.Role(in.Role), held, asSeen(in.IfMatch, describeRole))
	return describeRole(r), err
}
