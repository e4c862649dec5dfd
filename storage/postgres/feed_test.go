package postgres_test

import (
	"fmt"
	"slices"
	"sync"
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
