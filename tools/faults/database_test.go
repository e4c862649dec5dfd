package faults

import (
	"os"
	"testing"
	"time"
)

// rounds is how often a fault comes: a few times, or as often as `make faults` says.
func rounds(t *testing.T, few, many int) int {
	if os.Getenv("GATEHOUSE_FAULTS") != "" {
		return many
	}
	return few
}

// within asks until something holds and returns how long that took. Whoever asks after
// most of the time has passed must hear that it does; a busy machine may answer late.
func within(t *testing.T, most time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for asked := begun; !holds(); asked = time.Now() {
		if asked.Sub(begun) > most {
			t.Fatalf("%s: not within %v", what, most)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begun)
}

// acquit judges what clients were told.
func acquit(t *testing.T, r *Recorder) {
	t.Helper()
	h := r.Settle()
	for _, verdict := range Judge(h) {
		t.Error(verdict)
	}
	counted := map[string]int{}
	for _, e := range h.Events {
		counted[string(e.Kind)]++
		if !e.Acknowledged() && !e.Refused() {
			counted["in doubt"]++
		}
	}
	t.Logf("judged %d answers: %v, %d changes", len(h.Events), counted, len(h.Rows))
	if counted[string(Refresh)] == 0 || counted[string(Revoke)] == 0 || counted[string(Redeem)] == 0 || len(h.Rows) == 0 {
		t.Error("the load did not do everything that is judged")
	}
}

// only says which statuses there may be; whatever else there was is a fault.
func (tally Tally) only(t *testing.T, longest time.Duration, statuses ...int) {
	t.Helper()
	allowed := map[int]bool{200: true, 201: true, 302: true, 303: true, 400: true}
	for _, status := range statuses {
		allowed[status] = true
	}
	for status, n := range tally.Answers {
		if !allowed[status] {
			t.Errorf("%d answers of %d, such as %s", n, status, tally.Such[status])
		}
	}
	for _, odd := range tally.Odd {
		t.Error(odd)
	}
	if tally.Bare > 0 {
		t.Errorf("%d answers of 503 without Retry-After", tally.Bare)
	}
	if tally.Slowest > longest {
		t.Errorf("%s took %v, longer than %v", tally.For, tally.Slowest, longest)
	}
}

// TestDatabaseRestarts stops PostgreSQL under load and starts it again: requests are
// answered 503 meanwhile, the house is ready three seconds after its database at most,
// and nothing that was acknowledged is lost.
func TestDatabaseRestarts(t *testing.T) {
	h := Open(t, Options{Replicas: 2, People: 4})
	r := Record(t, &h.Site, 5*time.Millisecond)
	var slowest time.Duration
	for range rounds(t, 3, 10) {
		time.Sleep(time.Second)
		h.StopDatabase()
		time.Sleep(time.Second)
		h.StartDatabase()
		took := within(t, 3*time.Second, "ready again", func() bool { return h.Replicas[0].Ready() && h.Replicas[1].Ready() })
		slowest = max(slowest, took)
	}
	time.Sleep(time.Second)
	tally := r.Take()
	tally.only(t, 10*time.Second, 503)
	t.Logf("ready %v after the database at most; answers %v; the slowest took %v (%s)", slowest, tally.Answers, tally.Slowest, tally.For)
	acquit(t, r)
}
