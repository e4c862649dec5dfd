package resource

import (
	"encoding/binary"
	"testing"
	"time"
)

// toldOf is as many ids, the first of which has this number, and an instant.
func toldOf(first, n int, at time.Time) told {
	t := make(told, n)
	for i := range n {
		var number [8]byte
		binary.BigEndian.PutUint64(number[:], uint64(first+i))
		t[feedID(string(number[:]))] = at.Unix()
	}
	return t
}

// Whoever checks a token waits while an answer of the feed is learned: that takes no
// tenth of looking through all that is known. Each is the best of many.
func TestOffline_LearnsWithoutLookingThroughAll(t *testing.T) {
	const known = 1_000_000
	o, now := &Offline{Verifier: &Verifier{now: newClock().Now}}, testNow
	all := toldOf(0, known, now)
	o.learn(feedAnswer{Changed: all}, now)
	best := map[string]time.Duration{}
	try := func(what string, do func()) {
		begun := time.Now()
		do()
		if took := time.Since(begun); best[what] == 0 || took < best[what] {
			best[what] = took
		}
	}
	for i := range 20 {
		one := toldOf(known+i, 1, now)
		try("an answer", func() { o.learn(feedAnswer{Changed: one}, now) })
		try("all", func() {
			for _, at := range all {
				if at < 0 {
					t.Fatal("an instant before 1970")
				}
			}
		})
	}
	t.Logf("%v", best)
	if best["an answer"] > best["all"]/10 {
		t.Errorf("an answer of one entry costs %v among %d", best["an answer"], known)
	}
}

// What no living token can carry is forgotten, in the course of many answers.
func TestOffline_Forgets(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := &Offline{Verifier: &Verifier{now: c.Now}}
	o.learn(feedAnswer{Dead: toldOf(0, 1000, testNow.Add(time.Hour)), Changed: toldOf(0, 1000, testNow)}, testNow)
	o.learn(feedAnswer{Dead: toldOf(1000, 1000, testNow.Add(48*time.Hour)), Changed: toldOf(1000, 1000, testNow.Add(23*time.Hour))}, testNow)
	answers := func() (dead, changed int) {
		for range 256 {
			o.learn(feedAnswer{}, testNow)
		}
		for i := range o.dead.parts {
			dead, changed = dead+len(o.dead.parts[i]), changed+len(o.changed.parts[i])
		}
		return dead, changed
	}
	for _, step := range []struct{ passes, dead, changed int }{{0, 2000, 2000}, {2, 1000, 2000}, {23, 1000, 1000}, {24, 0, 0}} {
		c.advance(time.Duration(step.passes) * time.Hour)
		if dead, changed := answers(); dead != step.dead || changed != step.changed {
			t.Errorf("%d hours later %d dead and %d changed are known, want %d and %d", step.passes, dead, changed, step.dead, step.changed)
		}
	}
}
