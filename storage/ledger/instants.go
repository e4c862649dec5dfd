package ledger

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/google/uuid"
)

// key is an id in sixteen bytes: what it says if it is an UUID, as ours are, and
// else the beginning of its digest.
type key [16]byte

func keyOf(id string) key {
	if parsed, err := uuid.Parse(id); err == nil {
		return key(parsed)
	}
	sum := sha256.Sum256([]byte(id))
	return key(sum[:16])
}

// instants is a map from ids to instants, in parts with a lock each.
type instants struct{ parts [256]part }

type part struct {
	mu sync.RWMutex
	// In seconds since 1970, which four bytes hold until the year 2106.
	at map[key]uint32
	// most is how many there were at once since the map was made: maps keep the
	// room that they once needed.
	most int
}

func (i *instants) part(k key) *part { return &i.parts[k[15]] }

func seconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), 1<<32-1)) }

// get is in seconds since 1970.
func (i *instants) get(k key) (int64, bool) {
	p := i.part(k)
	p.mu.RLock()
	at, known := p.at[k]
	p.mu.RUnlock()
	return int64(at), known
}

// raise sets an instant unless a later one is known.
func (i *instants) raise(k key, at time.Time) {
	p := i.part(k)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[key]uint32{}
	}
	p.at[k] = max(p.at[k], seconds(at))
	p.most = max(p.most, len(p.at))
}

// sweep removes, from one part, what is not after an instant.
func (i *instants) sweep(number uint8, before time.Time) {
	p, limit := &i.parts[number], seconds(before)
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, at := range p.at {
		if at <= limit {
			delete(p.at, k)
		}
	}
	if len(p.at) > p.most/4 {
		return
	}
	kept := make(map[key]uint32, len(p.at))
	for k, at := range p.at {
		kept[k] = at
	}
	p.at, p.most = kept, len(kept)
}

func (i *instants) len() int {
	n := 0
	for number := range i.parts {
		p := &i.parts[number]
		p.mu.RLock()
		n += len(p.at)
		p.mu.RUnlock()
	}
	return n
}
