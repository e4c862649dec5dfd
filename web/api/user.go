package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on users.
var (
	ListUsers            = Operation[UserFilter, List[User]]{"GET", "/users", "listUsers", "List users, the oldest first", 200, people}
	CountUsers           = Operation[UserNarrowing, Count]{"GET", "/users:count", "countUsers", "Count users", 200, people}
	ExportUsers          = Operation[UserNarrowing, Lines[User]]{"GET", "/users:export", "exportUsers", "Stream every user, one to a line", 200, people}
	CreateUser           = Operation[NewUser, User]{"POST", "/users", "createUser", "Add a user", 201, people}
	RemoveAvatar         = Operation[UserPath, User]{"DELETE", "/users/{user}/avatar", "removeAvatar", "Take away a picture that should not be shown", 200, people}
	ShowUser             = Operation[UserPath, Person]{"GET", "/users/{user}", "getUser", "Show a user, with tenants, groups and scopes", 200, people}
	UpdateUser           = Operation[UserChange, User]{"PATCH", "/users/{user}", "updateUser", "Change a user; a member that is left out stays", 200, people}
	DeleteUser           = Operation[UserDeletion, Outcome]{"DELETE", "/users/{user}", "deleteUser", "Delete a user for good", 200, people}
	DisableUser          = Operation[UserPath, Outcome]{"POST", "/users/{user}/disable", "disableUser", "End everything of a user until they are enabled again", 200, people}
	EnableUser           = Operation[UserPath, Outcome]{"POST", "/users/{user}/enable", "enableUser", "Let a user sign in again", 200, people}
	RemoveAuthenticators = Operation[UserPath, Outcome]{"POST", "/users/{user}/remove-authenticators", "removeAuthenticators", "Take passkeys, authenticator app and recovery codes from a user who has lost them, and end everything of theirs", 200, people}
	InviteUser           = Operation[NewInvitation, Invitation]{"POST", "/users:invite", "inviteUser", "Mail an invitation to a tenant, which works once", 201, people}
	CreateSetUpLink      = Operation[UserPath, OneTimeLink]{"POST", "/users/{user}/set-up-link", "createSetUpLink", "Make a link, to hand over, with which the owner of a new account chooses a password", 200, people}
	CreateResetLink      = Operation[UserPath, OneTimeLink]{"POST", "/users/{user}/reset-link", "createResetLink", "Make a link, to hand over, with which a user chooses another password", 200, people}
	RevokeAllSessions    = Operation[UserPath, Revoked]{"POST", "/users/{user}/revoke-sessions", "revokeAllSessions", "End every session, code and token of a user", 200, people}
)

func (a *API) userRoutes() {
	add(a, ListUsers, a.listUsers)
	add(a, CountUsers, a.countUsers)
	addLines(a, ExportUsers, a.exportUsers)
	add(a, CreateUser, a.createUser)
	add(a, ShowUser, a.showUser)
	add(a, RemoveAvatar, a.removeAvatar)
	add(a, UpdateUser, a.updateUser)
	add(a, DeleteUser, a.deleteUser)
	add(a, DisableUser, a.onUser("disabled", a.Directory.DisableUser))
	add(a, EnableUser, a.onUser("enabled", a.Directory.EnableUser))
	add(a, RemoveAuthenticators, a.onUser("authenticators removed", a.Directory.RemoveAuthenticators))
	add(a, InviteUser, a.inviteUser)
	add(a, CreateSetUpLink, a.onLink(a.Directory.SetUpLink))
	add(a, CreateResetLink, a.onLink(a.Directory.ResetLink))
	add(a, RevokeAllSessions, a.revokeAllSessions)
	add(a, ShowUserStats, a.showUserStats)
	add(a, MergeUsers, a.mergeUsers)
	add(a, ChangeUsers, a.changeUsers)
}

// User is the record of a person.
type User struct {
	ID              string     `json:"id" format:"uuid"`
	Username        string     `json:"username"`
	Email           string     `json:"email"`
	EmailVerifiedAt *time.Time `json:"email_verified_at" table:"-" doc:"null until somebody has shown that the address is theirs"`
	DisplayName     string     `json:"display_name"`
	AvatarURL       string     `json:"avatar_url" table:"-"`
	Language        string     `json:"language" table:"-" doc:"The language that the user chose for pages and mails; empty for what the browser says"`
	LastLanguage    string     `json:"last_language" table:"-" doc:"The language of the page on which the user last signed in; empty before the first sign-in"`
	PhoneNumber     string     `json:"phone_number" table:"-" doc:"With its country, as E.164 writes it; empty for none"`
	PhoneVerified   bool       `json:"phone_number_verified" table:"-"`
	Address         Address    `json:"address" table:"-"`
	Role            string     `json:"role" enum:"viewer,user,admin,owner"`
	HasPassword     bool       `json:"has_password" table:"-"`
	CreatedAt       *time.Time `json:"created_at" nullable:"false"`
	LastLoginAt     *time.Time `json:"last_login_at" doc:"null before the first sign-in"`
	DisabledAt      *time.Time `json:"disabled_at" doc:"null while the user is active"`
}

func describeUser(u storage.User) User {
	return User{
		ID: u.ID.String(), Username: u.Username, Email: u.Email, EmailVerifiedAt: instant(u.EmailVerifiedAt),
		DisplayName: u.DisplayName, AvatarURL: u.AvatarURL, Language: u.Language, LastLanguage: u.LastLanguage,
		PhoneNumber: u.Phone, PhoneVerified: u.PhoneVerified, Address: Address(u.Address),
		Role: string(u.Role), HasPassword: u.PasswordHash != storage.UnusablePassword,
		CreatedAt: instant(u.CreatedAt), LastLoginAt: instant(u.LastLoginAt), DisabledAt: instant(u.DisabledAt),
	}
}

// tag leaves out when they signed in last and in which language, which is no change of the record.
func (u User) tag() string {
	u.LastLoginAt, u.LastLanguage = nil, ""
	return tagOf(u)
}

// Person is a user with what decides what they may do.
type Person struct {
	User
	Tenants          []string `json:"tenants" nullable:"false" doc:"The slugs of where the user belongs"`
	Groups           []string `json:"groups" nullable:"false"`
	RoleScopes       []string `json:"role_scopes" nullable:"false"`
	GroupScopes      []string `json:"group_scopes" nullable:"false"`
	ExtraScopes      []string `json:"extra_scopes" nullable:"false"`
	DefaultTenantID  *string  `json:"default_tenant_id"`
	DefaultProjectID *string  `json:"default_project_id"`
	MergedFrom       []string `json:"merged_from" nullable:"false" doc:"The ids of users who were merged into this one"`
	Agents           []string `json:"agents" nullable:"false" doc:"The client_ids of the agents that the user answers for"`
}

func describePerson(p storage.Person) Person {
	d := Person{
		User: describeUser(p.User), RoleScopes: texts(p.Rights.RoleScopes),
		Tenants: []string{}, Groups: []string{}, GroupScopes: []string{}, ExtraScopes: []string{}, MergedFrom: []string{}, Agents: []string{},
		DefaultTenantID: optional(p.Preferences.Tenant.String()), DefaultProjectID: optional(p.Preferences.Project.String()),
	}
	for _, t := range p.Tenants {
		d.Tenants = append(d.Tenants, t.Slug)
	}
	for _, g := range p.Rights.Groups {
		d.Groups = append(d.Groups, g.Name)
		d.GroupScopes = append(d.GroupScopes, texts(g.Scopes)...)
	}
	for _, e := range p.Rights.Extra {
		d.ExtraScopes = append(d.ExtraScopes, string(e.Scope))
	}
	return d
}

// UserNarrowing says which users are meant.
type UserNarrowing struct {
	Role   string `query:"role" enum:"viewer,user,admin,owner"`
	Tenant string `query:"tenant" maxLength:"64" doc:"A tenant, by id or slug"`
	Status string `query:"status" enum:"active,disabled"`
	Group  string `query:"group" maxLength:"64" doc:"The id of a group"`
	// The instants of the last sign-in, as text: RFC 3339 or a day.
	LastLoginAfter  string `query:"last_login_after" maxLength:"40" doc:"Who last signed in at or after this: 2026-01-31, or with a time as RFC 3339 has it"`
	LastLoginBefore string `query:"last_login_before" maxLength:"40" doc:"Who last signed in before this"`
	NeverLoggedIn   bool   `query:"never_logged_in" doc:"Who never signed in"`
	Search          string `query:"search" maxLength:"200" doc:"Found, in any case and with or without accents, within user name, e-mail address and display name; where it stands in none, who is called something like it"`
}

func (n UserNarrowing) filter() (directory.UserFilter, error) {
	f := directory.UserFilter{
		Role: authz.Role(n.Role), Tenant: n.Tenant, Status: directory.Status(n.Status), Search: n.Search, NeverLoggedIn: n.NeverLoggedIn,
	}
	var err error
	if n.Group != "" {
		if f.Group, err = authz.ParseID[authz.GroupID](n.Group); err != nil {
			return f, &directory.InvalidError{Field: "group", Problem: "is not the id of a group"}
		}
	}
	if f.LastLoginAfter, err = day("last_login_after", n.LastLoginAfter); err != nil {
		return f, err
	}
	f.LastLoginBefore, err = day("last_login_before", n.LastLoginBefore)
	return f, err
}

// day reads an instant, or a day of UTC, which is its first instant.
func day(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &directory.InvalidError{Field: field, Problem: "is neither a day such as 2026-01-31 nor an instant such as 2026-01-31T08:00:00Z"}
}

// UserFilter asks for a part of a list of users.
type UserFilter struct {
	UserNarrowing
	Paging
}

func (a *API) listUsers(ctx context.Context, actor directory.Actor, in *UserFilter) (List[User], error) {
	f, err := in.filter()
	if err != nil {
		return List[User]{}, err
	}
	if f.Paging, err = a.paging(in.Paging); err != nil {
		return List[User]{}, err
	}
	page, err := a.Directory.Users(ctx, actor, f)
	return listOf(a, page, describeUser), err
}

// Count is how many there are.
type Count struct {
	Count int `json:"count"`
}

func (a *API) countUsers(ctx context.Context, actor directory.Actor, in *UserNarrowing) (Count, error) {
	f, err := in.filter()
	if err != nil {
		return Count{}, err
	}
	n, err := a.Directory.CountUsers(ctx, actor, f)
	return Count{n}, err
}

func (a *API) exportUsers(ctx context.Context, actor directory.Actor, in *UserNarrowing, give func(User) error) error {
	f, err := in.filter()
	if err != nil {
		return err
	}
	f.Limit = 500
	for {
		page, err := a.Directory.Users(ctx, actor, f)
		if err != nil {
			return err
		}
		for _, u := range page.Items {
			if err := give(describeUser(u)); err != nil {
				return err
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return nil
		}
	}
}

// NewUser is a user to be made.
type NewUser struct {
	Once
	Body struct {
		Username      string   `json:"username" minLength:"1" maxLength:"128"`
		Email         string   `json:"email" maxLength:"254"`
		DisplayName   string   `json:"display_name,omitempty" maxLength:"200"`
		Language      string   `json:"language,omitempty" enum:"en,de,es,fr,ja,ar" doc:"Of pages and mails; what the user's browser says when left out"`
		PhoneNumber   string   `json:"phone_number,omitempty" maxLength:"64" doc:"With its country, such as +49 30 123456"`
		PhoneVerified bool     `json:"phone_number_verified,omitempty" doc:"Whether somebody has made sure that the number is the user's"`
		Address       *Address `json:"address,omitempty"`
		Role          string   `json:"role,omitempty" enum:"viewer,user,admin,owner" default:"user"`
		Tenant        string   `json:"tenant,omitempty" maxLength:"64" doc:"Where the user belongs, by id or slug; the first tenant when left out"`
		Password      string   `json:"password,omitempty" writeOnly:"true" doc:"Left out, nobody can sign in with one"`
	}
}

func (a *API) createUser(ctx context.Context, actor directory.Actor, in *NewUser) (User, error) {
	b := in.Body
	n := directory.CreateUser{Username: b.Username, Email: b.Email, DisplayName: b.DisplayName, Language: b.Language, Role: authz.Role(b.Role), Tenant: b.Tenant,
		Phone: b.PhoneNumber, PhoneVerified: b.PhoneVerified}
	if b.Address != nil {
		n.Address = storage.Address(*b.Address)
	}
	if b.Password != "" {
		var err error
		if n.PasswordHash, err = a.newPassword(ctx, actor, b.Password, b.Username, b.Email, b.DisplayName, b.Tenant); err != nil {
			return User{}, err
		}
	}
	u, err := a.Directory.CreateUser(ctx, actor, n)
	return describeUser(u), err
}

// newPassword judges a password by what is known about its user, and hashes it.
func (a *API) newPassword(ctx context.Context, actor directory.Actor, text string, about ...string) (string, error) {
	password := authn.NewPassword(text)
	if err := authn.CheckNewPassword(password, about...); err != nil && !(actor.Host && a.WeakPasswords) {
		return "", err
	}
	return a.Hasher.Hash(ctx, password)
}

// UserPath names a user. It is exported because it is embedded, as [Paging] is.
type UserPath struct {
	User string `path:"user" maxLength:"254" doc:"The id, the user name or the e-mail address"`
}

func (a *API) showUser(ctx context.Context, actor directory.Actor, in *UserPath) (Person, error) {
	u, err := a.Directory.User(ctx, actor, in.User)
	if err != nil {
		return Person{}, err
	}
	p, err := a.Directory.Person(ctx, actor, u.ID)
	if err != nil {
		return Person{}, err
	}
	d := describePerson(p)
	merged, err := a.Directory.MergedInto(ctx, actor, u.ID)
	if err != nil {
		return Person{}, err
	}
	for _, id := range merged {
		d.MergedFrom = append(d.MergedFrom, id.String())
	}
	agents, err := a.Directory.AgentsOf(ctx, actor, u.ID)
	for _, agent := range agents {
		d.Agents = append(d.Agents, string(agent.ID))
	}
	return d, err
}

// UserChange is what to change of a user.
type UserChange struct {
	IfMatch
	UserPath
	Body struct {
		Username      *string       `json:"username,omitempty" minLength:"1" maxLength:"128"`
		Email         *string       `json:"email,omitempty" maxLength:"254" doc:"Another address has to be verified anew"`
		DisplayName   *string       `json:"display_name,omitempty" maxLength:"200"`
		AvatarURL     *string       `json:"avatar_url,omitempty" maxLength:"2048"`
		Language      *string       `json:"language,omitempty" maxLength:"2" doc:"en, de, es, fr, ja or ar; empty for what the user's browser says"`
		PhoneNumber   *string       `json:"phone_number,omitempty" maxLength:"64" doc:"With its country, such as +49 30 123456; empty for none. Another number is not verified, unless it is said here that it is"`
		PhoneVerified *bool         `json:"phone_number_verified,omitempty" doc:"Whether somebody has made sure that the number is the user's"`
		Address       AddressChange `json:"address,omitzero"`
		Role          *string       `json:"role,omitempty" enum:"viewer,user,admin,owner"`
		Disabled      *bool         `json:"disabled,omitempty" doc:"Disabling ends everything of the user"`
		Password      *string       `json:"password,omitempty" writeOnly:"true" doc:"Another password ends everything of the user"`
	}
}

func (a *API) updateUser(ctx context.Context, actor directory.Actor, in *UserChange) (User, error) {
	b := in.Body
	u, err := a.Directory.User(ctx, actor, in.User)
	if err != nil {
		return User{}, err
	}
	var hash string
	if b.Password != nil {
		if hash, err = a.newPassword(ctx, actor, *b.Password, u.Username, u.Email, u.DisplayName, given(b.Email), given(b.DisplayName)); err != nil {
			return User{}, err
		}
	}
	u, err = a.Directory.UpdateUser(ctx, actor, u.ID, directory.UserChange{
		Username: b.Username, Email: b.Email, DisplayName: b.DisplayName, AvatarURL: b.AvatarURL, Language: b.Language,
		Phone: b.PhoneNumber, PhoneVerified: b.PhoneVerified, Address: storage.AddressChange(b.Address),
		Role: (*authz.Role)(b.Role), Disabled: b.Disabled,
		If: asSeen(in.IfMatch, describeUser),
	})
	if err == nil && hash != "" {
		if err = a.Directory.SetPasswordHash(ctx, actor, u.ID, hash); err == nil {
			u.PasswordHash = hash
		}
	}
	return describeUser(u), err
}

func given(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// UserDeletion names a user to be deleted.
type UserDeletion struct {
	IfMatch
	UserPath
}

func (a *API) deleteUser(ctx context.Context, actor directory.Actor, in *UserDeletion) (Outcome, error) {
	u, err := a.Directory.User(ctx, actor, in.User)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{u.ID.String(), "deleted"}, a.Directory.DeleteUser(ctx, actor, u.ID, asSeen(in.IfMatch, describeUser))
}

// onUser is an operation that does one thing to one user.
func (a *API) onUser(status string, do func(context.Context, directory.Actor, authz.UserID) error) func(context.Context, directory.Actor, *UserPath) (Outcome, error) {
	return func(ctx context.Context, actor directory.Actor, in *UserPath) (Outcome, error) {
		u, err := a.Directory.User(ctx, actor, in.User)
		if err != nil {
			return Outcome{}, err
		}
		return Outcome{u.ID.String(), status}, do(ctx, actor, u.ID)
	}
}

func (a *API) removeAvatar(ctx context.Context, actor directory.Actor, in *UserPath) (User, error) {
	u, err := a.Directory.User(ctx, actor, in.User)
	if err != nil {
		return User{}, err
	}
	u, err = a.Directory.RemoveAvatar(ctx, actor, u.ID)
	return describeUser(u), err
}
