// Package directory is the one way to change who and what the house knows: users,
// tenants, projects, groups, memberships, roles, scopes, resources, clients,
// sessions and bans. The command line, the API and the console all call it.
//
// Each change is judged (may this [Actor] do it, is the input sound), made, and
// written into the audit log in one transaction: there is no change without its
// event, and no event without its change. A change that changes nothing makes no
// event. What a change takes away from a user is gone at once: it moves the user's
// AuthzChangedAt, and writes into the ledger what must die.
//
// It refuses to know how a request arrived and to hash a password: it takes the
// finished hash. Protocol, pages and command line stand above it; it stands on
// authz and storage/postgres.
package directory
