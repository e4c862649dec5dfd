package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on groups.
var (
	ListGroups     = Operation[PartOfTenant, List[Group]]{"GET", "/groups", "listGroups", "List the groups of a tenant and its projects, the oldest first", 200, people}
	CreateGroup    = Operation[NewGroup, Group]{"POST", "/groups", "createGroup", "Add a group, which gives its members scopes", 201, people}
	ShowGroup      = Operation[GroupPath, Group]{"GET", "/groups/{group}", "getGroup", "Show a group", 200, people}
	RenameGroup    = Operation[GroupName, Group]{"PATCH", "/groups/{group}", "renameGroup", "Give a group another name", 200, people}
	DeleteGroup    = Operation[GroupDeletion, Outcome]{"DELETE", "/groups/{group}", "deleteGroup", "Delete a group; its members lose what it gave", 200, people}
	ListMembers    = Operation[GroupMembers, List[User]]{"GET", "/groups/{group}/members", "listMembers", "List the members of a group, the oldest account first", 200, people}
	SetGroupScopes = Operation[GroupScopes, Group]{"PUT", "/groups/{group}/scopes", "setGroupScopes", "Set what a group gives to its members", 200, people}
	AddMember      = Operation[NewMember, Membership]{"POST", "/groups/{group}/members", "addMember", "Add a user to a group, and so to its tenant", 201, people}
	RemoveMember   = Operation[MemberPath, Membership]{"DELETE", "/groups/{group}/members/{user}", "removeMember", "Remove a user from a group", 200, people}
)

func (a *API) groupRoutes() {
	add(a, ListGroups, a.listGroups)
	add(a, CreateGroup, a.createGroup)
	add(a, ShowGroup, a.showGroup)
	add(a, RenameGroup, a.renameGroup)
	add(a, DeleteGroup, a.deleteGroup)
	add(a, ListMembers, a.listMembers)
	add(a, SetGroupScopes, a.setGroupScopes)
	add(a, AddMember, a.addMember)
	add(a, RemoveMember, a.removeMember)
}

// Group gives its scopes to its members.
type Group struct {
	ID        string     `json:"id" format:"uuid"`
	TenantID  string     `json:"tenant_id" format:"uuid"`
	ProjectID *string    `json:"project_id" doc:"null for a group of the whole tenant"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes" nullable:"false"`
	CreatedAt *time.Time `json:"created_at" nullable:"false"`
}

func describeGroup(g storage.Group) Group {
	return Group{g.ID.String(), g.Tenant.String(), optional(g.Project.String()), g.Name, texts(g.Scopes), instant(g.CreatedAt)}
}

// InTenant names the tenant in which names are looked up.
type InTenant struct {
	Tenant string `query:"tenant" maxLength:"64" doc:"The tenant, by id or slug; the first tenant when left out"`
}

// PartOfTenant asks for some of what a tenant has.
type PartOfTenant struct {
	InTenant
	Paging
}

func (a *API) listGroups(ctx context.Context, actor directory.Actor, in *PartOfTenant) (List[Group], error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return List[Group]{}, err
	}
	p, err := a.paging(in.Paging)
	if err != nil {
		return List[Group]{}, err
	}
	page, err := a.Directory.Groups(ctx, actor, t.ID, p)
	return listOf(a, page, describeGroup), err
}

// NewGroup is a group to be made.
type NewGroup struct {
	Once
	Body struct {
		Name    string   `json:"name" minLength:"1" maxLength:"200"`
		Tenant  string   `json:"tenant,omitempty" maxLength:"64" doc:"The tenant, by id or slug; the first tenant when left out"`
		Project string   `json:"project,omitempty" maxLength:"200" doc:"The project that the group counts in alone, by id or name"`
		Scopes  []string `json:"scopes,omitempty" maxItems:"64" doc:"Scopes and patterns; you can give only what you hold"`
	}
}

func (a *API) createGroup(ctx context.Context, actor directory.Actor, in *NewGroup) (Group, error) {
	b := in.Body
	t, err := a.Directory.Tenant(ctx, actor, b.Tenant)
	if err != nil {
		return Group{}, err
	}
	n := directory.CreateGroup{Tenant: t.ID, Name: b.Name}
	if b.Project != "" {
		p, err := a.Directory.Project(ctx, actor, t.ID, b.Project)
		if err != nil {
			return Group{}, err
		}
		n.Project = p.ID
	}
	if n.Scopes, err = patterns(b.Scopes); err != nil {
		return Group{}, err
	}
	g, err := a.Directory.CreateGroup(ctx, actor, n)
	return describeGroup(g), err
}

// GroupPath names a group.
type GroupPath struct {
	Group string `path:"group" maxLength:"200" doc:"The id or the name"`
	InTenant
}

func (a *API) group(ctx context.Context, actor directory.Actor, in GroupPath) (storage.Group, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return storage.Group{}, err
	}
	return a.Directory.Group(ctx, actor, t.ID, in.Group)
}

// GroupScopes is what a group is to give.
type GroupScopes struct {
	IfMatch
	GroupPath
	Body struct {
		Scopes []string `json:"scopes" nullable:"false" maxItems:"64" doc:"Scopes and patterns; you can give only what you hold"`
	}
}

func (a *API) setGroupScopes(ctx context.Context, actor directory.Actor, in *GroupScopes) (Group, error) {
	held, err := patterns(in.Body.Scopes)
	if err != nil {
		return Group{}, err
	}
	g, err := a.group(ctx, actor, in.GroupPath)
	if err != nil {
		return Group{}, err
	}
	g, err = a.Directory.SetGroupScopes(ctx, actor, g.ID, held, asSeen(in.IfMatch, describeGroup))
	return describeGroup(g), err
}

// Membership ties a user to a group.
type Membership struct {
	GroupID string `json:"group_id" format:"uuid"`
	UserID  string `json:"user_id" format:"uuid"`
	Status  string `json:"status" enum:"added,removed"`
}

// NewMember is a membership to be made.
type NewMember struct {
	Once
	GroupPath
	Body struct {
		User string `json:"user" maxLength:"254" doc:"The user, by id, user name or e-mail address"`
	}
}

func (a *API) addMember(ctx context.Context, actor directory.Actor, in *NewMember) (Membership, error) {
	return a.member(ctx, actor, in.GroupPath, in.Body.User, "added", a.Directory.AddMember)
}

// MemberPath names a membership.
type MemberPath struct {
	GroupPath
	UserPath
}

func (a *API) removeMember(ctx context.Context, actor directory.Actor, in *MemberPath) (Membership, error) {
	return a.member(ctx, actor, in.GroupPath, in.User, "removed", a.Directory.RemoveMember)
}

func (a *API) member(ctx context.Context, actor directory.Actor, in GroupPath, user, status string,
	do func(context.Context, directory.Actor, authz.GroupID, authz.UserID) error) (Membership, error) {
	g, err := a.group(ctx, actor, in)
	if err != nil {
		return Membership{}, err
	}
	u, err := a.Directory.User(ctx, actor, user)
	if err != nil {
		return Membership{}, err
	}
	return Membership{g.ID.String(), u.ID.String(), status}, do(ctx, actor, g.ID, u.ID)
}

func (a *API) showGroup(ctx context.Context, actor directory.Actor, in *GroupPath) (Group, error) {
	g, err := a.group(ctx, actor, *in)
	return describeGroup(g), err
}

// GroupName is what a group is to be called.
type GroupName struct {
	IfMatch
	GroupPath
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200"`
	}
}

func (a *API) renameGroup(ctx context.Context, actor directory.Actor, in *GroupName) (Group, error) {
	g, err := a.group(ctx, actor, in.GroupPath)
	if err != nil {
		return Group{}, err
	}
	g, err = a.Directory.RenameGroup(ctx, actor, g.ID, in.Body.Name, asSeen(in.IfMatch, describeGroup))
	return describeGroup(g), err
}

// GroupDeletion names a group to be deleted.
type GroupDeletion struct {
	IfMatch
	GroupPath
}

func (a *API) deleteGroup(ctx context.Context, actor directory.Actor, in *GroupDeletion) (Outcome, error) {
	g, err := a.group(ctx, actor, in.GroupPath)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{g.ID.String(), "deleted"}, a.Directory.DeleteGroup(ctx, actor, g.ID, asSeen(in.IfMatch, describeGroup))
}

// GroupMembers asks for a part of a group's members.
type GroupMembers struct {
	GroupPath
	Paging
}

func (a *API) listMembers(ctx context.Context, actor directory.Actor, in *GroupMembers) (List[User], error) {
	g, err := a.group(ctx, actor, in.GroupPath)
	if err != nil {
		return List[User]{}, err
	}
	p, err := a.paging(in.Paging)
	if err != nil {
		return List[User]{}, err
	}
	page, err := a.Directory.Users(ctx, actor, directory.UserFilter{Group: g.ID, Paging: p})
	return listOf(a, page, describeUser), err
}
