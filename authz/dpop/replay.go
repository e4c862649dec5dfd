package dpop

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// MaxReplays is how many proofs a [Replays] remembers at most: with about 40 bytes
// each, some 40 MB, and 3,000 requests a second.
const MaxReplays = 1 << 20

// ErrFull says that a [Replays] has no room, so that nothing is known of the proof.
var ErrFull = errors.New("too many DPoP proofs at once")

// Replays remembers in this process which proofs were used (RFC 9449 §11.1). Where
// one resource has several processes, a proof is good once at each. It is safe for
// use by many goroutines.
type Replays struct {
	now func() time.Time

	mu sync.Mutex
	// Two generations: an entry lives through the one it is made in and the next, and
	// is forgotten with all of its age at once.
	young, old map[[16]byte]struct{}
	turnAt     time.Time
	most       int
}

// generation is the longest that a proof can be good for, from the moment it is
// first seen: made by a clock that is ahead by [Leeway], for twice that.
const generation = 3 * Leeway

// NewReplays remembers nothing yet; now is the clock, nil for time.Now.
func NewReplays(now func() time.Time) *Replays {
	if now == nil {
		now = time.Now
	}
	return &Replays{now: now, most: MaxReplays / 2}
}

// Spend uses a proof up. Its errors are [ErrInvalid] for one that was used before,
// and [ErrFull]: a proof that could not be remembered must not be let through.
func (r *Replays) Spend(_ context.Context, p Proof) error {
	sum := sha256.Sum256([]byte(p.Thumbprint + "\x00" + p.ID))
	id := [16]byte(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(r.now())
	_, isYoung := r.young[id]
	_, isOld := r.old[id]
	switch {
	case isYoung || isOld:
		return Used()
	case len(r.young) >= r.most:
		return ErrFull
	}
	r.young[id] = struct{}{}
	return nil
}

// turn begins a new generation when it is time, and forgets the one before the last.
func (r *Replays) turn(now time.Time) {
	if r.young != nil && now.Before(r.turnAt) {
		return
	}
	r.old = r.young
	if now.Sub(r.turnAt) >= generation {
		r.old = nil
	}
	r.young, r.turnAt = map[[16]byte]struct{}{}, now.Add(generation)
}

// Used is the [ErrInvalid] of a proof that is presented for the second time.
func Used() error { return invalid("it was used before") }
