package postgres_test

import (
	"testing"
	"time"

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
	if want := int64(3*2500 + 12); removed != want {
		t.Errorf("removed %d rows, want %d", removed, want)
	}
	for _, table := range []string{"revoked_tokens", "consumed_ids", "rate_counters", "grants", "user_sessions", "device_codes", "backchannel_requests"} {
		var left int
		w.Get(`select count(*) from platform.`+table, nil, &left)
		if left != 3 {
			t.Errorf("%s: %d rows left, want the 3 that are young", table, left)
		}
	}
}
