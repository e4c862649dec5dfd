package api

import "github.com/gatehouse/gatehouse/authz"

// Whom an operation is for: one of the scopes is enough. What its holder may do to
// which object is for authz/directory to say.
var (
	self     = []authz.Scope{authz.ScopeUser}
	people   = []authz.Scope{authz.ScopeAdmin, authz.ScopeUsersManage}
	operator = []authz.Scope{authz.ScopeAdmin}
)

// routes is every operation of the API. Those of one noun stand at the top of its
// file.
func (a *API) routes() {
	a.selfRoutes()
	a.userRoutes()
	a.sessionRoutes()
	a.tenantRoutes()
	a.clientRoutes()
	a.registrationTokenRoutes()
	a.trustedIssuerRoutes()
	a.roleRoutes()
	a.scopeRoutes()
	a.resourceRoutes()
	a.groupRoutes()
	a.projectRoutes()
	a.banRoutes()
	a.auditRoutes()
	a.keyRoutes()
	a.webhookRoutes()
	a.authenticatorRoutes()
}
