package faults

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// expired puts so many rows into the database that nobody needs any more: authorizations,
// sessions, dead ids, spent ids and counters, and one audit event for each fifty.
const expired = `
set session_replication_role = replica;
create function pg_temp.id_of(n bigint) returns uuid language sql as $$
  select (lpad(to_hex((extract(epoch from now() - interval '800 days') * 1000)::bigint + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid $$;
insert into platform.grants (id, user_id, sid, client_id, tenant_id, requested_scopes, scopes, audience, auth_time, acr, amr, requested_at, issued_at, code_hash)
  select pg_temp.id_of(n), u.id, pg_temp.id_of(n), 'c', u.tenant, 'openid', 'openid', '', at, '', '', at, at, sha256(n::text::bytea)
  from generate_series(1, %[1]d * 3 / 10) n, (select m.user_id as id, m.tenant_id as tenant, now() - interval '800 days' as at from platform.user_group_memberships m limit 1) u;
insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at, expires_at, idle_lifetime, auth_time, acr, amr)
  select pg_temp.id_of(n), pg_temp.id_of(n), u.id, u.tenant, sha256(n::text::bytea), at, at, at, '1 hour', at, '', '{}'
  from generate_series(1, %[1]d * 2 / 10) n, (select m.user_id as id, m.tenant_id as tenant, now() - interval '800 days' as at from platform.user_group_memberships m limit 1) u;
insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at)
  select 'expired-' || n, 'test', now() - interval '2 days', now() - interval '1 day' from generate_series(1, %[1]d * 2 / 10) n;
insert into platform.consumed_ids (kind, id, expires_at)
  select 'test', sha256(n::text::bytea), now() - interval '1 day' from generate_series(1, %[1]d * 2 / 10) n;
insert into platform.rate_counters (key, tat)
  select sha256(n::text::bytea), now() - interval '1 day' from generate_series(1, %[1]d / 10) n;
update platform.audit_events set at = at - interval '800 days'`

// expiredEvents are so many in one transaction, and so in one chain.
const expiredEvents = `
select set_config('app.operator', 'on', true);
insert into platform.audit_events (id, at, actor, action, object_kind, object_id)
  select gen_random_uuid(), now() - interval '800 days', 'test', 'test', 'test', n::text from generate_series(1, %d) n`

// remaining counts what is left of it.
const remaining = `select
  (select count(*) from platform.grants where client_id = 'c') + (select count(*) from platform.user_sessions where expires_at < now() - interval '2 days')
  + (select count(*) from platform.revoked_tokens where expires_at < now() - interval '1 hour') + (select count(*) from platform.consumed_ids where kind = 'test')
  + (select count(*) from platform.rate_counters where tat < now() - interval '2 hours') + (select count(*) from platform.audit_events where action = 'test')`

// cleaned has the jobs done that remove what has expired, and watches until both are
// through, in milliseconds: how long anybody waited for a lock of theirs, and for any
// lock, and how long any transaction of theirs lasted.
const cleaned = `
do $$ declare waited float := 0; any_waited float := 0; lasted float := 0; begin
  loop
    perform pg_stat_clear_snapshot();
    select greatest(waited, max(w.ms) filter (where w.cleaning)), greatest(any_waited, max(w.ms)) into waited, any_waited from (
      select extract(epoch from clock_timestamp() - l.waitstart) * 1000 as ms,
        exists (select from pg_stat_activity a where a.pid = any (pg_blocking_pids(l.pid)) and a.query ~ 'skip locked|with seen|forget_audit_events') as cleaning
      from pg_locks l where not l.granted) w;
    lasted := greatest(lasted, (select max(extract(epoch from clock_timestamp() - xact_start)) * 1000 from pg_stat_activity
      where query ~ 'skip locked|with seen|forget_audit_events' and state = 'active' and pid <> pg_backend_pid()));
    exit when not exists (select from river.river_job where kind in ('clean', 'sweep') and state in ('available', 'running', 'retryable'));
    perform pg_sleep(0.002);
  end loop;
  perform set_config('watched.result', format('%s %s %s', waited, any_waited, lasted), false);
end $$;
select current_setting('watched.result'), (select count(*) from river.river_job where kind in ('clean', 'sweep') and state = 'completed' and metadata->>'test' = 'on')`

// TestO7_AMillionRowsLeave has what expired removed under load, at full length a million
// rows: all of it leaves, and nobody waits 100 ms for a lock of whoever removes it.
func TestO7_AMillionRowsLeave(t *testing.T) {
	rows := rounds(t, 20_000, 1_000_000)
	h := Open(t, Options{Replicas: 2, People: 4})
	query := func(statements string) []string {
		t.Helper()
		answer, err := h.Query(t.Context(), statements)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer) == 0 {
			return nil
		}
		return answer[len(answer)-1]
	}
	within(t, time.Minute, "the jobs of the start are done", func() bool {
		return query(`select count(distinct kind) from river.river_job where kind in ('clean', 'sweep') and state = 'completed'`)[0] == "2"
	})
	query(fmt.Sprintf(expired, rows))
	for range 40 {
		query(fmt.Sprintf(expiredEvents, rows/50/40))
	}
	before, _ := strconv.Atoi(query(remaining)[0])
	if before < rows {
		t.Fatalf("%d rows to clear, want %d", before, rows)
	}
	r := Record(t, &h.Site, 5*time.Millisecond)
	time.Sleep(2 * time.Second)
	quiet := r.Take()
	quiet.only(t, 5*time.Second)

	begun := time.Now()
	query(`insert into river.river_job (kind, args, max_attempts, metadata) values ('clean', '{}', 1, '{"test": "on"}'), ('sweep', '{}', 1, '{"test": "on"}')`)
	seen := query(cleaned)
	took := time.Since(begun)
	busy := r.Take()
	busy.only(t, 5*time.Second)
	if seen[1] != "2" {
		t.Errorf("of the two jobs %s were done", seen[1])
	}
	if left := query(remaining)[0]; left != "0" {
		t.Errorf("%s of %d rows are left", left, before)
	}
	var waited, anyWaited, lasted float64
	if _, err := fmt.Sscan(seen[0], &waited, &anyWaited, &lasted); err != nil {
		t.Fatalf("%q: %v", seen[0], err)
	}
	if waited > 100 {
		t.Errorf("somebody waited %.0f ms for a lock of whoever cleans", waited)
	}
	t.Logf("%d rows left in %v, in transactions of %.0f ms at most; longest wait for a lock of theirs %.0f ms, for any %.0f ms",
		before, took.Round(10*time.Millisecond), lasted, waited, anyWaited)
	t.Logf("the slowest request took %v (%s) meanwhile, and %v (%s) before; answers %v", busy.Slowest, busy.For, quiet.Slowest, quiet.For, busy.Answers)
	acquit(t, r)
}
