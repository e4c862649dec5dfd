package main

import (
	"encoding/json"
	"time"

	"github.com/gatehouse/gatehouse/storage"
)

// The documents below are what scripts read: a key, once there, stays. What is
// left out of lists is shown by "show".

type userDocument struct {
	ID              string     `json:"id"`
	Username        string     `json:"username"`
	Email           string     `json:"email"`
	EmailVerifiedAt *time.Time `json:"email_verified_at" table:"-"`
	DisplayName     string     `json:"display_name"`
	AvatarURL       string     `json:"avatar_url" table:"-"`
	Role            string     `json:"role"`
	HasPassword     bool       `json:"has_password" table:"-"`
	CreatedAt       *time.Time `json:"created_at"`
	LastLoginAt     *time.Time `json:"last_login_at"`
	DisabledAt      *time.Time `json:"disabled_at"`
}

func describeUser(u storage.User) userDocument {
	return userDocument{
		ID: u.ID.String(), Username: u.Username, Email: u.Email, EmailVerifiedAt: at(u.EmailVerifiedAt),
		DisplayName: u.DisplayName, AvatarURL: u.AvatarURL, Role: string(u.Role),
		HasPassword: u.PasswordHash != storage.UnusablePassword,
		CreatedAt:   at(u.CreatedAt), LastLoginAt: at(u.LastLoginAt), DisabledAt: at(u.DisabledAt),
	}
}

// personDocument is a user with what decides what they may do.
type personDocument struct {
	userDocument
	Tenants          []string `json:"tenants"`
	Groups           []string `json:"groups"`
	RoleScopes       []string `json:"role_scopes"`
	GroupScopes      []string `json:"group_scopes"`
	ExtraScopes      []string `json:"extra_scopes"`
	DefaultTenantID  *string  `json:"default_tenant_id"`
	DefaultProjectID *string  `json:"default_project_id"`
}

func describePerson(p storage.Person) personDocument {
	d := personDocument{
		userDocument: describeUser(p.User), RoleScopes: texts(p.Rights.RoleScopes),
		Tenants: []string{}, Groups: []string{}, GroupScopes: []string{}, ExtraScopes: []string{},
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

type sessionDocument struct {
	ID         string     `json:"id"`
	UserID     string     `json:"user_id"`
	TenantID   string     `json:"tenant_id" table:"-"`
	ProjectID  *string    `json:"project_id" table:"-"`
	CreatedAt  *time.Time `json:"created_at"`
	LastSeenAt *time.Time `json:"last_seen_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	IPAddress  *string    `json:"ip_address"`
	UserAgent  string     `json:"user_agent"`
	ACR        string     `json:"acr" table:"-"`
	AMR        []string   `json:"amr" table:"-"`
}

func describeSession(s storage.Session) sessionDocument {
	return sessionDocument{
		ID: s.ID.String(), UserID: s.User.String(), TenantID: s.Tenant.String(), ProjectID: optional(s.Project.String()),
		CreatedAt: at(s.CreatedAt), LastSeenAt: at(s.LastSeenAt), ExpiresAt: at(s.ExpiresAt),
		IPAddress: optional(address(s.IPAddress)), UserAgent: s.UserAgent, ACR: string(s.ACR), AMR: texts(s.AMR),
	}
}

type tenantDocument struct {
	ID             string     `json:"id"`
	Slug           string     `json:"slug"`
	Name           string     `json:"name"`
	Region         string     `json:"region"`
	Plan           string     `json:"plan"`
	MaxUsers       *int       `json:"max_users"`
	MaxAgents      *int       `json:"max_agents"`
	StorageQuotaGB *int       `json:"storage_quota_gb" table:"-"`
	Features       []string   `json:"features" table:"-"`
	CreatedAt      *time.Time `json:"created_at"`
	SuspendedAt    *time.Time `json:"suspended_at"`
}

func describeTenant(t storage.Tenant) tenantDocument {
	return tenantDocument{
		ID: t.ID.String(), Slug: t.Slug, Name: t.Name, Region: t.Region, Plan: t.Plan,
		MaxUsers: t.MaxUsers, MaxAgents: t.MaxAgents, StorageQuotaGB: t.StorageQuotaGB,
		Features: texts(t.Features), CreatedAt: at(t.CreatedAt), SuspendedAt: at(t.SuspendedAt),
	}
}

type projectDocument struct {
	ID        string     `json:"id"`
	TenantID  string     `json:"tenant_id"`
	Name      string     `json:"name"`
	CreatedAt *time.Time `json:"created_at"`
}

func describeProject(p storage.Project) projectDocument {
	return projectDocument{p.ID.String(), p.Tenant.String(), p.Name, at(p.CreatedAt)}
}

type groupDocument struct {
	ID        string     `json:"id"`
	TenantID  string     `json:"tenant_id"`
	ProjectID *string    `json:"project_id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	CreatedAt *time.Time `json:"created_at"`
}

func describeGroup(g storage.Group) groupDocument {
	return groupDocument{g.ID.String(), g.Tenant.String(), optional(g.Project.String()), g.Name, texts(g.Scopes), at(g.CreatedAt)}
}

type clientDocument struct {
	ClientID               string     `json:"client_id"`
	Name                   string     `json:"name"`
	Kind                   string     `json:"kind"`
	TenantID               *string    `json:"tenant_id" table:"-"`
	OwnerID                *string    `json:"owner_id" table:"-"`
	AuthMethod             string     `json:"auth_method"`
	GrantTypes             []string   `json:"grant_types" table:"-"`
	Scopes                 []string   `json:"scopes"`
	RedirectURIs           []string   `json:"redirect_uris" table:"-"`
	PostLogoutRedirectURIs []string   `json:"post_logout_redirect_uris" table:"-"`
	IDTokenAlg             string     `json:"id_token_alg" table:"-"`
	Introspect             bool       `json:"introspect" table:"-"`
	FirstParty             bool       `json:"first_party" table:"-"`
	SkipConsent            bool       `json:"skip_consent" table:"-"`
	SelfRegistered         bool       `json:"self_registered" table:"-"`
	CreatedAt              *time.Time `json:"created_at"`
	DisabledAt             *time.Time `json:"disabled_at"`
}

func describeClient(c storage.Client) clientDocument {
	return clientDocument{
		ClientID: string(c.ID), Name: c.Name, Kind: string(c.Kind), TenantID: optional(c.Tenant.String()), OwnerID: optional(c.Owner.String()),
		AuthMethod: c.AuthMethod, GrantTypes: texts(c.GrantTypes), Scopes: texts(c.Scopes),
		RedirectURIs: texts(c.RedirectURIs), PostLogoutRedirectURIs: texts(c.PostLogoutRedirectURIs),
		IDTokenAlg: c.IDTokenAlg, Introspect: c.Introspect, FirstParty: c.FirstParty, SkipConsent: c.SkipConsent,
		SelfRegistered: c.SelfRegistered, CreatedAt: at(c.CreatedAt), DisabledAt: at(c.DisabledAt),
	}
}

type roleDocument struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Scopes      []string `json:"scopes"`
}

func describeRole(r storage.Role) roleDocument {
	return roleDocument{string(r.Name), r.Description, texts(r.Scopes)}
}

type scopeDocument struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	NeedsACR    string `json:"needs_acr"`
}

func describeScope(s storage.ScopeInfo) scopeDocument {
	return scopeDocument{string(s.Name), s.Title, s.Description, string(s.NeedsACR)}
}

type resourceDocument struct {
	Identifier string     `json:"identifier"`
	Name       string     `json:"name"`
	TenantID   *string    `json:"tenant_id" table:"-"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  *time.Time `json:"created_at"`
}

func describeResource(r storage.Resource) resourceDocument {
	return resourceDocument{r.Identifier, r.Name, optional(r.Tenant.String()), texts(r.Scopes), at(r.CreatedAt)}
}

type banDocument struct {
	Network   string     `json:"network"`
	Reason    string     `json:"reason"`
	CreatedAt *time.Time `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func describeBan(b storage.Ban) banDocument {
	return banDocument{b.Network.String(), b.Reason, at(b.CreatedAt), at(b.ExpiresAt)}
}

type auditDocument struct {
	ID         string          `json:"id" table:"-"`
	At         *time.Time      `json:"at"`
	Actor      string          `json:"actor"`
	ActorID    *string         `json:"actor_id" table:"-"`
	Action     string          `json:"action"`
	ObjectKind string          `json:"object_kind"`
	ObjectID   string          `json:"object_id"`
	TenantID   *string         `json:"tenant_id" table:"-"`
	IPAddress  *string         `json:"ip_address"`
	Before     json.RawMessage `json:"before" table:"-"`
	After      json.RawMessage `json:"after" table:"-"`
}

func describeEvent(e storage.AuditEvent) auditDocument {
	return auditDocument{
		ID: e.ID.String(), At: at(e.At), Actor: e.Actor, ActorID: optional(e.ActorID.String()), Action: e.Action,
		ObjectKind: e.ObjectKind, ObjectID: e.ObjectID, TenantID: optional(e.Tenant.String()),
		IPAddress: optional(address(e.IPAddress)), Before: e.Before, After: e.After,
	}
}

// outcome is what a command answers that leaves nothing to describe.
type outcome struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}
