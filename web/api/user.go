package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// User is the record of a person.
type User struct {
	ID            string     `json:"id" format:"uuid"`
	Username      string     `json:"username"`
	Email         string     `json:"email"`
	EmailVerified bool       `json:"email_verified"`
	DisplayName   string     `json:"display_name"`
	AvatarURL     string     `json:"avatar_url,omitempty"`
	Role          string     `json:"role" enum:"viewer,user,admin,owner"`
	CreatedAt     time.Time  `json:"created_at"`
	LastLoginAt   *time.Time `json:"last_login_at,omitempty" doc:"Absent before the first sign-in"`
	DisabledAt    *time.Time `json:"disabled_at,omitempty" doc:"Absent while the user is active"`
}

func describeUser(u storage.User) User {
	return User{
		ID: u.ID.String(), Username: u.Username, Email: u.Email, EmailVerified: !u.EmailVerifiedAt.IsZero(),
		DisplayName: u.DisplayName, AvatarURL: u.AvatarURL, Role: string(u.Role),
		CreatedAt: u.CreatedAt.UTC(), LastLoginAt: instant(u.LastLoginAt), DisabledAt: instant(u.DisabledAt),
	}
}

// Me is a user as their own token sees them.
type Me struct {
	User
	TenantID string   `json:"tenant_id" format:"uuid" doc:"Where the token counts"`
	ClientID string   `json:"client_id" doc:"The client that acts for the user"`
	Scopes   []string `json:"scopes" nullable:"false" doc:"What the token may do at this moment"`
	Groups   []string `json:"groups" nullable:"false"`
}

func (a *API) me(ctx context.Context, _ directory.Actor, _ *struct{}) (*answer[Me], error) {
	p := resource.PrincipalFrom(ctx)
	if p.IsClient() {
		return nil, huma.Error403Forbidden("No user stands behind this token: it is the client's own.")
	}
	id, err := authz.ParseID[authz.UserID](p.Subject)
	if err != nil {
		return nil, err
	}
	u, err := a.Store.ForUser(id).User(ctx)
	if err != nil {
		return nil, err
	}
	return &answer[Me]{Me{
		User: describeUser(u), TenantID: p.Tenant.String(), ClientID: string(p.ClientID), Scopes: p.Scopes.Strings(), Groups: texts(p.Groups),
	}}, nil
}

type userFilter struct {
	Paging
	Role   string `query:"role" enum:"viewer,user,admin,owner"`
	Tenant string `query:"tenant" maxLength:"64" doc:"The slug of a tenant"`
	Status string `query:"status" enum:"active,disabled"`
	Search string `query:"search" maxLength:"200" doc:"Found, in any case, within user name, e-mail address and display name"`
}

func (a *API) listUsers(ctx context.Context, actor directory.Actor, in *userFilter) (*answer[List[User]], error) {
	page, err := a.Directory.Users(ctx, actor, directory.UserFilter{
		Role: authz.Role(in.Role), Tenant: in.Tenant, Status: directory.UserStatus(in.Status), Search: in.Search, Paging: in.directory(),
	})
	return list(page, describeUser), err
}

type newUser struct {
	Body struct {
		Username    string `json:"username" minLength:"1" maxLength:"128"`
		Email       string `json:"email" maxLength:"254"`
		DisplayName string `json:"display_name,omitempty" maxLength:"200"`
		Role        string `json:"role,omitempty" enum:"viewer,user,admin,owner" default:"user"`
		Tenant      string `json:"tenant,omitempty" maxLength:"64" doc:"The slug of where the user belongs; the first tenant when left out"`
		Password    string `json:"password,omitempty" writeOnly:"true" maxLength:"1024" doc:"Left out, nobody can sign in with one"`
	}
}

func (a *API) createUser(ctx context.Context, actor directory.Actor, in *newUser) (*answer[User], error) {
	b := in.Body
	n := directory.CreateUser{Username: b.Username, Email: b.Email, DisplayName: b.DisplayName, Role: authz.Role(b.Role), Tenant: b.Tenant}
	if b.Password != "" {
		password := authn.NewPassword(b.Password)
		if err := authn.CheckNewPassword(password, b.Username, b.Email, b.DisplayName, b.Tenant); err != nil {
			return nil, err
		}
		var err error
		if n.PasswordHash, err = a.Hasher.Hash(ctx, password); err != nil {
			return nil, err
		}
	}
	u, err := a.Directory.CreateUser(ctx, actor, n)
	return &answer[User]{describeUser(u)}, err
}

// UserPath names a user. It is exported because it is embedded, as [Paging] is.
type UserPath struct {
	UserID string `path:"user_id" maxLength:"64"`
}

func (a *API) getUser(ctx context.Context, actor directory.Actor, in *UserPath) (*answer[User], error) {
	id, err := named[authz.UserID](in.UserID)
	if err != nil {
		return nil, err
	}
	u, err := a.Directory.User(ctx, actor, id.String())
	return &answer[User]{describeUser(u)}, err
}

type userChange struct {
	UserPath
	Body struct {
		Email       *string `json:"email,omitempty" maxLength:"254" doc:"Another address has to be verified anew"`
		DisplayName *string `json:"display_name,omitempty" maxLength:"200"`
		AvatarURL   *string `json:"avatar_url,omitempty" maxLength:"2048"`
		Role        *string `json:"role,omitempty" enum:"viewer,user,admin,owner"`
	}
}

func (a *API) updateUser(ctx context.Context, actor directory.Actor, in *userChange) (*answer[User], error) {
	id, err := named[authz.UserID](in.UserID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	u, err := a.Directory.UpdateUser(ctx, actor, id, directory.UserChange{
		Email: b.Email, DisplayName: b.DisplayName, AvatarURL: b.AvatarURL, Role: (*authz.Role)(b.Role),
	})
	return &answer[User]{describeUser(u)}, err
}

func (a *API) disableUser(ctx context.Context, actor directory.Actor, in *UserPath) (*struct{}, error) {
	return a.onUser(ctx, actor, in, a.Directory.DisableUser)
}

func (a *API) enableUser(ctx context.Context, actor directory.Actor, in *UserPath) (*struct{}, error) {
	return a.onUser(ctx, actor, in, a.Directory.EnableUser)
}

func (a *API) onUser(ctx context.Context, actor directory.Actor, in *UserPath, do func(context.Context, directory.Actor, authz.UserID) error) (*struct{}, error) {
	id, err := named[authz.UserID](in.UserID)
	if err != nil {
		return nil, err
	}
	return &struct{}{}, do(ctx, actor, id)
}
