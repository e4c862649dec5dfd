package resource

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// defaultRemembered is for [CacheConfig.For].
	defaultRemembered = time.Second
	// defaultMost is for [CacheConfig.Most].
	defaultMost = 10_000
)

// CacheConfig is how long and how much a [Cached] remembers.
type CacheConfig struct {
	// For is how long a token is remembered as good; zero means one second. What is
	// revoked is let in that much longer.
	For time.Duration
	// Most bounds how many tokens are remembered; zero means 10,000. Twice as many may
	// be held, at about two kilobytes each.
	Most int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Cached remembers for a moment whom another [Authenticator] let in, so that a
// client which sends many requests is asked about once. Refusals are not remembered.
// It is safe for use by many goroutines, which do not wait for one another.
type Cached struct {
	next   Authenticator
	config CacheConfig
	// Two generations: what is found in the older one was remembered at most twice
	// For ago, and its own time decides.
	newer, older atomic.Pointer[generation]
	turn         sync.Mutex
}

type generation struct {
	since time.Time
	count atomic.Int64
	known sync.Map // question → remembered
}

// question is a token and the keys that its presenter has proven to hold: what was
// true of one who held them says nothing of one who does not.
type question struct {
	token  string
	proven Binding
}

type remembered struct {
	principal *Principal
	until     time.Time
}

// NewCached remembers for an authenticator.
func NewCached(next Authenticator, c CacheConfig) *Cached {
	if c.For == 0 {
		c.For = defaultRemembered
	}
	if c.Most == 0 {
		c.Most = defaultMost
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	made := &Cached{next: next, config: c}
	made.newer.Store(&generation{since: c.Now()})
	made.older.Store(&generation{})
	return made
}

// Authenticate implements [Authenticator]. The principal may be shared with other
// requests and must not be changed.
func (c *Cached) Authenticate(ctx context.Context, token string) (*Principal, error) {
	now, asked := c.config.Now(), question{token, provenIn(ctx)}
	for _, g := range []*generation{c.newer.Load(), c.older.Load()} {
		if found, ok := g.known.Load(asked); ok && now.Before(found.(remembered).until) {
			return found.(remembered).principal, nil
		}
	}
	p, err := c.next.Authenticate(ctx, token)
	if err != nil {
		return nil, err
	}
	until := now.Add(c.config.For)
	if p.ExpiresAt.Before(until) {
		until = p.ExpiresAt
	}
	g := c.current(now)
	if _, known := g.known.Swap(asked, remembered{p, until}); !known {
		g.count.Add(1)
	}
	return p, nil
}

// current is the generation to remember in: a new one when the last is full, or so
// old that nothing of the one before it counts any more.
func (c *Cached) current(now time.Time) *generation {
	fits := func(g *generation) bool {
		return g.count.Load() < int64(c.config.Most) && now.Sub(g.since) < c.config.For
	}
	if g := c.newer.Load(); fits(g) {
		return g
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	g := c.newer.Load()
	if fits(g) {
		return g
	}
	next := &generation{since: now}
	c.older.Store(g)
	c.newer.Store(next)
	return next
}
