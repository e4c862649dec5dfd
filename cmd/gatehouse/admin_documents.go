package main

import (
	"encoding/json"
	"time"

	"github.com/gatehouse/gatehouse/storage"
)

// The documents below are what scripts read: a key, once there, stays. What is
// left out of lists is shown by "show".

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
