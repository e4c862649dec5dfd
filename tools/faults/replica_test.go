package faults

import (
	"testing"
	"time"
)

// TestReplicasKilled kills one replica after the other under load (kill -9): nothing
// that was acknowledged is lost, whether or not the answer came through.
func TestReplicasKilled(t *testing.T) {
	h := Open(t, Options{Replicas: 2, People: 4})
	r := Record(t, &h.Site, 5*time.Millisecond)
	var slowest time.Duration
	for i := range rounds(t, 4, 20) {
		time.Sleep(500 * time.Millisecond)
		killed := h.Replicas[i%2]
		killed.Kill()
		begun := time.Now()
		killed.Start()
		slowest = max(slowest, time.Since(begun))
	}
	time.Sleep(time.Second)
	tally := r.Take()
	tally.only(t, 10*time.Second, 0, 503)
	t.Logf("ready %v after it was killed at most; answers %v; the slowest took %v (%s)", slowest, tally.Answers, tally.Slowest, tally.For)
	acquit(t, r)
}
