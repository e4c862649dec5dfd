package directory

import (
	"net/netip"

	"github.com/gatehouse/gatehouse/authz"
)

// Actor is who asks, and from where.
type Actor struct {
	// Name stands in the audit log.
	Name string
	// User is zero for the host and for a client that acts for itself.
	User authz.UserID
	// Scopes is what the actor's token or session was granted.
	Scopes authz.ScopeSet
	// Tenant is where the actor signed in, TenantScopes what their token holds that counts there
	// alone: by a group, by an extra grant, or because the client is the tenant's. Who
	// holds users:manage so is that tenant's administrator.
	Tenant       authz.TenantID
	TenantScopes authz.ScopeSet
	// Host is the operator at the host's own command line, who may do everything:
	// whoever can read the master secret has no need to ask.
	Host bool
	// IPAddress is where the request came from, invalid when it came from nowhere.
	IPAddress netip.Addr
}
