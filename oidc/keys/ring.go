package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// ErrUnknownKey says that no key has the id that was named.
var ErrUnknownKey = errors.New("there is no signing key of this id")

// Store keeps the sealed keys.
type Store interface {
	// SigningKeys returns every row, expired ones too, in any order.
	SigningKeys(ctx context.Context) ([]storage.SigningKey, error)
	// ChangeSigningKeys calls change with every row, under a lock that no other
	// replica can hold at the same time, and saves what it returns in the same
	// transaction: a new kid is inserted, a known one updated. When change fails
	// nothing is saved and its error is wrapped. The event tells of it, unless
	// nothing changed.
	ChangeSigningKeys(ctx context.Context, e storage.AuditEvent, change func(current []storage.SigningKey) (changed []storage.SigningKey, err error)) error
}

// Ring holds the keys of a deployment, opened. Its methods may be called from
// many goroutines; [Ring.Sign], [Ring.Verify] and [Ring.JWKS] take no lock and
// ask no store.
type Ring struct {
	store     Store
	seal      sealer
	now       func() time.Time
	reloading sync.Mutex
	snapshot  atomic.Pointer[snapshot]
}

// Open loads the keys and makes those that are missing, which on the first start
// are all of them. master is the configured secret, at least 32 bytes. The error
// wraps [ErrSealBroken] when the keys were sealed under another one; nothing has
// been written then.
func Open(ctx context.Context, store Store, master []byte, now func() time.Time) (*Ring, error) {
	seal, err := newSealer(master)
	if err != nil {
		return nil, fmt.Errorf("open signing keys: %w", err)
	}
	r := &Ring{store: store, seal: seal, now: now}
	if _, err := r.Rotate(ctx); err != nil {
		return nil, fmt.Errorf("open signing keys: %w", err)
	}
	return r, nil
}

// Reload reads the keys again. A replica calls it when another one says that the
// keys have changed, and every minute in case the word was lost: it keeps
// signing with the key it knows until then, which is why a retired key stays
// published. On an error the keys stay as they were.
func (r *Ring) Reload(ctx context.Context) error {
	// One after the other, so that an older reading never replaces a newer one.
	r.reloading.Lock()
	defer r.reloading.Unlock()
	rows, err := r.store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	s, err := newSnapshot(rows, r.snapshot.Load(), r.now(), r.seal)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	r.snapshot.Store(s)
	return nil
}

// Rotate is [By.Rotate] in the name of the house itself.
func (r *Ring) Rotate(ctx context.Context) (promoted []string, err error) {
	return r.By(storage.AuditEvent{Actor: "gatehouse"}).Rotate(ctx)
}

// By changes keys in somebody's name.
type By struct {
	ring  *Ring
	actor storage.AuditEvent
}

// By is the ring in the hand of an audit event's actor. A change that is made leaves
// one such event, in its transaction; one that changes nothing leaves none.
func (r *Ring) By(actor storage.AuditEvent) By { return By{r, actor} }

// Rotate replaces the keys that have signed for [Lifetime] by their successors,
// if those have been published for [PublishedAhead], makes what is missing and
// erases what has expired. It does nothing when nothing is due, so it can be
// called as often as one likes; once an hour will do. It returns the ids of the
// keys that begin to sign.
func (b By) Rotate(ctx context.Context) (promoted []string, err error) {
	promoted, err = b.ring.change(ctx, b.event("keys.rotate", ""), func(p *plan) error { p.retireDue(); return nil })
	if err != nil {
		return nil, fmt.Errorf("rotate signing keys: %w", err)
	}
	return promoted, nil
}

// RotateNow replaces every key that signs, due or not. Twice within
// [PublishedAhead] it promotes keys that a verifier with a cache may not know.
func (b By) RotateNow(ctx context.Context) (promoted []string, err error) {
	promoted, err = b.ring.change(ctx, b.event("keys.rotate", ""), func(p *plan) error { p.retireAll(); return nil })
	if err != nil {
		return nil, fmt.Errorf("rotate signing keys: %w", err)
	}
	return promoted, nil
}

// Revoke takes a key out of the JWKS at once and erases its private half; every
// token that it signed is refused from then on. If it was active, the next key
// signs; the successors that are missing are made. The error is [ErrUnknownKey]
// when there is no such key. It returns the ids of the keys that begin to sign.
func (b By) Revoke(ctx context.Context, kid string) (promoted []string, err error) {
	promoted, err = b.ring.change(ctx, b.event("keys.revoke", kid), func(p *plan) error {
		row, known := p.rows[kid]
		if !known {
			return ErrUnknownKey
		}
		if StateAt(row, p.at) != Expired {
			p.expire(row)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("revoke signing key %q: %w", kid, err)
	}
	return promoted, nil
}

func (b By) event(action, kid string) storage.AuditEvent {
	e, now := b.actor, b.ring.now()
	e.ID, e.At, e.Action, e.ObjectKind, e.ObjectID = authz.NewID[authz.AuditID](now), now, action, "keys", kid
	return e
}

func (r *Ring) change(ctx context.Context, e storage.AuditEvent, decide func(*plan) error) (promoted []string, err error) {
	err = r.store.ChangeSigningKeys(ctx, e, func(current []storage.SigningKey) ([]storage.SigningKey, error) {
		// The database keeps microseconds and rounds; a key that is revoked now
		// must not come back as one that expires in a moment.
		at := r.now().UTC().Truncate(time.Microsecond)
		// Under the wrong secret nothing may be written: it would be a key that
		// the rest of the deployment cannot open.
		if _, err := newSnapshot(current, r.snapshot.Load(), at, r.seal); err != nil {
			return nil, err
		}
		p := newPlan(current, at, r.seal)
		if err := decide(p); err != nil {
			return nil, err
		}
		if promoted, err = p.complete(); err != nil {
			return nil, err
		}
		p.erase()
		return p.rowsToWrite(), nil
	})
	if err != nil {
		return nil, err
	}
	return promoted, r.Reload(ctx)
}
