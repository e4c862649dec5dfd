// Package directory is every change to users, tenants, groups, clients, scopes,
// sessions and bans, whoever makes it: the command line, the API, the console.
//
// Each operation asks first whether its [Actor] may do it (permission.go), then
// whether the change makes sense, and then makes it together with exactly one
// audit event, in one transaction of storage/postgres. It refuses to know how the
// question came in or how the answer is printed. Nobody assigns a role or a scope
// that they do not hold themselves.
package directory
