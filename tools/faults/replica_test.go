package faults

import (
	"net/http"
	"net/url"
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

// only is a client of one replica alone.
func only(t *testing.T, h *House, replica int) *worker {
	one := h.Site
	one.Addresses = one.Addresses[replica : replica+1]
	w := &worker{caller: newCaller(&one, 0), log: &log{}}
	t.Cleanup(w.close)
	return w
}

// active asks until there is an answer: 503 is none.
func (w *worker) active(t *testing.T, text string) bool {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 30*time.Second; time.Sleep(5 * time.Millisecond) {
		if e, _ := w.ask(token{text: text}); e.Acknowledged() {
			return e.Yield == Active
		}
	}
	t.Fatal("introspection gives no answer")
	return false
}

// TestC11_Crashes: what was answered as revoked stays inactive everywhere, whichever
// process dies, and whatever lives stays active.
func TestC11_Crashes(t *testing.T) {
	h := Open(t, Options{Replicas: 2, People: 1})
	one, two := only(t, h, 0), only(t, h, 1)
	issued := func(w *worker) string {
		t.Helper()
		a := w.machineToken()
		if a.status != http.StatusOK {
			t.Fatal(a.String("token"))
		}
		return a.text("access_token")
	}
	revoke := func(w *worker, token string) int {
		return w.post("/oauth2/revoke", &h.Machine, url.Values{"token": {token}}).status
	}
	var dead []string
	alive := issued(two)
	check := func(when string, replicas ...*worker) {
		t.Helper()
		for i, w := range replicas {
			for n, token := range dead {
				if w.active(t, token) {
					t.Fatalf("%s: token %d of %d, revoked, is active at the replica %d of %d", when, n+1, len(dead), i+1, len(replicas))
				}
			}
			if !w.active(t, alive) {
				t.Errorf("%s: a living token is not active", when)
			}
		}
	}
	for range 5 {
		revoked := issued(one)
		two.active(t, revoked)
		if status := revoke(one, revoked); status != http.StatusOK {
			t.Fatalf("revoke: %d", status)
		}
		dead = append(dead, revoked)
	}
	h.Replicas[0].Kill() // right behind the answer
	within(t, time.Second, "inactive on the other replica", func() bool { return !two.active(t, dead[4]) })
	check("after kill -9 of the replica that revoked", two)
	h.Replicas[0].Start()
	check("on its successor", one)

	last := issued(one)
	if status := revoke(one, last); status != http.StatusOK {
		t.Fatalf("revoke: %d", status)
	}
	revoked := time.Now()
	dead = append(dead, last)
	h.KillDatabase()
	for range 20 {
		if e, _ := two.ask(token{text: dead[0]}); e.Yield == Active {
			t.Fatal("a revoked token is active while PostgreSQL is gone")
		}
	}
	h.StartDatabase()
	// A replica that had not heard of the last one yet trusts its memory for as long.
	time.Sleep(time.Until(revoked.Add(trusted)))
	check("after kill -9 of PostgreSQL", one, two)
	fresh := issued(two)
	// A connection that was cut is noticed by the request that uses it: 503, try again.
	within(t, 5*time.Second, "revoked after the restart", func() bool { return revoke(two, fresh) == http.StatusOK })
	within(t, 5*time.Second, "heard of on the other replica", func() bool { return !one.active(t, fresh) })
}
