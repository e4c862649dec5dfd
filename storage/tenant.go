package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// MembersGroup is the group that every tenant has: belonging to a tenant is
// belonging to one of its groups, and this one says no more than that.
const MembersGroup = "members"

// Tenant is a customer inside the deployment. A nil limit means "no limit".
type Tenant struct {
	ID             authz.TenantID
	Slug           string
	Name           string
	Region         string
	Plan           string
	MaxUsers       *int
	MaxAgents      *int
	StorageQuotaGB *int
	Features       []string
	// Accent is a colour as "#rrggbb", Logo the path of a picture: what people see where
	// they sign in; "" for that of the house.
	Accent, Logo string
	Registration Registration
	CreatedAt    time.Time
	SuspendedAt  time.Time
}

// Project is a piece of a tenant.
type Project struct {
	ID        authz.ProjectID
	Tenant    authz.TenantID
	Name      string
	CreatedAt time.Time
}

// Group gives its scopes to its members: in the whole tenant or, with a Project,
// in that project alone.
type Group struct {
	ID        authz.GroupID
	Tenant    authz.TenantID
	Project   authz.ProjectID
	Name      string
	Scopes    []authz.Pattern
	CreatedAt time.Time
}

// Membership ties a user to a group.
type Membership struct {
	ID        authz.MembershipID
	Tenant    authz.TenantID
	User      authz.UserID
	Group     authz.GroupID
	CreatedAt time.Time
}

// Logo is the picture of a tenant, drawn on white, twice as large as it is shown. It is
// never changed; another one takes its place, under another address.
type Logo struct {
	ID        authz.FileID
	Tenant    authz.TenantID
	MediaType string
	Content   []byte
	CreatedAt time.Time
}

// Path is where the logo is served.
func (l Logo) Path() string { return "/logos/" + l.ID.String() }
