package api

import (
	"context"
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatehouse/gatehouse/authz"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations of people on what is theirs: no path names whose.
var (
	ShowMe          = Operation[struct{}, Me]{"GET", "/me", "getMe", "The user whom the token stands for", 200, self}
	UpdateMe        = Operation[MyChange, User]{"PATCH", "/me", "updateMe", "Change your own name, language, telephone number and address", 200, self}
	SelectTenant    = Operation[TenantChoice, Selected]{"PUT", "/me/default-tenant", "selectTenant", "Choose, of the tenants where you belong and their projects, the one in which your sign-ins begin", 200, self}
	ShowMySession   = Operation[struct{}, MySession]{"GET", "/me/session", "getMySession", "The sign-in behind the token, and the scopes that it was granted", 200, self}
	ListMySessions  = Operation[struct{}, List[Session]]{"GET", "/me/sessions", "listMySessions", "List your sessions that stand, the newest first", 200, self}
	SetMyAvatar     = Operation[Picture, User]{"PUT", "/me/avatar", "setMyAvatar", "Make a PNG, JPEG or WebP picture of at most 5 MiB your avatar", 200, self}
	RemoveMyAvatar  = Operation[struct{}, User]{"DELETE", "/me/avatar", "removeMyAvatar", "Take your avatar away", 200, self}
	RevokeMySession = Operation[SessionPath, Outcome]{"DELETE", "/me/sessions/{session}", "revokeMySession", "End a session of yours and every token beneath it", 200, self}
)

func (a *API) selfRoutes() {
	add(a, ShowMe, a.me)
	add(a, UpdateMe, a.updateMe)
	add(a, SelectTenant, a.selectTenant)
	add(a, ShowMySession, a.mySession)
	add(a, ListMySessions, a.mySessions)
	add(a, SetMyAvatar, a.setMyAvatar)
	add(a, RemoveMyAvatar, a.removeMyAvatar)
	add(a, RevokeMySession, a.revokeMySession)
}

// Me is a user as their own token sees them.
type Me struct {
	User
	TenantID string   `json:"tenant_id" format:"uuid" doc:"Where the token counts"`
	ClientID string   `json:"client_id" doc:"The client that acts for the user"`
	Scopes   []string `json:"scopes" nullable:"false" doc:"What the token may do at this moment"`
	Groups   []string `json:"groups" nullable:"false"`
}

func (a *API) me(ctx context.Context, actor directory.Actor, _ *struct{}) (Me, error) {
	u, err := a.Directory.Self(ctx, actor)
	if err != nil {
		return Me{}, err
	}
	p := resource.PrincipalFrom(ctx)
	return Me{User: describeUser(u), TenantID: p.Tenant.String(), ClientID: string(p.ClientID), Scopes: p.Scopes.Strings(), Groups: texts(p.Groups)}, nil
}

// MyChange is what people may change of themselves.
type MyChange struct {
	Body struct {
		DisplayName *string       `json:"display_name,omitempty" maxLength:"200"`
		Language    *string       `json:"language,omitempty" maxLength:"2" doc:"en, de, es, fr, ja or ar; empty for what your browser says"`
		PhoneNumber *string       `json:"phone_number,omitempty" maxLength:"64" doc:"With its country, such as +49 30 123456; empty for none. Another number is not verified"`
		Address     AddressChange `json:"address,omitzero"`
	}
}

func (a *API) updateMe(ctx context.Context, actor directory.Actor, in *MyChange) (User, error) {
	u, err := a.Directory.UpdateSelf(ctx, actor, directory.SelfChange{
		DisplayName: in.Body.DisplayName, Language: in.Body.Language, Phone: in.Body.PhoneNumber, Address: storage.AddressChange(in.Body.Address),
	})
	return describeUser(u), err
}

// TenantChoice names a tenant where who asks belongs.
type TenantChoice struct {
	Body struct {
		Tenant  string `json:"tenant" minLength:"1" maxLength:"64" doc:"The id or the slug"`
		Project string `json:"project,omitempty" maxLength:"200" doc:"The id or the name; without one, sign-ins begin in the whole tenant"`
	}
}

// Selected is the tenant that was chosen, as anybody who belongs to it may see it.
type Selected struct {
	ID   string `json:"id" format:"uuid"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

func (a *API) selectTenant(ctx context.Context, actor directory.Actor, in *TenantChoice) (Selected, error) {
	t, err := a.Directory.SelectTenant(ctx, actor, in.Body.Tenant, in.Body.Project)
	return Selected{t.ID.String(), t.Slug, t.Name}, err
}

// MySession is the sign-in behind a token.
type MySession struct {
	ID        *string    `json:"id" doc:"The session; null where it has ended and the authorization lives on"`
	UserID    string     `json:"user_id" format:"uuid"`
	Username  string     `json:"username"`
	Role      string     `json:"role"`
	TenantID  string     `json:"tenant_id" format:"uuid"`
	ClientID  string     `json:"client_id"`
	ACR       string     `json:"acr" doc:"How strongly the user signed in"`
	AMR       []string   `json:"amr" nullable:"false" doc:"By which means (RFC 8176)"`
	AuthTime  *time.Time `json:"auth_time" doc:"When they signed in"`
	ExpiresAt *time.Time `json:"expires_at" nullable:"false" doc:"When the token has to be renewed"`
	Scopes    []string   `json:"scopes" nullable:"false" doc:"What was granted, as it stands at this moment"`
}

func (a *API) mySession(ctx context.Context, actor directory.Actor, _ *struct{}) (MySession, error) {
	if actor.Host {
		// No sign-in stands behind the host: whoever can read the settings may do everything.
		return MySession{Username: actor.Name, Role: "host", AMR: []string{}, Scopes: []string{"*"}}, nil
	}
	u, err := a.Directory.Self(ctx, actor)
	if err != nil {
		return MySession{}, err
	}
	sessions, err := a.Directory.SelfSessions(ctx, actor)
	if err != nil {
		return MySession{}, err
	}
	p := resource.PrincipalFrom(ctx)
	d := MySession{
		UserID: u.ID.String(), Username: u.Username, Role: string(u.Role), TenantID: p.Tenant.String(), ClientID: string(p.ClientID),
		ACR: string(p.ACR), AMR: texts(p.AMR), AuthTime: instant(p.AuthTime), ExpiresAt: instant(p.ExpiresAt), Scopes: p.Scopes.Strings(),
	}
	for _, s := range sessions {
		if s.TokenJTI.String() == p.SessionID {
			d.ID = optional(s.ID.String())
		}
	}
	return d, nil
}

func (a *API) mySessions(ctx context.Context, actor directory.Actor, _ *struct{}) (List[Session], error) {
	sessions, err := a.Directory.SelfSessions(ctx, actor)
	return List[Session]{Items: each(sessions, describeSession)}, err
}

func (a *API) revokeMySession(ctx context.Context, actor directory.Actor, in *SessionPath) (Outcome, error) {
	id, err := named[authz.SessionID](in.Session)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{id.String(), "revoked"}, a.Directory.RevokeSelfSession(ctx, actor, id)
}

// Picture is the body of a request that is a picture.
type Picture struct{ Upload }

func (p Picture) read() ([]byte, error) {
	picture, err := io.ReadAll(io.LimitReader(p.Content, directory.MaxAvatar+1))
	if err != nil {
		return nil, huma.Error400BadRequest("The picture was not sent to its end.")
	}
	return picture, nil
}

func (a *API) setMyAvatar(ctx context.Context, actor directory.Actor, in *Picture) (User, error) {
	if _, err := a.Directory.Self(ctx, actor); err != nil {
		return User{}, err
	}
	picture, err := in.read()
	if err != nil {
		return User{}, err
	}
	u, err := a.Directory.SetAvatar(ctx, actor, actor.Tenant, picture)
	return describeUser(u), err
}

func (a *API) removeMyAvatar(ctx context.Context, actor directory.Actor, _ *struct{}) (User, error) {
	if _, err := a.Directory.Self(ctx, actor); err != nil {
		return User{}, err
	}
	u, err := a.Directory.RemoveAvatar(ctx, actor, actor.User)
	return describeUser(u), err
}
