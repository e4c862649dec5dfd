package api

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// answer is an answer with a document.
type answer[T any] struct{ Body T }

// List is a part of a list.
type List[T any] struct {
	Items []T `json:"items" nullable:"false"`
	// Next is the cursor of the part that follows.
	Next string `json:"next,omitempty" doc:"Send it as after to read on; absent when nothing follows"`
}

// Paging is the parameters of every list. It is exported because huma sees no
// others when they are embedded.
type Paging struct {
	After string `query:"after" maxLength:"128" doc:"The next of the part before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to give"`
}

func (p Paging) directory() directory.Paging {
	return directory.Paging{Cursor: p.After, Limit: p.Limit}
}

// list describes a part of a list.
func list[R, D any](p directory.Page[R], describe func(R) D) *answer[List[D]] {
	l := List[D]{Items: []D{}, Next: p.Next}
	for _, item := range p.Items {
		l.Items = append(l.Items, describe(item))
	}
	return &answer[List[D]]{l}
}

// instant is nil for "never" and "not".
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
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
