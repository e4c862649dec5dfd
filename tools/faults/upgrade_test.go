//go:build upgrade

package faults

import (
	"os"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestUpgrade exchanges three replicas of the release before, one after the other and
// under load, for this one: the first migrates while the others serve. Then one goes back,
// onto the new schema. No request fails, and nothing is lost.
func TestUpgrade(t *testing.T) {
	previous := os.Getenv("GATEHOUSE_PREVIOUS")
	h := Open(t, Options{Replicas: 3, People: 4, Binary: previous, Front: webtest.FreeAddress(t), Flags: []string{"--drain-time", "2s", "--trusted-proxies", "127.0.0.0/8"}})
	present := built(t)
	version := func() string {
		t.Helper()
		rows, err := h.Query(t.Context(), `select max(version_id) from public.gatehouse_migrations where is_applied`)
		if err != nil {
			t.Fatal(err)
		}
		return rows[0][0]
	}
	before := version()
	balance(t, h)
	r := Record(t, &h.Site, 5*time.Millisecond)
	exchange := func(replica *Replica, binary string) {
		t.Helper()
		time.Sleep(2 * time.Second)
		terminate(t, replica)
		replica.binary = binary
		replica.Start()
		time.Sleep(2 * time.Second)
	}
	for _, replica := range h.Replicas {
		exchange(replica, present)
	}
	after := version()
	if before == after {
		t.Errorf("both have the schema %s: there was nothing to migrate", after)
	}
	exchange(h.Replicas[0], previous)
	tally := r.Take()
	tally.only(t, 10*time.Second)
	t.Logf("schema %s to %s; answers %v; the slowest took %v (%s)", before, after, tally.Answers, tally.Slowest, tally.For)
	acquit(t, r)
}
