package outbound

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// keepLeast and keepMost bound what a server says about caching; a failure is
	// remembered as long as the least.
	keepLeast = time.Minute
	keepMost  = time.Hour
	// maxKept bounds how many documents are kept.
	maxKept = 1000
)

// Cache keeps documents as long as their servers allow, within bounds, and asks
// for each once however many want it.
type Cache[T any] struct {
	client *Client
	accept string
	parse  func(Answer) (T, error)
	now    func() time.Time

	mu   sync.Mutex
	kept map[string]*kept[T]
}

type kept[T any] struct {
	value     T
	err       error
	fetchedAt time.Time
	until     time.Time
	done      chan struct{} // closed when the rest is filled in
}

// NewCache makes a cache of what parse reads out of an answer. An error of parse is
// remembered like a failure to fetch.
func NewCache[T any](c *Client, accept string, parse func(Answer) (T, error), now func() time.Time) *Cache[T] {
	return &Cache[T]{client: c, accept: accept, parse: parse, now: now, kept: map[string]*kept[T]{}}
}

// Get is the document at an address, fetched when the last one is too old.
func (c *Cache[T]) Get(ctx context.Context, address string) (T, error) {
	return c.get(ctx, address, func(k *kept[T]) bool { return c.now().Before(k.until) })
}

// Refresh is the document at an address, fetched again unless that was done within
// the last minute: for a key that the kept set does not have.
func (c *Cache[T]) Refresh(ctx context.Context, address string) (T, error) {
	return c.get(ctx, address, func(k *kept[T]) bool { return c.now().Before(k.fetchedAt.Add(keepLeast)) })
}

// Forget makes the next Get fetch the document, unless it is being fetched: for one that
// proved to be of no use, and must not be kept.
func (c *Cache[T]) Forget(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, found := c.kept[address]; found {
		select {
		case <-k.done:
			delete(c.kept, address)
		default:
		}
	}
}

func (c *Cache[T]) get(ctx context.Context, address string, fresh func(*kept[T]) bool) (T, error) {
	c.mu.Lock()
	k, found := c.kept[address]
	if found {
		select {
		case <-k.done:
			found = fresh(k)
		default: // somebody is asking already
		}
	}
	if !found {
		k = &kept[T]{done: make(chan struct{})}
		c.makeRoom()
		c.kept[address] = k
		// Whoever asked first may hang up; the others still want the answer.
		go c.fetch(context.WithoutCancel(ctx), address, k)
	}
	c.mu.Unlock()
	select {
	case <-k.done:
		return k.value, k.err
	case <-ctx.Done():
		var none T
		return none, errors.Join(ErrUnavailable, ctx.Err())
	}
}

func (c *Cache[T]) fetch(ctx context.Context, address string, k *kept[T]) {
	defer close(k.done)
	answer, err := c.client.Get(ctx, address, c.accept)
	if err == nil {
		k.value, err = c.parse(answer)
	}
	k.err, k.fetchedAt = err, c.now()
	k.until = k.fetchedAt.Add(keepLeast)
	if err == nil {
		k.until = k.fetchedAt.Add(lifetime(answer.Header.Get("Cache-Control")))
	}
}

// lifetime is how long an answer may be kept (RFC 9111 §5.2.2), within bounds.
func lifetime(cacheControl string) time.Duration {
	keep := keepLeast
	for directive := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return keepLeast
		case "max-age":
			if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil {
				keep = time.Duration(seconds) * time.Second
			}
		}
	}
	return min(max(keep, keepLeast), keepMost)
}

// makeRoom drops what is too old and, when that is not enough, whatever comes first.
func (c *Cache[T]) makeRoom() {
	if len(c.kept) < maxKept {
		return
	}
	now := c.now()
	for address, k := range c.kept {
		select {
		case <-k.done:
			if !now.Before(k.until) || len(c.kept) >= maxKept {
				delete(c.kept, address)
			}
		default:
		}
	}
}
