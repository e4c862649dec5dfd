package postgres_test

import (
	"context"
	"fmt"
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
