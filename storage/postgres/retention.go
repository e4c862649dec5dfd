package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse/gatehouse/authz"
)

// Each statement removes one batch of what nobody can need any more; $1 is from
// when on. Batches are small, so that no lock is held for long, and rows that
// another replica is removing are left to it. The order is that of an index: without
// one the table would be read from its beginning, past all that went before. A row is
// named by its place, which its lock holds, so that no plan looks for it in all others.
const (
	cleanLedger = `delete from platform.revoked_tokens where ctid = any (array(
		select ctid from platform.revoked_tokens where expires_at < $1 order by expires_at limit 1000 for update skip locked))`
	// Numbered as they come, so the oldest are the first.
	cleanChanges = `delete from platform.changes where at < $1 and ctid = any (array(
		select ctid from platform.changes order by id limit 1000 for update skip locked))`
	cleanPushed = `delete from platform.pushed_requests where ctid = any (array(
		select ctid from platform.pushed_requests where expires_at < $1 order by expires_at limit 1000 for update skip locked))`
	cleanDevices = `delete from platform.device_codes where ctid = any (array(
		select ctid from platform.device_codes where expires_at < $1 order by expires_at limit 1000 for update skip locked))`
	cleanBackchannel = `delete from platform.backchannel_requests where ctid = any (array(
		select ctid from platform.backchannel_requests where expires_at < $1 order by expires_at limit 1000 for update skip locked))`
	cleanConsumed = `delete from platform.consumed_ids where ctid = any (array(
		select ctid from platform.consumed_ids where expires_at < $1 order by expires_at limit 1000 for update skip locked))`
	cleanKeys = `delete from platform.idempotency_keys where ctid = any (array(
		select ctid from platform.idempotency_keys where expires_at < $1 order by expires_at limit 1000 for update skip locked))`
	cleanLinks = `delete from platform.one_time_links where ctid = any (array(
		select ctid from platform.one_time_links where expires_at < $1 order by expires_at limit 1000 for update skip locked))`
	// By the id, which tells when it was made: refreshing must not change an
	// indexed column, so there is none for the end of a grant.
	cleanGrants = `delete from platform.grants where ctid = any (array(
		select ctid from platform.grants where id < $1 order by id limit 1000 for update skip locked))`
	cleanDeliveries = `delete from platform.webhook_deliveries where ctid = any (array(
		select ctid from platform.webhook_deliveries where event_id < $1 order by event_id limit 1000 for update skip locked))`
	// The program cannot delete events itself. So many of each of sixteen chains, whose heads
	// every change waits for.
	cleanAudit = `select * from generate_series(1, platform.forget_audit_events($1, 25))`
)

// What changes its end too often for an index of ends is looked through by its key: each
// statement looks at so many rows behind $2, removes those that ended before $1, and
// answers how many and where it stopped, null at the end.
const (
	// How many signed in on a day is known after the sessions are gone.
	sweepSessions = `with seen as materialized (
		select id from platform.user_sessions where id > $2::text::uuid order by id limit 2000),
	gone as (delete from platform.user_sessions s using seen where s.id = seen.id and s.expires_at < $1 returning s.created_at),
	kept as (insert into platform.sign_in_days as d (day, sign_ins) select created_at::date, count(*) from gone group by 1 order by 1
		on conflict (day) do update set sign_ins = d.sign_ins + excluded.sign_ins)
	select (select count(*) from gone), (select id::text from seen order by id desc limit 1)`
	sweepCounters = `with seen as materialized (
		select key from platform.rate_counters where key > decode($2, 'hex') order by key limit 2000),
	gone as (delete from platform.rate_counters c using seen where c.key = seen.key and c.tat < $1 returning 1)
	select (select count(*) from gone), (select encode(key, 'hex') from seen order by key desc limit 1)`
)

// deliveriesKept is how long what was sent to webhooks can be looked at and sent again.
const deliveriesKept = 30 * 24 * time.Hour

// changesKept is how long it can be read what changed: an access token lives for twelve
// hours at most.
const changesKept = 13 * time.Hour

// auditKept is how long audit events stay: two years, so that whoever asks once a
// year still finds what the last report was made of.
const auditKept = 2 * 366 * 24 * time.Hour

// Clean removes what has expired and returns how many rows that were. refreshable
// is how long a grant can be refreshed at most. Replicas may clean at once.
func (s *OperatorStore) Clean(ctx context.Context, now time.Time, refreshable time.Duration) (int64, error) {
	var total int64
	for _, step := range []struct {
		statement string
		before    any
	}{
		{cleanLedger, now},
		{cleanChanges, now.Add(-changesKept)},
		{cleanPushed, now},
		// A device that comes late is told that it is late, for an hour.
		{cleanDevices, now.Add(-time.Hour)},
		{cleanBackchannel, now.Add(-time.Hour)},
		{cleanConsumed, now},
		{cleanKeys, now},
		{cleanLinks, now},
		{cleanGrants, authz.FirstIDAt[authz.GrantID](now.Add(-refreshable))},
		{cleanDeliveries, authz.FirstIDAt[authz.AuditID](now.Add(-deliveriesKept))},
		{cleanAudit, now.Add(-auditKept)},
	} {
		for n := int64(1); n > 0; {
			var err error
			if n, err = s.remove(ctx, step.statement, step.before); err != nil {
				return total, err
			}
			total += n
		}
	}
	return total, nil
}

// Sweep looks through what [OperatorStore.Clean] finds by no index and removes what has
// ended. It returns how many rows that were.
func (s *OperatorStore) Sweep(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for _, step := range []struct {
		statement string
		before    time.Time
		from      string
	}{
		// Sessions stay for a day, for whoever asks what happened.
		{sweepSessions, now.Add(-24 * time.Hour), uuid.Nil.String()},
		{sweepCounters, now.Add(-time.Hour), ""},
	} {
		for at := &step.from; at != nil; {
			var n int64
			err := s.batch(ctx, "sweep", s.as, func(b *pgx.Batch) {
				b.Queue(step.statement, step.before, *at).QueryRow(func(row pgx.Row) error { return row.Scan(&n, &at) })
			})
			if err != nil {
				return total, err
			}
			total += n
		}
	}
	return total, nil
}

func (s *OperatorStore) remove(ctx context.Context, statement string, before any) (int64, error) {
	var n int64
	err := s.batch(ctx, "clean up", s.as, func(b *pgx.Batch) {
		b.Queue(statement, before).Exec(func(tag pgconn.CommandTag) error {
			n = tag.RowsAffected()
			return nil
		})
	})
	return n, err
}
