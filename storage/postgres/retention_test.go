package postgres_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// TestO7_ExpiredRowsLeave: what has expired goes, in more than one batch, and what
// has not stays.
func TestO7_ExpiredRowsLeave(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	s, w := storagetest.Open(t, dsn, postgres.Options{}), storagetest.NewWorld(t, dsn)
	tenant := w.Tenant("acme")
	user := w.User("ann", authz.RoleUser, "!", tenant)
	client := w.Client(storage.Client{ID: "tv", Scopes: []authz.Pattern{"openid"}})
	now := time.Now()
	const refreshable = 90 * 24 * time.Hour
	for _, age := range []struct {
		name string
		at   time.Time
		rows int
	}{{"old", now.Add(-refreshable - time.Hour), 2500}, {"young", now.Add(-time.Minute), 3}} {
		expires := age.at.Add(time.Second)
		if age.name == "young" {
			expires = now.Add(time.Hour)
		}
		w.Exec(`insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at)
			select $1 || n, 'test', $2, $3 from generate_series(1, $4::int) n`, age.name, age.at, expires, age.rows)
		w.Exec(`insert into platform.consumed_ids (kind, id, expires_at)
			select $1, n::text::bytea, $2 from generate_series(1, $3::int) n`, age.name, expires, age.rows)
		w.Exec(`insert into platform.rate_counters (key, tat)
			select ($1 || n)::bytea, $2 from generate_series(1, $3::int) n`, age.name, expires, age.rows)
		for i := range 3 {
			w.Exec(`insert into platform.device_codes (id, device_code_hash, user_code, client_id, scopes, requested_at, expires_at, poll_interval)
				values ($1, '', $2::text || $3::int, $4, '', $5, $6, '5 seconds')`, authz.NewID[authz.GrantID](age.at), age.name, i, client.ID, age.at, expires)
			w.Exec(`insert into platform.backchannel_requests (id, user_id, client_id, scopes, binding_message, requested_at, expires_at, poll_interval)
				values ($1, $2, $3, '', '', $4, $5, '5 seconds')`, authz.NewID[authz.GrantID](age.at), user, client.ID, age.at, expires)
			w.Exec(`insert into platform.grants (id, user_id, sid, client_id, tenant_id, requested_scopes, scopes, audience, auth_time, acr, amr, requested_at, issued_at, code_hash)
				values ($1, $2, $1, 'c', $3, '', '', '', $4, '', '', $4, $4, '')`, authz.NewID[authz.GrantID](age.at), user, tenant, age.at)
			w.Exec(`insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at, expires_at, idle_lifetime, auth_time, acr, amr)
				values ($1, $1, $2, $3, '', $4, $4, $5, '1 hour', $4, '', '{}')`, authz.NewID[authz.SessionID](age.at), user, tenant, age.at, expires)
		}
	}
	removed, err := s.ForOperator().Clean(t.Context(), now, refreshable)
	if err != nil {
		t.Fatal(err)
	}
	swept, err := s.ForOperator().Sweep(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(3*2500 + 12); removed+swept != want {
		t.Errorf("removed %d rows and %d, want %d", removed, swept, want)
	}
	for _, table := range []string{"revoked_tokens", "consumed_ids", "rate_counters", "grants", "user_sessions", "device_codes", "backchannel_requests"} {
		var left int
		w.Get(`select count(*) from platform.`+table, nil, &left)
		if left != 3 {
			t.Errorf("%s: %d rows left, want the 3 that are young", table, left)
		}
	}
}

// TestO7_TablesStopGrowing lives through a hundred days of the same traffic: when what is
// kept for a while is full, no table has more rows, nor takes more room, than a month before.
func TestO7_TablesStopGrowing(t *testing.T) { // alone: who writes in any database keeps an index from using its pages again
	dsn := storagetest.NewDSN(t)
	s, w := storagetest.Open(t, dsn, postgres.Options{}), storagetest.NewWorld(t, dsn)
	tenant := w.Tenant("acme")
	user := w.User("ann", authz.RoleUser, "!", tenant)
	w.Client(storage.Client{ID: "tv", Scopes: []authz.Pattern{"openid"}})
	const refreshable, perDay = 14 * 24 * time.Hour, 200
	// $1 is when, $2 how many, $3 and $4 a user and a tenant, $5 an id for each that tells when it was made.
	arrives := map[string]string{
		"revoked_tokens": `insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at) select id, 'test', $1, $1::timestamptz + interval '12 hours' from unnest($5::uuid[]) id`,
		"changes":        `insert into platform.changes (table_name, row_id, at) select 'users', id, $1 from unnest($5::uuid[]) id`,
		"consumed_ids":   `insert into platform.consumed_ids (kind, id, expires_at) select 'test', uuid_send(id), $1::timestamptz + interval '1 hour' from unnest($5::uuid[]) id`,
		"rate_counters":  `insert into platform.rate_counters (key, tat) select uuid_send(id), $1 from unnest($5::uuid[]) id`,
		"device_codes": `insert into platform.device_codes (id, device_code_hash, user_code, client_id, scopes, requested_at, expires_at, poll_interval)
			select id, '', id, 'tv', '', $1, $1::timestamptz + interval '10 minutes', '5 seconds' from unnest($5::uuid[]) id`,
		"grants": `insert into platform.grants (id, user_id, sid, client_id, tenant_id, requested_scopes, scopes, audience, auth_time, acr, amr, requested_at, issued_at, code_hash)
			select id, $3, id, 'tv', $4, '', '', '', $1, '', '', $1, $1, uuid_send(id) from unnest($5::uuid[]) id`,
		"user_sessions": `insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at, expires_at, idle_lifetime, auth_time, acr, amr)
			select id, id, $3, $4, '', $1, $1, $1::timestamptz + interval '2 days', '1 hour', $1, '', '{}' from unnest($5::uuid[]) id`,
	}
	type size struct{ rows, bytes int64 }
	measure := func() map[string]size {
		of := map[string]size{}
		for table := range arrives {
			var n size
			w.Get(`select count(*), pg_total_relation_size('platform.`+table+`') from platform.`+table, nil, &n.rows, &n.bytes)
			of[table] = n
		}
		return of
	}
	vacuum := newVacuum(t, dsn)
	var full map[string]size
	begun := time.Now().Add(-100 * 24 * time.Hour)
	for day := range 100 {
		now := begun.Add(time.Duration(day) * 24 * time.Hour)
		ids := make([]string, perDay)
		for i := range ids {
			ids[i] = authz.NewID[authz.GrantID](now).String()
		}
		for table, insert := range arrives {
			w.Exec(`with given as (select $1::timestamptz, $2::int, $3::uuid, $4::uuid, $5::uuid[]) `+insert, now, perDay, user, tenant, ids)
			vacuum(table) // as PostgreSQL does by itself, now and then
		}
		if _, err := s.ForOperator().Clean(t.Context(), now, refreshable); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ForOperator().Sweep(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if day == 69 {
			full = measure()
		}
	}
	for table, n := range measure() {
		if before := full[table]; n.rows > before.rows || float64(n.bytes) > 1.1*float64(before.bytes) {
			t.Errorf("%s grew from %d rows in %d bytes to %d in %d", table, before.rows, before.bytes, n.rows, n.bytes)
		}
		if n.rows >= 50*perDay {
			t.Errorf("%s has %d rows: nothing leaves", table, n.rows)
		}
	}
}

// newVacuum gives back the room of every row that was deleted. Whoever reads may keep some for
// a moment: then it comes again.
func newVacuum(t *testing.T, dsn string) func(table string) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	kept := regexp.MustCompile(`(\d+) (?:are dead but not yet removable|dead row versions cannot be removed yet)`)
	waiting, told := false, false
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		for _, rows := range kept.FindAllStringSubmatch(n.Message+n.Detail, -1) {
			waiting, told = waiting || rows[1] != "0", true
		}
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return func(table string) {
		t.Helper()
		for begun := time.Now(); ; time.Sleep(time.Millisecond) {
			waiting, told = false, false
			if _, err := conn.Exec(t.Context(), `vacuum (verbose) platform.`+table); err != nil || !told {
				t.Fatalf("vacuum %s: %v, and it says what it left behind: %v", table, err, told)
			}
			if !waiting {
				return
			}
			if time.Since(begun) > time.Minute {
				t.Fatal("somebody reads for a minute")
			}
		}
	}
}

// TestO7_CleaningHoldsNobodyUp: however much has expired, it goes in small bites, none of
// which keeps its locks for long.
func TestO7_CleaningHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	s, w := storagetest.Open(t, dsn, postgres.Options{}), storagetest.NewWorld(t, dsn)
	now := time.Now()
	const rows, bite = 200_000, 1000
	w.Exec(`insert into platform.consumed_ids (kind, id, expires_at) select 'old', n::text::bytea, $1 from generate_series(1, $2::int) n`, now.Add(-time.Hour), rows)
	cleaned := make(chan error)
	go func() {
		_, err := s.ForOperator().Clean(t.Context(), now, time.Hour)
		cleaned <- err
	}()
	bites := map[int64]float64{} // by when each began, in microseconds, how old it was when last seen, in seconds
	for {
		select {
		case err := <-cleaned:
			if err != nil {
				t.Fatal(err)
			}
			var left, late int
			longest := 0.0
			w.Get(`select count(*) from platform.consumed_ids`, nil, &left)
			for _, age := range bites {
				if longest = max(longest, age); age > 0.1 {
					late++
				}
			}
			t.Logf("%d of %d bites were seen: none was older than %.0f ms", len(bites), rows/bite, longest*1e3)
			// Who looks misses the quick ones. One in twenty may be late on a machine that does much else.
			if left != 0 || len(bites) < 10 || late*20 > rows/bite {
				t.Errorf("%d rows left; of %d bites %d took more than 100 ms, the longest %.3f s", left, rows/bite, late, longest)
			}
			return
		default:
			var began int64
			var age float64
			w.Get(`select coalesce(max(extract(epoch from xact_start) * 1e6), 0)::bigint, coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float8
				from pg_stat_activity
				where datname = current_database() and query like 'delete from platform.consumed_ids%' and state <> 'idle'`, nil, &began, &age)
			if began != 0 {
				bites[began] = max(bites[began], age)
			}
			time.Sleep(time.Millisecond)
		}
	}
}
