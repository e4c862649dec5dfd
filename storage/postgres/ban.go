package postgres

import (
	"context"
	"net/netip"
	"slices"
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
// at every request, so it is answered from memory; the last list holds while
// the database cannot be reached.
func (s *Store) Banned(ctx context.Context, addr netip.Addr, now time.Time) (bool, error) {
	bans, err := s.currentBans(ctx)
	if err != nil {
		return false, err
	}
	return bans.holds(addr.Unmap(), now), nil
}

func (s *Store) currentBans(ctx context.Context) (*banList, error) {
	last := s.lastBans.Load()
	if last != nil && !s.Fresh() {
		return last, nil
	}
	bans, err := s.bans.get(ctx, struct{}{})
	if err != nil && last != nil {
		return last, nil
	}
	return bans, err
}

func (s *Store) readBans(ctx context.Context, _ struct{}) (*banList, error) {
	all := &banList{until: map[netip.Prefix]time.Time{}}
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
	if err == nil {
		s.lastBans.Store(all)
	}
	return all, err
}
