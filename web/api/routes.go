package api

import (
	"net/http"

	"github.com/gatehouse/gatehouse/authz"
)

// routes is every operation of the API.
func (a *API) routes() {
	self := []authz.Scope{authz.ScopeUser}
	people := []authz.Scope{authz.ScopeAdmin, authz.ScopeUsersManage}
	operator := []authz.Scope{authz.ScopeAdmin}
	const done = http.StatusNoContent

	add(a, operation{"GET", "/me", "getMe", "The user whom the token stands for", 200, self}, a.me)

	add(a, operation{"GET", "/users", "listUsers", "List users, the oldest first", 200, people}, a.listUsers)
	add(a, operation{"POST", "/users", "createUser", "Add a user", 201, people}, a.createUser)
	add(a, operation{"GET", "/users/{user_id}", "getUser", "Show a user", 200, people}, a.getUser)
	add(a, operation{"PATCH", "/users/{user_id}", "updateUser", "Change a user; a member that is left out stays", 200, people}, a.updateUser)
	add(a, operation{"POST", "/users/{user_id}/disable", "disableUser", "End everything of a user until they are enabled again", done, people}, a.disableUser)
	add(a, operation{"POST", "/users/{user_id}/enable", "enableUser", "Let a user sign in again", done, people}, a.enableUser)
	add(a, operation{"POST", "/users/{user_id}/revoke-sessions", "revokeAllSessions", "End every session, code and token of a user", 200, people}, a.revokeAllSessions)

	add(a, operation{"GET", "/sessions", "listSessions", "List the sessions that stand, the newest first", 200, people}, a.listSessions)
	add(a, operation{"DELETE", "/sessions/{session_id}", "revokeSession", "End a session and every token beneath it", done, people}, a.revokeSession)

	add(a, operation{"GET", "/tenants", "listTenants", "List tenants, the oldest first", 200, people}, a.listTenants)
	add(a, operation{"POST", "/tenants", "createTenant", "Add a tenant", 201, operator}, a.createTenant)

	add(a, operation{"GET", "/clients", "listClients", "List clients by client_id", 200, people}, a.listClients)
	add(a, operation{"POST", "/clients", "createClient", "Register a client; its secret is shown this once", 201, operator}, a.createClient)
	add(a, operation{"POST", "/clients/{client_id}/disable", "disableClient", "Stop a client and every token of it", done, operator}, a.disableClient)
	add(a, operation{"POST", "/clients/{client_id}/enable", "enableClient", "Let a client work again", done, operator}, a.enableClient)
}
