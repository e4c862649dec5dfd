// Package storage holds the nouns of the house (User, Tenant, Session, Client,
// Grant, …) and the errors that storing them can end in.
//
// It knows no SQL, no JSON and no HTTP: the nouns are plain structs, and what
// turns them into rows, documents or pages stands elsewhere. storage/postgres is
// the only door to the database. Everyone above may import it.
package storage

import "errors"

// The ways in which storing ends, for whoever calls it. Anything else is a fault
// of the machinery and belongs into a log, never into an answer.
var (
	// ErrNotFound: there is no such thing, or it is another's.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a name, an address or an id is taken.
	ErrConflict = errors.New("already exists")
	// ErrConsumed: a one-time thing was used before.
	ErrConsumed = errors.New("already used")
	// ErrReference: a thing that was named does not exist, or is still in use.
	ErrReference = errors.New("names something that does not exist or is in use")
	// ErrLimit: the tenant has no more of it. The error is a [LimitError].
	ErrLimit = errors.New("the tenant's limit is reached")
	// ErrUnavailable: the database cannot be reached at this moment.
	ErrUnavailable = errors.New("the database is unavailable")
)
