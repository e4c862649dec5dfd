// Package authz is the vocabulary of the house and its one decision: who may
// receive which scopes.
//
// It owns the typed identifiers, [Scope], [Pattern], [ScopeSet], [Role], [ACR]
// and [Derive]. Everything in it is pure: no input or output, no clock, no
// global state, and nothing but the standard library beneath it, so that a
// resource server can import it for the price of a few hundred lines.
//
// It refuses to know how anything is stored, signed or served. Every other
// package may import it.
package authz
