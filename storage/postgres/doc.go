// Package postgres is the only door to the database: every query and every
// transaction of the house stands here, and no other package knows pgx.
//
// Rows that belong to a user or a tenant are reached through a handle that says
// who is acting: [Store.ForUser], [Store.ForTenant] or, for the operator's own
// tools, [Store.ForOperator]. The handle puts the id into the query and, in the
// same batch, into the connection's settings, where row-level security checks it
// again. What must be found before its owner is known (a session by its cookie,
// a grant by its token, an account by its name) is a method of [Store] that names
// the one row it may see.
//
// Driver errors become the sentinels of package storage in one place
// (errors.go). Times come from the caller, never from the database's clock.
package postgres
