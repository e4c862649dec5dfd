package postgres

import (
	"sync/atomic"
	"time"
)

// Clock is a process's own clock, set right by the database's: so replicas whose machines
// disagree on the time judge alike how old a code, a session or a proof is, and when the
// next attempt may be made. It is safe for concurrent use.
type Clock struct {
	own  func() time.Time
	skew atomic.Int64
}

// tolerated is a difference that may be the way's to the database rather than a clock's.
// Up to it the process's own clock is used as it is.
const tolerated = time.Second

// NewClock is a clock that is the process's own until a [Store] has asked its database.
func NewClock(own func() time.Time) *Clock { return &Clock{own: own} }

// Now is the time.
func (c *Clock) Now() time.Time {
	if skew := c.Skew(); skew.Abs() > tolerated {
		return c.own().Add(skew)
	}
	return c.own()
}

// Skew is how far the database's clock is ahead of the process's own.
func (c *Clock) Skew() time.Duration { return time.Duration(c.skew.Load()) }

// heard takes what the database's clock said since it was asked, by the process's own,
// and reports whether that is a difference that was not there before, or is no more.
func (c *Clock) heard(asked, said time.Time) (changed bool) {
	way := c.own().Sub(asked)
	if way > tolerated {
		return false // the middle of a long way is no measure
	}
	skew := said.Sub(asked.Add(way / 2))
	before := time.Duration(c.skew.Swap(int64(skew)))
	return (before.Abs() > tolerated) != (skew.Abs() > tolerated)
}
