package postgres

import (
	"context"
	"sync"
	"sync/atomic"
)

// cacheLimit bounds what one cache holds; past it, the cache begins anew.
const cacheLimit = 100_000

// cache remembers what a query answered until a table beneath it changes. It
// remembers nothing while the feed is down, and an answer that was on its way
// when a change was announced is given to its caller but not kept.
type cache[K comparable, V any] struct {
	load func(context.Context, K) (V, error)

	// epoch is odd while the feed is down; each change moves it by two.
	epoch   atomic.Uint64
	entries atomic.Pointer[sync.Map]
	size    atomic.Int64
}

func newCache[K comparable, V any](f *feed, load func(context.Context, K) (V, error), tables ...string) *cache[K, V] {
	c := &cache[K, V]{load: load}
	c.epoch.Store(1)
	c.entries.Store(&sync.Map{})
	f.on(func() { c.forget(2) }, c.setLive, tables...)
	return c
}

func (c *cache[K, V]) get(ctx context.Context, key K) (V, error) {
	entries, epoch := c.entries.Load(), c.epoch.Load()
	if v, ok := entries.Load(key); ok && epoch%2 == 0 {
		return v.(V), nil
	}
	v, err := c.load(ctx, key)
	if err != nil {
		return v, err
	}
	// Stored in the map that stood before the query: if a change came between,
	// that map is nobody's any more.
	if epoch%2 == 0 && epoch == c.epoch.Load() {
		entries.Store(key, v)
		if c.size.Add(1) > cacheLimit {
			c.forget(2)
		}
	}
	return v, nil
}

func (c *cache[K, V]) forget(step uint64) {
	c.epoch.Add(step)
	c.entries.Store(&sync.Map{})
	c.size.Store(0)
}

func (c *cache[K, V]) setLive(live bool) {
	if down := c.epoch.Load()%2 == 1; down == live {
		c.forget(1)
	}
}
