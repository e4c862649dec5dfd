package postgres

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// banList is every network that is kept away. An address costs one look for each length
// of prefix in it, however many networks there are.
type banList struct {
	// until is when each network's ban ends; zero for never.
	until   map[netip.Prefix]time.Time
	lengths []int
	// changes is after how many of them the list was asked for.
	changes uint64
}

// While memory is not trusted, a list holds for bansPause before another is read, and
// bansTimeout is how long that may take.
const (
	bansPause   = time.Second
	bansTimeout = time.Second
)

// lastBans is the list that holds while none can be read.
type lastBans struct {
	list atomic.Pointer[banList]
	// triedAt is when it was last tried to read one while memory was not trusted, as the
	// feed counts.
	triedAt atomic.Int64
}

// due is true once in each pause.
func (l *lastBans) due(now int64) bool {
	tried := l.triedAt.Load()
	return now-tried >= int64(bansPause) && l.triedAt.CompareAndSwap(tried, now)
}

// put keeps a newer list from being replaced by one that was on its way before it.
func (l *lastBans) put(list *banList) {
	for last := l.list.Load(); last == nil || last.changes <= list.changes; last = l.list.Load() {
		if l.list.CompareAndSwap(last, list) {
			return
		}
	}
}

func (l *banList) add(network netip.Prefix, until time.Time) {
	l.until[network] = until
	if !slices.Contains(l.lengths, network.Bits()) {
		l.lengths = append(l.lengths, network.Bits())
	}
}

func (l *banList) holds(a netip.Addr, now time.Time) bool {
	for _, bits := range l.lengths {
		network, err := a.Prefix(bits)
		if err != nil {
			continue // longer than the address
		}
		if until, banned := l.until[network]; banned && (until.IsZero() || now.Before(until)) {
			return true
		}
	}
	return false
}

// Banned reports whether an address is kept away at the instant now. It is asked
// at every request, so it is answered from memory; while that is not trusted, from a
// list that is read once a second. The last list holds while none can be read.
func (s *Store) Banned(ctx context.Context, addr netip.Addr, now time.Time) (bool, error) {
	bans, err := s.currentBans(ctx)
	if err != nil {
		return false, err
	}
	return bans.holds(addr.Unmap(), now), nil
}

func (s *Store) currentBans(ctx context.Context) (*banList, error) {
	if bans, known := s.bans.recall(struct{}{}); known {
		return bans, nil
	}
	last := s.lastBans.list.Load()
	if last != nil && !s.Fresh() {
		if s.lastBans.due(s.feed.now()) {
			// Nobody waits for it: a request that needs no database is answered at once.
			go func() { _, _ = s.bans.share(context.WithoutCancel(ctx), struct{}{}) }()
		}
		return last, nil
	}
	bans, err := s.bans.share(ctx, struct{}{})
	if err != nil && last != nil {
		return last, nil
	}
	return bans, err
}

func (s *Store) readBans(ctx context.Context, _ struct{}) (*banList, error) {
	all := &banList{until: map[netip.Prefix]time.Time{}, changes: s.bans.changes.Load()}
	if s.lastBans.list.Load() != nil && !s.Fresh() {
		bounded, cancel := context.WithTimeout(ctx, bansTimeout)
		defer cancel()
		ctx = bounded
	}
	err := s.batch(ctx, "read bans", acting{}, func(b *pgx.Batch) {
		b.Queue(`select network, expires_at from platform.ip_bans`).Query(func(rows pgx.Rows) error {
			var network netip.Prefix
			var until time.Time
			_, err := pgx.ForEachRow(rows, []any{&network, (*zeronull.Timestamptz)(&until)}, func() error {
				all.add(network, until)
				return nil
			})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	s.lastBans.put(all)
	return all, nil
}
