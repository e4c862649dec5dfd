package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// rollLimit bounds how many ids are called; where there are more, the database is asked.
const rollLimit = 1_000_000

// roll is the ids of all clients. Whoever tries names is answered from memory, as
// those are who bear one: neither the time an answer takes tells them apart, nor can
// names that nobody bears keep the database busy.
type roll struct {
	feed *feed
	read func(context.Context) ([]authz.ClientID, error)
	page atomic.Pointer[rollPage]
}

// rollPage is the roll of one database.
type rollPage struct {
	reading  sync.Mutex
	complete atomic.Bool
	tooMany  bool // set before complete
	ids      sync.Map
}

func newRoll(f *feed, read func(context.Context) ([]authz.ClientID, error)) *roll {
	r := &roll{feed: f, read: read}
	r.page.Store(&rollPage{})
	f.follow(Follower{
		Tables: []string{"new_clients"},
		Reset:  func() { r.page.Store(&rollPage{}) },
		// One that is gone stays on the roll, and the database says so.
		Changed: func(c Change) { r.page.Load().ids.Store(authz.ClientID(c.ID), nil) },
	})
	return r
}

// mayKnow is false for an id that no client has.
func (r *roll) mayKnow(ctx context.Context, id authz.ClientID) (bool, error) {
	if !r.feed.fresh() {
		return true, nil
	}
	page := r.page.Load()
	if !page.complete.Load() {
		if !page.reading.TryLock() {
			return true, nil // somebody reads it: nobody waits in line behind a slow database
		}
		err := r.fill(ctx, page)
		page.reading.Unlock()
		if err != nil {
			return false, err
		}
	}
	_, known := page.ids.Load(id)
	return known || page.tooMany, nil
}

// fill reads what was there; what comes meanwhile the feed adds.
func (r *roll) fill(ctx context.Context, page *rollPage) error {
	if page.complete.Load() {
		return nil
	}
	ids, err := r.read(ctx)
	if err != nil {
		return err
	}
	if page.tooMany = len(ids) > rollLimit; !page.tooMany {
		for _, id := range ids {
			page.ids.Store(id, nil)
		}
	}
	page.complete.Store(true)
	return nil
}

func (s *Store) clientIDs(ctx context.Context) (ids []authz.ClientID, err error) {
	err = s.batch(ctx, "read the clients' ids", acting{operator: true}, func(b *pgx.Batch) {
		b.Queue(`select id from platform.clients limit $1`, rollLimit+1).Query(func(rows pgx.Rows) error {
			var err error
			ids, err = pgx.CollectRows(rows, pgx.RowTo[authz.ClientID])
			return err
		})
	})
	return ids, err
}

// Client reads a client by its id, from memory when nothing changed since. It is never
// changed: others hold it too.
func (s *Store) Client(ctx context.Context, id authz.ClientID) (*storage.Client, error) {
	known, err := s.roll.mayKnow(ctx, id)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fmt.Errorf("read client: %w", storage.ErrNotFound)
	}
	return s.clients.get(ctx, id)
}
