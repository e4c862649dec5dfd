package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// renamed changes a client's name, with or without telling anybody.
func renamed(w *storagetest.World, id authz.ClientID, name string, announce bool) {
	role := "replica" // in which triggers rest
	if announce {
		role = "origin"
	}
	w.Exec(`select set_config('session_replication_role', $1, false)`, role)
	w.Exec(`update platform.clients set name = $2 where id = $1`, id, name)
}

func nameOf(t *testing.T, s *postgres.Store, id authz.ClientID) string {
	t.Helper()
	c, err := s.Client(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c.Name
}

// eventually waits for what another process does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

// remembers reports whether the store answers from memory: a change that nobody
// told it of stays unknown to it.
func remembers(t *testing.T, w *storagetest.World, s *postgres.Store, id authz.ClientID) bool {
	t.Helper()
	before := nameOf(t, s, id)
	renamed(w, id, fmt.Sprintf("name at %d", time.Now().UnixNano()), false)
	return nameOf(t, s, id) == before
}

func TestCache(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	replicas := []*postgres.Store{storagetest.Open(t, dsn, postgres.Options{}), storagetest.Open(t, dsn, postgres.Options{})}
	tenant := w.Tenant("acme")
	id := w.Client(storage.Client{ID: "shop", Tenant: tenant}).ID
	for _, s := range replicas {
		eventually(t, "clients are remembered", func() bool { return remembers(t, w, s, id) })
	}

	renamed(w, id, "announced", true)
	for _, s := range replicas {
		eventually(t, "an announced change is seen", func() bool { return nameOf(t, s, id) == "announced" })
	}
	w.Exec(`update platform.tenants set suspended_at = now() where id = $1`, tenant)
	for _, s := range replicas {
		eventually(t, "the suspension of a client's tenant is seen", func() bool {
			c, err := s.Client(t.Context(), id)
			return err == nil && c.TenantSuspended
		})
	}
	w.Exec(`delete from platform.clients where id = $1`, id)
	for _, s := range replicas {
		eventually(t, "a deleted client is gone", func() bool { _, err := s.Client(t.Context(), id); return err != nil })
	}
}

// While nothing is heard of changes nothing is remembered.
func TestCache_FeedCut(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, elsewhere := storagetest.NewWorld(t, dsn), storagetest.NewWorld(t, storagetest.Empty(t))
	s := storagetest.Open(t, dsn, postgres.Options{MaxConns: 1})
	id := w.Client(storage.Client{ID: "shop"}).ID
	eventually(t, "clients are remembered", func() bool { return remembers(t, w, s, id) })

	// Nobody can connect any more, the feed neither; the pool's one connection stays.
	var database string
	w.Get(`select current_database()`, nil, &database)
	elsewhere.Exec(`alter database ` + database + ` with allow_connections false`)
	var cut int
	w.Get(`select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and application_name = 'gatehouse' and query ilike '%pg_current_snapshot%' and pid <> pg_backend_pid()`, nil, &cut)
	if cut != 1 {
		t.Fatalf("%d connections were cut; want the feed's", cut)
	}
	eventually(t, "the cache is off", func() bool { return !remembers(t, w, s, id) })
	for range 20 {
		if remembers(t, w, s, id) {
			t.Fatal("a client was remembered while the feed was down")
		}
	}

	elsewhere.Exec(`alter database ` + database + ` with allow_connections true`)
	eventually(t, "the cache is back", func() bool { return remembers(t, w, s, id) })
	renamed(w, id, "announced", true)
	eventually(t, "an announced change is seen again", func() bool { return nameOf(t, s, id) == "announced" })
}

// Replicas learn of a ban at once.
func TestBanned(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	w.Exec(`insert into platform.ip_bans (network, created_at, expires_at) values
		('192.0.2.0/24', $1, null), ('2001:db8::/64', $1, $2)`, now, now.Add(time.Hour))
	tests := []struct {
		address string
		at      time.Time
		want    bool
	}{
		{"192.0.2.7", now, true},
		{"::ffff:192.0.2.7", now, true}, // the same in v6 clothes
		{"192.0.3.7", now, false},
		{"2001:db8::1", now, true},
		{"2001:db8::1", now.Add(time.Hour), false},
		{"2001:db8:0:1::1", now, false},
	}
	for _, tt := range tests {
		got, err := s.Banned(t.Context(), address(t, tt.address), tt.at)
		if err != nil || got != tt.want {
			t.Errorf("Banned(%s) at %v = %v, %v; want %v", tt.address, tt.at, got, err, tt.want)
		}
	}
	w.Exec(`delete from platform.ip_bans`)
	eventually(t, "a lifted ban is seen", func() bool {
		got, err := s.Banned(t.Context(), address(t, "192.0.2.7"), now)
		return err == nil && !got
	})
}

// waiting is how many statements of this database wait for a table that is locked.
func waiting(w *storagetest.World, table string) (n int) {
	w.Get(`select count(*) from pg_locks where not granted and relation = $1::regclass
		and database = (select oid from pg_database where datname = current_database())`, []any{table}, &n)
	return n
}

// Who asks the same meanwhile shares one load, which goes on for them when the first has
// left. Who asks after a change is not served by a load that began before it.
func TestCache_OneLoad(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, lock := storagetest.NewWorld(t, dsn), storagetest.NewWorld(t, dsn)
	s := storagetest.Open(t, dsn, postgres.Options{MaxConns: 20})
	id := w.Client(storage.Client{ID: "shop"}).ID
	eventually(t, "clients are remembered", func() bool { return remembers(t, w, s, id) })
	renamed(w, id, "announced", true)
	s.CatchUp(t.Context())

	lock.Exec(`begin`)
	lock.Exec(`lock table platform.clients in access exclusive mode`)
	var all sync.WaitGroup
	ask := func(ctx context.Context) <-chan error {
		answered := make(chan error, 1)
		all.Go(func() {
			c, err := s.Client(ctx, id)
			if err == nil && c.Name != "announced" {
				err = fmt.Errorf("the name is %q", c.Name)
			}
			answered <- err
		})
		return answered
	}
	ctx, leave := context.WithCancel(t.Context())
	first := ask(ctx)
	eventually(t, "the first one asks", func() bool { return waiting(lock, "platform.clients") == 1 })
	var others []<-chan error
	for range 15 {
		others = append(others, ask(t.Context()))
	}
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who has left: %v", err)
	}
	time.Sleep(200 * time.Millisecond)
	if n := waiting(lock, "platform.clients"); n != 1 {
		t.Errorf("%d loads for those who ask the same; want one", n)
	}
	w.Exec(`insert into platform.changes (table_name, row_id) values ('clients', $1)`, string(id))
	s.CatchUp(t.Context())
	others = append(others, ask(t.Context()))
	eventually(t, "who asks after a change has their own load", func() bool { return waiting(lock, "platform.clients") == 2 })
	lock.Exec(`commit`)
	for i, answered := range others {
		if err := <-answered; err != nil {
			t.Errorf("asking %d: %v", i, err)
		}
	}
	all.Wait()
}

func isBanned(t *testing.T, s *postgres.Store, addr netip.Addr) bool {
	t.Helper()
	banned, err := s.Banned(context.Background(), addr, now)
	if err != nil {
		t.Error(err)
	}
	return banned
}

// While the feed is down and the database is not, bans are read from it: one at a time
// asks, and nobody waits for long.
func TestBanned_FeedCut(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	var cut atomic.Bool
	net := &wire{sent: func(c *wired, _ []byte) error {
		if cut.Load() && c.feed.Load() {
			return errors.New("cut")
		}
		return nil
	}}
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, net.options())
	addr := address(t, "192.0.2.7")
	eventually(t, "the feed is read", s.Fresh)
	if isBanned(t, s, addr) {
		t.Fatal("an address is banned that nobody has banned")
	}
	cut.Store(true)
	eventually(t, "memory is not trusted", func() bool { return !s.Fresh() })

	b := storage.Ban{Network: netip.MustParsePrefix("192.0.2.0/24"), Reason: "noise", CreatedAt: now}
	e := storage.AuditEvent{ID: authz.NewID[authz.AuditID](now), At: now, Actor: "test", Action: "ban.add"}
	if err := s.ForOperator().PutBan(t.Context(), b, e); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "a ban holds", func() bool { return isBanned(t, s, addr) })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the ban held after %v", took)
	}

	w.Exec(`begin`)
	w.Exec(`lock table platform.ip_bans in access exclusive mode`)
	var all sync.WaitGroup
	defer all.Wait()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for range 5 {
			all.Go(func() {
				asked := time.Now()
				if !isBanned(t, s, addr) {
					t.Error("the ban ended while the list could not be read")
				}
				if took := time.Since(asked); took > time.Second {
					t.Errorf("an answer took %v", took)
				}
			})
		}
		if n := waiting(w, "platform.ip_bans"); n > 1 {
			t.Fatalf("%d loads at once", n)
		}
	}
	w.Exec(`commit`)

	w.Exec(`delete from platform.ip_bans`)
	eventually(t, "a lifted ban is seen", func() bool { return !isBanned(t, s, addr) })
}

// A list that was on its way when a ban was made does not replace the newer one.
func TestBanned_LateList(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	var hold, cut atomic.Bool
	var held atomic.Pointer[wired]
	came, release := make(chan struct{}, 1), make(chan struct{})
	net := &wire{
		sent: func(c *wired, p []byte) error {
			if cut.Load() {
				return errors.New("cut")
			}
			if p[0] == 'B' && !c.feed.Load() && hold.Load() { // a Bind message: the statement is run, not prepared
				held.CompareAndSwap(nil, c)
			}
			return nil
		},
		came: func(c *wired, _ []byte) bool {
			if held.Load() == c {
				select {
				case came <- struct{}{}:
				default:
				}
				<-release
			}
			return true
		},
	}
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, net.options())
	addr := address(t, "192.0.2.7")
	eventually(t, "the feed is read", s.Fresh)
	isBanned(t, s, addr)
	w.Exec(`insert into platform.ip_bans (network, created_at) values ('198.51.100.0/24', now())`)
	s.CatchUp(t.Context())

	hold.Store(true)
	var all sync.WaitGroup
	all.Go(func() {
		if isBanned(t, s, addr) {
			t.Error("an address is banned that nobody had banned")
		}
	})
	<-came
	w.Exec(`insert into platform.ip_bans (network, created_at) values ('192.0.2.0/24', now())`)
	s.CatchUp(t.Context())
	if !isBanned(t, s, addr) {
		t.Error("a ban is not known")
	}
	close(release)
	all.Wait()
	cut.Store(true)
	eventually(t, "memory is not trusted", func() bool { return !s.Fresh() })
	if !isBanned(t, s, addr) {
		t.Error("an older list replaced the one with the ban")
	}
}
