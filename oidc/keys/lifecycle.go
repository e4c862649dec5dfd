package keys

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/storage"
)

// The life of a key.
const (
	// Lifetime is how long a key signs before [Ring.Rotate] replaces it.
	Lifetime = 90 * 24 * time.Hour
	// PublishedAhead is how long a key stands in the JWKS before it may sign, so
	// that every cache of the JWKS has met it.
	PublishedAhead = 48 * time.Hour
	// Retention is how long a replaced key stays in the JWKS: no token may live
	// longer than this, less the time that a replica takes to reload.
	Retention = 24 * time.Hour
)

// State is where in its life a key stands.
type State string

// The states, in the order in which a key goes through them.
const (
	Next    State = "next"
	Active  State = "active"
	Retired State = "retired"
	Expired State = "expired"
)

// StateAt is the state of a stored key at an instant. A key whose private part
// was erased has expired, also where the clock of this replica runs behind.
func StateAt(k storage.SigningKey, at time.Time) State {
	switch {
	case len(k.PrivateSealed) == 0, !k.ExpiresAt.IsZero() && !at.Before(k.ExpiresAt):
		return Expired
	case !k.RetiredAt.IsZero():
		return Retired
	case !k.ActiveAt.IsZero():
		return Active
	}
	return Next
}

// plan is one change to the keys of a deployment: it takes the rows as they are
// and collects, by kid, those that must be written.
type plan struct {
	rows    map[string]storage.SigningKey
	changed map[string]storage.SigningKey
	at      time.Time
	seal    sealer
}

func newPlan(current []storage.SigningKey, at time.Time, seal sealer) *plan {
	p := &plan{rows: map[string]storage.SigningKey{}, changed: map[string]storage.SigningKey{}, at: at, seal: seal}
	for _, row := range current {
		p.rows[row.KID] = row
	}
	return p
}

func (p *plan) put(row storage.SigningKey) {
	p.rows[row.KID], p.changed[row.KID] = row, row
}

// in finds the key of an algorithm that is in a state; of several, the one that
// came first. Every replica must choose the same, so the kid breaks a tie.
func (p *plan) in(state State, algorithm Algorithm) (storage.SigningKey, bool) {
	var found []storage.SigningKey
	for _, row := range p.rows {
		if row.Algorithm == string(algorithm) && StateAt(row, p.at) == state {
			found = append(found, row)
		}
	}
	if len(found) == 0 {
		return storage.SigningKey{}, false
	}
	return slices.MinFunc(found, func(a, b storage.SigningKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.KID, b.KID))
	}), true
}

// retireDue retires the keys that have signed for their [Lifetime] and whose
// successor has been published for long enough.
func (p *plan) retireDue() {
	for _, algorithm := range Algorithms() {
		active, signs := p.in(Active, algorithm)
		next, waits := p.in(Next, algorithm)
		if signs && waits &&
			p.at.Sub(active.ActiveAt) >= Lifetime && p.at.Sub(next.PublishedAt) >= PublishedAhead {
			p.retire(active)
		}
	}
}

// retireAll retires every key that signs, due or not.
func (p *plan) retireAll() {
	for _, algorithm := range Algorithms() {
		if active, signs := p.in(Active, algorithm); signs {
			p.retire(active)
		}
	}
}

func (p *plan) retire(row storage.SigningKey) {
	row.RetiredAt, row.ExpiresAt = p.at, p.at.Add(Retention)
	p.put(row)
}

// expire ends a key at once, whatever it was.
func (p *plan) expire(row storage.SigningKey) {
	if row.RetiredAt.IsZero() {
		row.RetiredAt = p.at
	}
	row.ExpiresAt = p.at
	p.put(row)
}

// erase empties the private part of the keys that have left the JWKS. The row
// stays: it says when the key was good.
func (p *plan) erase() {
	for _, row := range p.rows {
		if StateAt(row, p.at) == Expired && len(row.PrivateSealed) > 0 {
			row.PrivateSealed = []byte{}
			p.put(row)
		}
	}
}

// complete sees to it that each algorithm has one key that signs and one that
// waits, by promoting the one that waits and making what is missing. It returns
// the ids of the keys that begin to sign.
func (p *plan) complete() (promoted []string, err error) {
	for _, algorithm := range Algorithms() {
		if _, signs := p.in(Active, algorithm); !signs {
			row, waits := p.in(Next, algorithm)
			if !waits {
				if row, err = generate(algorithm, p.at, p.seal); err != nil {
					return nil, err
				}
			}
			row.ActiveAt = p.at
			p.put(row)
			promoted = append(promoted, row.KID)
		}
		if _, waits := p.in(Next, algorithm); !waits {
			row, err := generate(algorithm, p.at, p.seal)
			if err != nil {
				return nil, err
			}
			p.put(row)
		}
	}
	return promoted, nil
}

func (p *plan) rowsToWrite() []storage.SigningKey {
	rows := make([]storage.SigningKey, 0, len(p.changed))
	for _, row := range p.changed {
		rows = append(rows, row)
	}
	return rows
}
