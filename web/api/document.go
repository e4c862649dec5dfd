package api

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The documents of this package are what programs read and what the command line
// prints: a key, once there, stays, and is null rather than missing. The tag
// table:"-" leaves a member out of the tables of lists.

// List is a part of a list.
type List[T any] struct {
	Items []T `json:"items" nullable:"false"`
	// Next is the cursor of the part that follows.
	Next string `json:"next,omitempty" doc:"Send it as after to read on; absent when nothing follows"`
}

// Paging is the parameters of every list. It is exported because huma sees no
// others when they are embedded.
type Paging struct {
	After string `query:"after" maxLength:"512" doc:"The next of the part before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to give"`
}

func (a *API) paging(p Paging) (directory.Paging, error) {
	key, err := a.cursors.open(p.After)
	return directory.Paging{Cursor: key, Limit: p.Limit}, err
}

// listOf describes a part of a list.
func listOf[R, D any](a *API, p directory.Page[R], describe func(R) D) List[D] {
	return List[D]{Items: each(p.Items, describe), Next: a.cursors.seal(p.Next)}
}

// each describes every item of a list.
func each[R, D any](items []R, describe func(R) D) []D {
	documents := make([]D, len(items))
	for i, item := range items {
		documents[i] = describe(item)
	}
	return documents
}

// Outcome is the answer of a change that leaves nothing to describe.
type Outcome struct {
	ID     string `json:"id"`
	Status string `json:"status" doc:"What the object is now"`
}

// instant is null for "never" and "not".
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	// The database keeps microseconds: what "create" says, "show" must say too.
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// optional is null for no text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func address(a netip.Addr) *string {
	if !a.IsValid() {
		return nil
	}
	return optional(a.String())
}

// named reads the id of a path. What cannot be one names nothing.
func named[I ~[16]byte](text string) (I, error) {
	id, err := authz.ParseID[I](text)
	if err != nil {
		return id, storage.ErrNotFound
	}
	return id, nil
}

// texts is a list as an answer holds it: never null.
func texts[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, item := range list {
		all[i] = string(item)
	}
	return all
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// ids is a list of ids as an answer holds it: never null.
func ids[I fmt.Stringer](list []I) []string {
	all := make([]string, len(list))
	for i, item := range list {
		all[i] = item.String()
	}
	return all
}
