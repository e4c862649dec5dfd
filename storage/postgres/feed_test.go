package postgres_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// heard is a follower of the ledger that keeps what it was told.
type heard struct {
	mu     sync.Mutex
	ids    []string
	resets int
}

func (h *heard) follower() postgres.Follower {
	return postgres.Follower{Tables: []string{"revoked_tokens"}, Reset: func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.resets++
	}, Changed: func(c postgres.Change) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ids = append(h.ids, c.ID)
	}}
}

func (h *heard) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.ids, id)
}

func (h *heard) times(id string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, known := range h.ids {
		if known == id {
			n++
		}
	}
	return n
}

const revoke = `insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at) values ($1, 'test', now(), now() + interval '1 hour')`

// An entry that a long transaction commits late, behind many that began after it,
// is heard of all the same, and once.
func TestC11_CommittedLate(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	h := &heard{}
	s.Follow(h.follower())
	eventually(t, "the feed is read", s.Fresh)

	slow, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close(t.Context()) }()
	tx, err := slow.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), revoke, "late"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		w.Exec(revoke, fmt.Sprint(i))
		s.CatchUp(t.Context())
		if !h.has(fmt.Sprint(i)) {
			t.Fatalf("entry %d was not heard of", i)
		}
	}
	if h.has("late") {
		t.Fatal("an uncommitted entry was heard of")
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.CatchUp(t.Context())
	if h.times("late") != 1 || h.times("0") != 1 {
		t.Errorf("the late entry was heard %d times, the first %d", h.times("late"), h.times("0"))
	}
}

// What happened while the connection was gone is caught up with, without reading
// everything again; what was there before anybody listened is read at the start.
func TestC11_Gap(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	w.Exec(revoke, "before the start")
	s := storagetest.Open(t, dsn, postgres.Options{})
	h := &heard{}
	s.Follow(h.follower())
	eventually(t, "the feed is read", s.Fresh)
	if !h.has("before the start") {
		t.Error("what stood in the ledger at the start is unknown")
	}
	resets := h.resets
	var took []time.Duration
	for i := range 5 {
		w.Exec(`select pg_terminate_backend(pid) from pg_stat_activity
			where datname = current_database() and application_name = 'gatehouse' and query ilike '%pg_current_snapshot%' and pid <> pg_backend_pid()`)
		w.Exec(revoke, fmt.Sprint("in the gap ", i))
		began := time.Now()
		eventually(t, "the gap is closed", func() bool { return h.has(fmt.Sprint("in the gap ", i)) })
		took = append(took, time.Since(began))
	}
	if slices.Sort(took); took[2] > time.Second { // the machine has other things to do
		t.Errorf("it took %v at the median, of %v", took[2], took)
	}
	if h.resets != resets {
		t.Errorf("everything was read again %d times", h.resets-resets)
	}
}

// A dump brings the numbers of another cluster's transactions, which may lie ahead.
func TestC11_NumbersOfAnotherCluster(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	w.Exec(revoke, "restored")
	w.Exec(`update platform.revoked_tokens set txid = '4000000000'`)
	s := storagetest.Open(t, dsn, postgres.Options{})
	h := &heard{}
	s.Follow(h.follower())
	eventually(t, "the feed is read", s.Fresh)
	for i := range 3 {
		w.Exec(revoke, fmt.Sprint("new ", i))
		s.CatchUp(t.Context())
	}
	if n := h.times("restored"); n == 0 || n > 3 {
		t.Errorf("told %d times", n)
	}
	if !h.has("new 2") {
		t.Error("what is new is not heard of")
	}
}
