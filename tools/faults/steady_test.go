//go:build steady

package faults

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// sizes is how many bytes each table of what expires takes, with its indexes.
const sizes = `select relname, pg_total_relation_size(oid) from pg_class
  where oid in ('platform.grants'::regclass, 'platform.consumed_ids'::regclass, 'platform.rate_counters'::regclass)`

// TestSteadyLoad goes on with one load for half an hour, GATEHOUSE_STEADY for another time,
// with authorizations that live for four minutes: in the second half no table of what has
// expired by then is larger than it was in the first. What is kept for longer than the
// test lasts (dead ids for an hour, changes for half a day) is tried in storage/postgres,
// TestO7_TablesStopGrowing.
func TestSteadyLoad(t *testing.T) {
	length := 30 * time.Minute
	if said := os.Getenv("GATEHOUSE_STEADY"); said != "" {
		var err error
		if length, err = time.ParseDuration(said); err != nil {
			t.Fatal(err)
		}
	}
	h := Open(t, Options{Replicas: 2, People: 4, Flags: []string{
		"--refresh-absolute-lifetime", "4m", "--refresh-idle-lifetime", "4m", "--access-token-lifetime", "2m"}})
	r := Record(t, &h.Site, 50*time.Millisecond)
	most := [2]map[string]int{{}, {}}
	for begun := time.Now(); time.Since(begun) < length; time.Sleep(10 * time.Second) {
		half := most[min(1, int(2*time.Since(begun)/length))]
		rows, err := h.Query(t.Context(), sizes)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			n, _ := strconv.Atoi(row[1])
			half[row[0]] = max(half[row[0]], n)
		}
	}
	for table, first := range most[0] {
		second := most[1][table]
		t.Logf("%s: %d KiB at most in the first half, %d in the second", table, first>>10, second>>10)
		if second > first+first/10 {
			t.Errorf("%s grows: %d bytes at most in the first half, %d in the second", table, first, second)
		}
	}
	tally := r.Take()
	tally.only(t, 10*time.Second)
	t.Logf("answers %v; the slowest took %v (%s)", tally.Answers, tally.Slowest, tally.For)
	acquit(t, r)
}
