package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
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

// A reading that takes longer than one may be silent is finished, and nothing of it is
// read twice: a million people whose role was narrowed are a million changes.
func TestC11_LongReading(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	h := &heard{}
	slow := h.follower()
	note := slow.Changed
	slow.Changed = func(c postgres.Change) {
		time.Sleep(time.Millisecond)
		note(c)
	}
	s.Follow(slow)
	eventually(t, "the feed is read", s.Fresh)
	resets := h.resets
	w.Exec(`insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at)
		select 'entry number ' || n, 'test', now(), now() + interval '1 hour' from generate_series(1, 4000) n`)
	eventually(t, "the last entry is heard of", func() bool { return h.has("entry number 4000") })
	w.Exec(revoke, "later")
	eventually(t, "what comes later is heard of", func() bool { return h.has("later") && s.Fresh() })
	if n := h.times("entry number 1"); n != 1 {
		t.Errorf("the first entry was read %d times", n)
	}
	if h.resets != resets {
		t.Errorf("everything was read again %d times", h.resets-resets)
	}
}

// A connection on which nothing comes any more is given up, though nobody closes it.
func TestC11_SilentConnection(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	var silence atomic.Bool
	var silent atomic.Pointer[wired]
	net := &wire{came: func(c *wired, _ []byte) bool {
		if c.feed.Load() && silence.Load() {
			silent.CompareAndSwap(nil, c)
		}
		return silent.Load() != c
	}}
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, net.options())
	h := &heard{}
	s.Follow(h.follower())
	eventually(t, "the feed is read", s.Fresh)
	silence.Store(true)
	eventually(t, "a connection falls silent", func() bool { return silent.Load() != nil })
	w.Exec(revoke, "in the silence")
	began := time.Now()
	eventually(t, "another connection is made", func() bool { return h.has("in the silence") })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Of another cluster everything is read, also where its first reading fails.
func TestC11_AnotherCluster(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	w.Exec(revoke, "before the restore")
	var here string
	w.Get(`select system_identifier::text from pg_control_system()`, nil, &here)
	elsewhere := []byte(here)
	slices.Reverse(elsewhere)
	var cut, restored atomic.Bool
	var failed atomic.Int64
	net := &wire{
		came: func(_ *wired, p []byte) bool {
			if restored.Load() {
				copy(p, bytes.ReplaceAll(p, []byte(here), elsewhere))
			}
			return true
		},
		sent: func(c *wired, p []byte) error {
			if !c.feed.Load() {
				return nil
			}
			if cut.Swap(false) {
				restored.Store(true)
				return errors.New("cut")
			}
			if restored.Load() && bytes.Contains(p, []byte("expires_at > now()")) && failed.Add(1) == 1 {
				return errors.New("the first reading fails")
			}
			return nil
		},
	}
	s := storagetest.Open(t, dsn, net.options())
	h := &heard{}
	s.Follow(h.follower())
	eventually(t, "the feed is read", s.Fresh)
	told := h.times("before the restore")
	cut.Store(true)
	eventually(t, "the other cluster is found", func() bool { return failed.Load() > 0 })
	eventually(t, "the feed is read again", s.Fresh)
	if now := h.times("before the restore"); now != told+1 {
		t.Errorf("the entry was told %d times before and %d times after", told, now)
	}
}

// After so long a gap that changes may have come and been cleaned away in it, everything
// is read again, once.
func TestC11_GapLongerThanChangesAreKept(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	var ahead atomic.Int64
	clock := postgres.NewClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{Clock: clock})
	h := &heard{}
	s.Follow(h.follower())
	eventually(t, "the feed is read", s.Fresh)
	for _, step := range []struct {
		gap  time.Duration
		anew int
	}{{6 * time.Hour, 0}, {7 * time.Hour, 1}, {0, 0}} {
		resets := h.resets
		ahead.Add(int64(step.gap))
		for i := range 3 {
			id := fmt.Sprint(step.gap, i)
			w.Exec(revoke, id)
			s.CatchUp(t.Context())
			if !h.has(id) {
				t.Errorf("after %v: entry %d was not heard of", step.gap, i)
			}
		}
		if got := h.resets - resets; got != step.anew {
			t.Errorf("after %v everything was read again %d times; want %d", step.gap, got, step.anew)
		}
	}
}

// Of a user who changed it is told which agents are theirs, in pages as large as any,
// each agent once; of nobody else's, nor of what is theirs and no agent.
func TestFeedPage_TellsOfAgentsWithTheirOwner(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	tenant := w.Tenant("acme")
	owner, other := w.User("owner", authz.RoleUser, "", tenant), w.User("other", authz.RoleUser, "", tenant)
	const many = `insert into platform.clients (id, tenant_id, kind, name, owner_id, auth_method, grant_types, scopes, created_at)
		select $1::text || n, $2, $3, 'Many', $4, 'none', '{}', '{}', now() from generate_series(1, $5::int) n`
	w.Exec(many, "hers-", tenant, "agent", owner, 2500)
	w.Exec(many, "others-", tenant, "agent", other, 10)
	w.Exec(many, "service-", tenant, "service", owner, 10)
	cursor := postgres.FeedCursor{}
	pages := func() (told map[string]int, n int) {
		told = map[string]int{}
		for more := true; more; n++ {
			page, err := s.FeedPage(t.Context(), cursor)
			if err != nil || len(page.Entries) > 1000 || n > 5 {
				t.Fatalf("page %d has %d entries: %v", n, len(page.Entries), err)
			}
			for _, e := range page.Entries {
				told[e.ID]++
			}
			cursor, more = page.Next, page.More
		}
		return told, n
	}
	check := func(what string) {
		t.Helper()
		told, n := pages()
		if told[owner.String()] != 1 || told["hers-1"] != 1 || told["hers-2500"] != 1 || len(told) != 2501 || n != 3 {
			t.Errorf("%s tells of %d ids in %d pages; of the owner %d times, of their first agent %d times, of the last %d times",
				what, len(told), n, told[owner.String()], told["hers-1"], told["hers-2500"])
		}
	}
	w.Exec(`delete from platform.changes`)
	w.Exec(`update platform.users set role = 'viewer' where id = $1`, owner)
	check("the beginning")
	if told, _ := pages(); len(told) != 0 {
		t.Errorf("without news it tells %v", told)
	}
	w.Exec(`update platform.users set disabled_at = now() where id = $1`, owner)
	check("the news")
}
