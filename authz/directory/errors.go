package directory

import (
	"errors"
	"fmt"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// The refusals of this package, besides those of package storage.
var (
	// ErrForbidden: the actor may not do that, or may not do it to this object.
	ErrForbidden = errors.New("not allowed")
	// ErrLastOwner: without this user nobody would own the deployment.
	ErrLastOwner = postgres.ErrLastOwner
)

// InvalidError says which part of the input cannot be had, and why: a sentence for
// the person who wrote it. It is also [storage.ErrConflict] when the value is
// taken, and [storage.ErrNotFound] when it names nothing.
type InvalidError struct {
	// Field is the name of the part, such as "username" or "redirect_uris".
	Field   string
	Problem string

	kind error
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Problem }

func (e *InvalidError) Unwrap() error { return e.kind }

func invalid(field, problem string, args ...any) error {
	return &InvalidError{Field: field, Problem: fmt.Sprintf(problem, args...)}
}

func taken(field, problem string) error {
	return &InvalidError{Field: field, Problem: problem, kind: storage.ErrConflict}
}

func unknown(field, problem string, args ...any) error {
	return &InvalidError{Field: field, Problem: fmt.Sprintf(problem, args...), kind: storage.ErrNotFound}
}

// orUnknown says which name names nothing.
func orUnknown(err error, field, name string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return unknown(field, "%q does not exist", name)
	}
	return err
}
