package postgres_test

import (
	"context"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/migrations"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func migrator(t *testing.T, dsn string) *postgres.Migrator {
	t.Helper()
	m, err := postgres.NewMigrator(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestMigrate_UpDownUp(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), storagetest.Empty(t)
	m, w := migrator(t, dsn), storagetest.NewWorld(t, dsn)
	relations := func() string {
		return w.Text(`select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where n.nspname in ('platform', 'public') and c.relname not like 'gatehouse_migrations%' order by 1`)
	}

	up, err := m.Up(ctx)
	if err != nil || len(up) == 0 {
		t.Fatalf("Up = %v, %v", up, err)
	}
	if have, want, err := m.Version(ctx); err != nil || have != want || have != up[len(up)-1] {
		t.Errorf("Version = %d of %d, %v; want %d", have, want, err, up[len(up)-1])
	}
	if again, err := m.Up(ctx); err != nil || len(again) != 0 {
		t.Errorf("Up on a migrated database = %v, %v; want nothing", again, err)
	}
	built := relations()

	down, err := m.DownTo(ctx, 0)
	slices.Reverse(down)
	if err != nil || !slices.Equal(down, up) {
		t.Fatalf("DownTo(0) = %v, %v; want %v", down, err, up)
	}
	if left := relations(); left != "" {
		t.Errorf("taking the migrations back left:\n%s", left)
	}
	if _, err := m.Up(ctx); err != nil {
		t.Fatalf("Up after DownTo: %v", err)
	}
	if again := relations(); again != built {
		t.Errorf("the second time the migrations built\n%s\nand the first time\n%s", again, built)
	}
}

// Replicas that start at once migrate one after the other: each migration is
// applied by one of them, and none fails.
func TestMigrate_ReplicasAtOnce(t *testing.T) {
	t.Parallel()
	const replicas = 5
	dsn := storagetest.Empty(t)
	var mu sync.Mutex
	var applied []int64
	var group sync.WaitGroup
	for range replicas {
		m := migrator(t, dsn)
		group.Go(func() {
			versions, err := m.Up(context.Background())
			if err != nil {
				t.Errorf("Up: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			applied = append(applied, versions...)
		})
	}
	group.Wait()
	slices.Sort(applied)
	files, err := fs.Glob(migrations.Files, "0*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if len(applied) != len(files) || len(slices.Compact(slices.Clone(applied))) != len(applied) {
		t.Errorf("%d replicas applied %v, want each of %d migrations once", replicas, applied, len(files))
	}
}

// A migration of a table that is in use steps back and tries again, so that those who come
// after it are not held up for longer than half a second, and is done in the end.
func TestMigrate_TableInUse(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), storagetest.NewDSN(t)
	m, user, others := migrator(t, dsn), storagetest.NewWorld(t, dsn), storagetest.NewWorld(t, dsn)
	if _, err := m.DownTo(ctx, 32); err != nil { // the next one alters revoked_tokens
		t.Fatal(err)
	}
	user.Exec(`begin`)
	user.Exec(`lock table platform.revoked_tokens in access share mode`)
	migrated := make(chan error, 1)
	go func() {
		_, err := m.Up(ctx)
		migrated <- err
	}()
	var longest time.Duration
	for begun := time.Now(); time.Since(begun) < 3*time.Second; {
		asked := time.Now()
		others.Exec(`select from platform.revoked_tokens limit 1`)
		longest = max(longest, time.Since(asked))
	}
	if longest < 100*time.Millisecond || longest > 1500*time.Millisecond {
		t.Errorf("others were held up for %v at most, want half a second", longest)
	}
	user.Exec(`commit`)
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}

// Where PostgreSQL has no pg_trgm, or does not give it away, people are found by a part
// of their name, only not misspelt.
func TestMigrate_WithoutTrigrams(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"not installed": "0A000", "no such file": "58P01", "not allowed": "42501"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, dsn := t.Context(), storagetest.Empty(t)
			w := storagetest.NewWorld(t, dsn)
			w.Exec(`create function public.refuse() returns event_trigger language plpgsql as $$ begin raise exception using errcode = '` + code + `', message = 'no'; end $$`)
			w.Exec(`create event trigger refuse on ddl_command_start when tag in ('CREATE EXTENSION') execute function public.refuse()`)
			m := migrator(t, dsn)
			if _, err := m.Up(ctx); err != nil {
				t.Fatal(err)
			}
			if w.Text(`select from pg_extension where extname = 'pg_trgm'`) != "" {
				t.Fatal("pg_trgm is there")
			}
			tenant := w.Tenant("acme")
			for _, name := range []string{"jonathan", "petra", "100%petra", `back\slash`, "josé"} {
				w.User(name, authz.RoleUser, "!", tenant)
			}
			s := storagetest.Open(t, dsn, postgres.Options{}).ForOperator()
			for text, want := range map[string]int{"petra": 2, "NATHA": 1, "petra@exam": 2, "%": 1, `\`: 1, "_": 0, "jonatan": 0, "jose": 1, "JÓSÉ": 1, "": 5} {
				f := postgres.UserFilter{Search: text, Limit: 10}
				found, err := s.Users(ctx, f)
				if err != nil || len(found) != want {
					t.Errorf("search %q: %d users, %v; want %d", text, len(found), err, want)
				}
				if n, err := s.CountUsers(ctx, f); err != nil || n != want {
					t.Errorf("count %q: %d, %v; want %d", text, n, err, want)
				}
				if similar, err := s.SimilarUsers(ctx, f); err != nil || len(similar) != 0 {
					t.Errorf("similar to %q: %d users, %v", text, len(similar), err)
				}
			}
			if _, err := m.DownTo(ctx, 0); err != nil {
				t.Errorf("back: %v", err)
			}
			if _, err := m.Up(ctx); err != nil {
				t.Errorf("forward again: %v", err)
			}
		})
	}
}

// Whom an older release wrote down is found without their accents once the migration has been
// there, and back it goes: by the letters as they are.
func TestMigrate_SearchWithoutAccents(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), storagetest.NewDSN(t)
	m, w := migrator(t, dsn), storagetest.NewWorld(t, dsn)
	if _, err := m.DownTo(ctx, 38); err != nil {
		t.Fatal(err)
	}
	tenant := w.Tenant("acme")
	for _, name := range []string{"josé", "jose", "møller"} {
		w.User(name, authz.RoleUser, "!", tenant)
	}
	s := storagetest.Open(t, dsn, postgres.Options{}).ForOperator()
	finds := func(when string, want map[string]int) {
		t.Helper()
		for text, n := range want {
			if found, err := s.Users(ctx, postgres.UserFilter{Search: text, Limit: 10}); err != nil || len(found) != n {
				t.Errorf("%s: search %q: %d users, %v; want %d", when, text, len(found), err, n)
			}
		}
	}
	before := map[string]int{"josé": 1, "jose": 1, "moller": 0, "møller": 1}
	finds("before", before)
	if _, err := m.Up(ctx); err != nil {
		t.Fatal(err)
	}
	finds("after", map[string]int{"josé": 2, "jose": 2, "moller": 1, "møller": 1, "\u0301": 0})
	if _, err := m.DownTo(ctx, 38); err != nil {
		t.Fatal(err)
	}
	finds("back", before)
}

// The client that older servers made of the command line gets the address that it
// listens on (RFC 8252), and nobody else does.
func TestMigrate_CommandLineClient(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), storagetest.Empty(t)
	m, w := migrator(t, dsn), storagetest.NewWorld(t, dsn)
	if _, err := m.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.DownTo(ctx, 19); err != nil {
		t.Fatal(err)
	}
	w.Exec(`insert into platform.clients (id, name, kind, auth_method, grant_types, scopes, redirect_uris, open_to, created_at)
		values ('gatehouse-cli', 'x', 'native', 'none', '{urn:ietf:params:oauth:grant-type:device_code,refresh_token}', '{openid}', '{}', 'everyone', now()),
		       ('other-cli', 'x', 'native', 'none', '{urn:ietf:params:oauth:grant-type:device_code,refresh_token}', '{openid}', '{}', 'everyone', now())`)
	had := w.Text(`select name, kind, grant_types, scopes, redirect_uris, open_to from platform.clients where id = 'other-cli'`)
	if _, err := m.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.Text(`select redirect_uris, grant_types from platform.clients where id = 'gatehouse-cli'`); !strings.Contains(got, "http://127.0.0.1/callback") ||
		!strings.Contains(got, "authorization_code") || !strings.Contains(got, "device_code") || strings.Count(got, "refresh_token") != 1 {
		t.Errorf("the command line's: %s", got)
	}
	if now := w.Text(`select name, kind, grant_types, scopes, redirect_uris, open_to from platform.clients where id = 'other-cli'`); now != had {
		t.Errorf("another's: %s, had %s", now, had)
	}
	if _, err := m.DownTo(ctx, 19); err != nil {
		t.Fatal(err)
	}
	if got := w.Text(`select redirect_uris, grant_types from platform.clients where id = 'gatehouse-cli'`); strings.Contains(got, "127.0.0.1") || strings.Contains(got, "authorization_code") {
		t.Errorf("taken back: %s", got)
	}
}

// Where PostgreSQL is somebody else's service, nobody is superuser: a login that owns its
// database and may make roles migrates it and serves on it.
func TestMigrate_WithoutSuperuser(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), storagetest.Empty(t)
	w := storagetest.NewWorld(t, dsn)
	var database string
	w.Get(`select current_database()`, nil, &database)
	landlord := "landlord_of_" + database
	w.Exec(`create role ` + landlord + ` login createrole`)
	w.Exec(`alter database ` + database + ` owner to ` + landlord)
	w.Exec(`grant all on schema public to ` + landlord)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(context.Background(), `reassign owned by `+landlord+` to current_user; drop owned by `+landlord+`; drop role `+landlord)
		if err != nil {
			t.Error(err)
		}
	})
	theirs := dsn + " user=" + landlord
	if u, err := url.Parse(dsn); err == nil && u.Scheme != "" {
		u.User = url.User(landlord)
		theirs = u.String()
	}
	up, err := migrator(t, theirs).Up(ctx)
	if err != nil {
		t.Fatalf("Up: %v", err)
	}
	s := storagetest.Open(t, theirs, postgres.Options{})
	acme := w.Tenant("acme")
	w.User("ann", authz.RoleUser, "", acme)
	if tenant, err := s.ForTenant(acme).Tenant(ctx); err != nil || tenant.Slug != "acme" {
		t.Errorf("the tenant: %v, %v", tenant, err)
	}
	s.Close()
	if down, err := migrator(t, theirs).DownTo(ctx, 0); err != nil || len(down) != len(up) {
		t.Errorf("DownTo(0) = %v, %v", down, err)
	}
}
