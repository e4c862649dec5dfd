package postgres_test

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// TestClock: whatever a machine's own clock says, the time is the database's: from the
// first moment on, and again soon after somebody sets the machine's. A difference that is
// no larger than what the way may cost changes nothing.
func TestClock(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	var apart atomic.Int64
	apart.Store(int64(5 * time.Minute))
	own := func() time.Time { return time.Now().Add(time.Duration(apart.Load())) }
	// Between two glances the machine may do something else: the least of a few is what is off.
	off := func(c *postgres.Clock) time.Duration {
		least := time.Duration(math.MaxInt64)
		for range 5 {
			least = min(least, c.Now().Sub(time.Now()).Abs())
		}
		return least
	}

	clock := postgres.NewClock(own)
	s := storagetest.Open(t, dsn, postgres.Options{Clock: clock})
	if by := off(clock); by > time.Second {
		t.Errorf("wrong by %v as soon as the store is open", by)
	}
	for _, d := range []time.Duration{-5 * time.Minute, 0, 24 * time.Hour} {
		apart.Store(int64(d))
		begun := time.Now()
		for asked := begun; off(clock) > time.Second; asked = time.Now() {
			if asked.Sub(begun) > 5*time.Second {
				t.Fatalf("own clock set to %v: wrong by %v five seconds later", d, off(clock))
			}
			time.Sleep(time.Millisecond)
		}
		if skew := s.Figures().Skew; (skew + d).Abs() > time.Second {
			t.Errorf("own clock ahead by %v, skew %v", d, skew)
		}
	}
	apart.Store(int64(500 * time.Millisecond))
	time.Sleep(1200 * time.Millisecond) // two readings
	if by := off(clock); by < 400*time.Millisecond || by > 600*time.Millisecond {
		t.Errorf("half a second of difference became %v", by)
	}
}
