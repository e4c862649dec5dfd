package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// TakeToken asks a counter for one attempt: burst at once, then one each per/burst.
// It answers how long to wait, 0 when the attempt may be made. Asking and counting
// are one statement, so no number of parallel attempts gets past the limit.
//
// The counter is a generic cell rate algorithm: tat is when the next attempt would
// arrive if all were evenly spaced, and an attempt conforms while tat is at most
// per - per/burst ahead of now.
func (s *Store) TakeToken(ctx context.Context, key []byte, per time.Duration, burst int, now time.Time) (time.Duration, error) {
	step := per / time.Duration(burst)
	wait := time.Duration(-1)
	err := s.batch(ctx, "count attempt", acting{}, func(b *pgx.Batch) {
		b.Queue(`insert into platform.rate_counters as c (key, tat) values ($1, $2::timestamptz + $3::interval)
			on conflict (key) do update set tat = greatest(c.tat, $2) + $3
			where greatest(c.tat, $2) <= $2::timestamptz + $4::interval
			returning true`, key, now, step, per-step).
			Query(func(rows pgx.Rows) error {
				for rows.Next() {
					wait = 0
				}
				return rows.Err()
			})
	})
	if err != nil || wait == 0 {
		return 0, err
	}
	err = s.batch(ctx, "read counter", acting{}, func(b *pgx.Batch) {
		b.Queue(`select coalesce(max(tat), $2) - ($2::timestamptz + $3::interval) from platform.rate_counters where key = $1`,
			key, now, per-step).
			QueryRow(func(row pgx.Row) error { return row.Scan(&wait) })
	})
	return max(wait, time.Millisecond), err
}

// Refund gives one attempt back to a counter.
func (s *Store) Refund(ctx context.Context, key []byte, per time.Duration, burst int) error {
	return s.batch(ctx, "refund attempt", acting{}, func(b *pgx.Batch) {
		b.Queue(`update platform.rate_counters set tat = tat - $2::interval where key = $1`, key, per/time.Duration(burst))
	})
}
