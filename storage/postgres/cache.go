package postgres

import (
	"context"
	"sync"
	"sync/atomic"
)

// cacheLimit bounds what one cache holds; past it, the cache begins anew.
const cacheLimit = 100_000

// cache remembers what a query answered until the feed tells of a change beneath
// it. While the feed is not fresh everything is asked for again. An answer that was
// on its way when a change came is given to its caller but not kept.
type cache[K comparable, V any] struct {
	feed *feed
	load func(context.Context, K) (V, error)

	// Reading takes no lock.
	entries sync.Map
	changes atomic.Uint64

	mu    sync.Mutex
	size  int
	loads map[question[K]]*reading[V]
}

// question is what is asked for, after so many changes: a load that began before a change
// is no answer to who asks after it.
type question[K comparable] struct {
	key     K
	changes uint64
}

// reading has come to something when done is closed.
type reading[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// newCache remembers answers that follow from rows of tables. forgets says which
// key a change concerns; false for all of them, as is nil. load is nil where answers
// are found many at once, and kept by who asked.
func newCache[K comparable, V any](f *feed, load func(context.Context, K) (V, error), forgets func(Change) (K, bool), tables ...string) *cache[K, V] {
	c := &cache[K, V]{feed: f, load: load, loads: map[question[K]]*reading[V]{}}
	f.follow(Follower{Tables: tables, Reset: c.forgetAll, Changed: func(change Change) {
		if forgets != nil {
			if key, one := forgets(change); one {
				c.forget(key)
				return
			}
		}
		c.forgetAll()
	}})
	return c
}

func (c *cache[K, V]) get(ctx context.Context, key K) (V, error) {
	if v, known := c.recall(key); known {
		return v, nil
	}
	if c.feed.fresh() {
		return c.share(ctx, key)
	}
	// Changes are not heard of, so nobody knows which loads began before one.
	changes := c.changes.Load()
	v, err := c.load(ctx, key)
	if err == nil {
		c.keep(key, v, changes)
	}
	return v, err
}

// share has those who ask the same at once wait for one load. It goes on when the one
// for whom it was begun leaves.
func (c *cache[K, V]) share(ctx context.Context, key K) (V, error) {
	c.mu.Lock()
	q := question[K]{key, c.changes.Load()}
	r, begun := c.loads[q]
	if !begun {
		r = &reading[V]{done: make(chan struct{})}
		c.loads[q] = r
		go c.read(context.WithoutCancel(ctx), q, r)
	}
	c.mu.Unlock()
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		var none V
		return none, translate("wait for what is being read", ctx.Err())
	}
}

func (c *cache[K, V]) read(ctx context.Context, q question[K], r *reading[V]) {
	ctx, cancel := context.WithTimeout(ctx, tripTimeout)
	defer cancel()
	r.value, r.err = c.load(ctx, q.key)
	if r.err == nil {
		c.keep(q.key, r.value, q.changes)
	}
	c.mu.Lock()
	delete(c.loads, q)
	c.mu.Unlock()
	close(r.done)
}

// recall is what memory has of a key, while it may be trusted.
func (c *cache[K, V]) recall(key K) (v V, known bool) {
	if c.feed.fresh() {
		if kept, ok := c.entries.Load(key); ok {
			return kept.(V), true
		}
	}
	return v, false
}

// keep remembers an answer that was asked for after so many changes.
func (c *cache[K, V]) keep(key K, v V, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if changes != c.changes.Load() {
		return
	}
	if c.size >= cacheLimit {
		c.entries.Clear()
		c.size = 0
	}
	if _, known := c.entries.Swap(key, v); !known {
		c.size++
	}
}

func (c *cache[K, V]) forget(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes.Add(1)
	if _, known := c.entries.LoadAndDelete(key); known {
		c.size--
	}
}

func (c *cache[K, V]) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes.Add(1)
	c.entries.Clear()
	c.size = 0
}
