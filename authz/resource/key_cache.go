package resource

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// The keys are believed for as long as Cache-Control says, within these bounds.
	minFresh     = time.Minute
	defaultFresh = 5 * time.Minute
	maxFresh     = time.Hour
	// maxStale is how long they serve on when they cannot be fetched anew. It is
	// some lives of an access token; longer, and whoever can keep us from the
	// issuer could also keep a revoked key alive.
	maxStale = time.Hour
	// cooldown is the least time between two fetches that a token with an unknown
	// kid can cause, and after a fetch that failed.
	cooldown = 10 * time.Second
)

// keyCache holds the keys of an issuer and fetches them anew when they have aged
// or when a token names a key that is not among them: one fetch at a time, and a
// token whose key is known never waits for it.
type keyCache struct {
	uri   string
	fetch fetcher
	now   func() time.Time

	mu         sync.Mutex
	set        keySet
	freshUntil time.Time
	staleUntil time.Time
	quietUntil time.Time
	// failure is what became of the last fetch.
	failure error
	// fetching is closed when the fetch under way ends; nil when there is none.
	fetching chan struct{}
}

// find is the key of that name. Its errors are [ErrInvalidToken] and
// [ErrUnavailable].
func (c *keyCache) find(ctx context.Context, name keyName) (verifier, error) {
	for {
		verify, wait, err := c.look(name)
		if wait == nil {
			return verify, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: wait for keys: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// look answers, or names what to wait for before asking again.
func (c *keyCache) look(name keyName) (verifier, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	usable := now.Before(c.staleUntil)
	verify, known := c.set[name]
	if known = known && usable; !known || !now.Before(c.freshUntil) {
		c.begin(now, !known)
	}
	switch {
	case known:
		return verify, nil, nil
	case c.fetching != nil:
		return nil, c.fetching, nil
	case c.failure != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, c.failure)
	case !usable:
		return nil, nil, fmt.Errorf("%w: the keys are too old", ErrUnavailable)
	}
	return nil, nil, fmt.Errorf("%w: the issuer publishes no such key for that algorithm", ErrInvalidToken)
}

// begin starts a fetch unless one is under way or it is too early for another.
// The fetch belongs to everybody, so it outlives the request that caused it.
func (c *keyCache) begin(now time.Time, missed bool) {
	if c.fetching != nil || now.Before(c.quietUntil) {
		return
	}
	if missed {
		c.quietUntil = now.Add(cooldown)
	}
	done := make(chan struct{})
	c.fetching = done
	go func() {
		defer close(done)
		_ = c.refresh(context.Background()) // kept in c.failure
	}()
}

// refresh fetches the keys. On an error the old ones stay.
func (c *keyCache) refresh(ctx context.Context) error {
	set, fresh, err := c.load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetching, c.failure = nil, err
	now := c.now()
	if err != nil {
		c.quietUntil = now.Add(cooldown)
		return err
	}
	c.set = set
	c.freshUntil = now.Add(fresh)
	c.staleUntil = c.freshUntil.Add(maxStale)
	return nil
}

func (c *keyCache) load(ctx context.Context) (keySet, time.Duration, error) {
	answer, err := c.fetch.get(ctx, c.uri)
	if err != nil {
		return nil, 0, fmt.Errorf("fetch keys: %w", err)
	}
	if answer.status != http.StatusOK {
		return nil, 0, fmt.Errorf("fetch keys: %s answered %d", c.uri, answer.status)
	}
	set, err := parseKeySet(answer.body)
	if err != nil {
		return nil, 0, err
	}
	return set, freshness(answer.header.Get("Cache-Control")), nil
}

// freshness is how long an answer may be used without asking again (RFC 9111
// §5.2.2), within the bounds of this cache.
func freshness(cacheControl string) time.Duration {
	for directive := range strings.SplitSeq(strings.ToLower(cacheControl), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return minFresh
		case "max-age":
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return minFresh
			}
			return max(minFresh, min(maxFresh, time.Duration(seconds)*time.Second))
		}
	}
	return defaultFresh
}
