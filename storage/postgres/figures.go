package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// Figures is what an operator wants to know of a store at this moment.
type Figures struct {
	// FeedAge is how long ago everything that changed was last read; the largest
	// duration before the first time.
	FeedAge time.Duration
	// Skew is how far the database's clock is ahead of the process's.
	Skew time.Duration
	// InUse, Idle and Most count connections of the pool.
	InUse, Idle, Most int
	// Waits is how often a request found no idle connection since the start, and
	// Waited how long they waited in all.
	Waits  int64
	Waited time.Duration
}

// Figures asks nobody.
func (s *Store) Figures() Figures {
	pool, age := s.pool.Stat(), time.Duration(math.MaxInt64)
	if at := s.feed.readAt.Load(); at != 0 {
		age = time.Duration(s.feed.now() - at)
	}
	return Figures{
		FeedAge: age, Skew: s.clock.Skew(), InUse: int(pool.AcquiredConns()), Idle: int(pool.IdleConns()), Most: int(pool.MaxConns()),
		Waits: pool.EmptyAcquireCount(), Waited: pool.EmptyAcquireWaitTime(),
	}
}

// JobCounts is the number of jobs in each state, of all replicas: "available",
// "retryable", "discarded" and so on, as the job library names them.
func (s *Store) JobCounts(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := s.batch(ctx, "count jobs", acting{}, func(b *pgx.Batch) {
		b.Queue(`select state::text, count(*) from ` + JobSchema + `.river_job group by state`).Query(func(rows pgx.Rows) error {
			var state string
			var n int
			_, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { counts[state] = n; return nil })
			return err
		})
	})
	return counts, err
}
