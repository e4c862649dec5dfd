package api

import (
	"context"
	"errors"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on scopes.
var (
	ListScopes      = Operation[struct{}, List[Scope]]{"GET", "/scopes", "listScopes", "List the registry of scopes", 200, people}
	ShowScope       = Operation[ScopePath, Scope]{"GET", "/scopes/{scope}", "getScope", "Show what is said of a scope", 200, people}
	DeleteScope     = Operation[ScopeDeletion, Outcome]{"DELETE", "/scopes/{scope}", "deleteScope", "Take a scope that nobody uses out of the registry", 200, operator}
	PutScope        = Operation[ScopeWords, Scope]{"PUT", "/scopes/{scope}", "putScope", "Describe a scope, or change what is said of it", 200, operator}
	ExplainScopes   = Operation[Question, List[Explanation]]{"GET", "/scopes:explain", "explainScopes", "Show which scopes a client would be granted, and why", 200, people}
	GrantUserScope  = Operation[NewUserScope, UserScope]{"POST", "/users/{user}/scopes", "grantUserScope", "Give a user a scope beyond role and groups", 201, people}
	RevokeUserScope = Operation[UserScopePath, UserScope]{"DELETE", "/users/{user}/scopes/{scope}", "revokeUserScope", "Take such a scope back", 200, people}
)

func (a *API) scopeRoutes() {
	add(a, ListScopes, a.listScopes)
	add(a, ShowScope, a.showScope)
	add(a, DeleteScope, a.deleteScope)
	add(a, PutScope, a.putScope)
	add(a, ExplainScopes, a.explainScopes)
	add(a, GrantUserScope, a.grantUserScope)
	add(a, RevokeUserScope, a.revokeUserScope)
}

// Scope is an entry of the registry.
type Scope struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	NeedsACR    string `json:"needs_acr" doc:"How strong a sign-in it needs (RFC 9470)"`
}

func describeScope(s storage.ScopeInfo) Scope {
	return Scope{string(s.Name), s.Title, s.Description, string(s.NeedsACR)}
}

func (a *API) listScopes(ctx context.Context, actor directory.Actor, _ *struct{}) (List[Scope], error) {
	scopes, err := a.Directory.Scopes(ctx, actor)
	return List[Scope]{Items: each(scopes, describeScope)}, err
}

// ScopePath names a scope.
type ScopePath struct {
	Scope string `path:"scope" maxLength:"128"`
}

func (a *API) showScope(ctx context.Context, actor directory.Actor, in *ScopePath) (Scope, error) {
	info, err := a.Directory.Scope(ctx, actor, authz.Scope(in.Scope))
	return describeScope(info), err
}

// ScopeDeletion names a scope to be deleted.
type ScopeDeletion struct {
	IfMatch
	ScopePath
}

func (a *API) deleteScope(ctx context.Context, actor directory.Actor, in *ScopeDeletion) (Outcome, error) {
	return Outcome{in.Scope, "deleted"}, a.Directory.DeleteScope(ctx, actor, authz.Scope(in.Scope), asSeen(in.IfMatch, describeScope))
}

// ScopeWords is what is said of a scope.
type ScopeWords struct {
	IfMatch
	ScopePath
	Body struct {
		Title       string `json:"title" minLength:"1" maxLength:"200" doc:"What the consent page calls it"`
		Description string `json:"description,omitempty" maxLength:"200" doc:"What it means, in a sentence"`
		NeedsACR    string `json:"needs_acr,omitempty" enum:"aal1,aal2,phr" doc:"The sign-in that it needs"`
	}
}

func (a *API) putScope(ctx context.Context, actor directory.Actor, in *ScopeWords) (Scope, error) {
	name, err := authz.ParseScope(in.Scope)
	if err != nil {
		return Scope{}, err
	}
	info := storage.ScopeInfo{Name: name, Title: in.Body.Title, Description: in.Body.Description, NeedsACR: authz.ACR(in.Body.NeedsACR)}
	err = a.Directory.PutScope(ctx, actor, info, asSeen(in.IfMatch, describeScope))
	if errors.Is(err, storage.ErrNotFound) {
		err = errChanged // what is not there is in no state that anybody has seen
	}
	return describeScope(info), err
}

// UserScope is a scope that one user holds beyond role and groups.
type UserScope struct {
	UserID   string  `json:"user_id" format:"uuid"`
	TenantID *string `json:"tenant_id" doc:"null for all tenants"`
	Scope    string  `json:"scope"`
	Status   string  `json:"status" enum:"granted,revoked"`
}

// NewUserScope is a scope to be granted.
type NewUserScope struct {
	Once
	UserPath
	Body struct {
		Scope  string `json:"scope" maxLength:"128" doc:"A scope or pattern; you can give only what you hold"`
		Tenant string `json:"tenant,omitempty" maxLength:"64" doc:"Where it counts, by id or slug; in all tenants when left out"`
	}
}

func (a *API) grantUserScope(ctx context.Context, actor directory.Actor, in *NewUserScope) (UserScope, error) {
	return a.userScope(ctx, actor, in.User, in.Body.Tenant, in.Body.Scope, "granted", a.Directory.GrantUserScope)
}

// UserScopePath names a scope that was granted.
type UserScopePath struct {
	UserPath
	Scope  string `path:"scope" maxLength:"128"`
	Tenant string `query:"tenant" maxLength:"64" doc:"Where it counts, by id or slug; in all tenants when left out"`
}

func (a *API) revokeUserScope(ctx context.Context, actor directory.Actor, in *UserScopePath) (UserScope, error) {
	return a.userScope(ctx, actor, in.User, in.Tenant, in.Scope, "revoked", a.Directory.RevokeUserScope)
}

func (a *API) userScope(ctx context.Context, actor directory.Actor, user, tenant, text, status string,
	do func(context.Context, directory.Actor, authz.UserID, authz.TenantID, authz.Pattern) error) (UserScope, error) {
	scope, err := authz.ParsePattern(text)
	if err != nil {
		return UserScope{}, err
	}
	u, err := a.Directory.User(ctx, actor, user)
	if err != nil {
		return UserScope{}, err
	}
	var where authz.TenantID
	if tenant != "" {
		t, err := a.Directory.Tenant(ctx, actor, tenant)
		if err != nil {
			return UserScope{}, err
		}
		where = t.ID
	}
	return UserScope{u.ID.String(), optional(where.String()), string(scope), status}, do(ctx, actor, u.ID, where, scope)
}
