package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// What waits for a person's answer, asked for by a device or by a client that has no
// browser, is polled, answered and spent by the same statements; table is one of ours.

// pollOf counts a poll in one statement: one that comes before the interval is over,
// while there is no answer yet, makes the interval longer (RFC 8628 §3.5). Early by
// jitter is not before.
func pollOf(table string) string {
	return `update ` + table + ` set
			hasty = approved is null and coalesce(last_polled_at + poll_interval > $3::timestamptz + $4::interval, false),
			poll_interval = poll_interval + case when approved is null and last_polled_at + poll_interval > $3::timestamptz + $4::interval
				then $5::interval else interval '0' end,
			last_polled_at = $3
		 where id = $1 and client_id = $2`
}

const polled = ` returning expires_at, approved is not null, coalesce(approved, false), hasty`

func (s *Store) poll(ctx context.Context, act, statement string, id authz.GrantID, args ...any) (storage.Poll, error) {
	var p storage.Poll
	err := s.batch(ctx, act, acting{row: id}, func(b *pgx.Batch) {
		b.Queue(statement, append([]any{id}, args...)...).
			QueryRow(func(row pgx.Row) error { return row.Scan(&p.ExpiresAt, &p.Decided, &p.Approved, &p.Hasty) })
	})
	return p, err
}

func decide(ctx context.Context, tx pgx.Tx, table string, id authz.GrantID, approved bool, now time.Time) error {
	tag, err := tx.Exec(ctx, `update `+table+` set approved = $2 where id = $1 and approved is null and expires_at > $3`, id, approved, now)
	if err == nil && tag.RowsAffected() == 0 {
		return storage.ErrConsumed
	}
	return err
}

// holdApprover holds the session with a sid, in which the user said yes, and their row
// before it: whoever ends it finds what it leads to. It fails when it has ended.
func (s *UserStore) holdApprover(ctx context.Context, tx pgx.Tx, sid authz.SessionID, now time.Time) error {
	return exec(ctx, tx, `select from platform.users u join platform.user_sessions s on s.user_id = u.id
		where u.id = $1 and s.token_jti = $2 and s.revoked_at is null and s.expires_at > $3 for key share of u for share of s`, s.as.user, sid, now)
}

// insertWithSession writes a grant that no browser asked for, and the session of its
// own that it has.
func (s *UserStore) insertWithSession(ctx context.Context, tx pgx.Tx, action string, g storage.Grant, n storage.Session) error {
	request, err := grantRequest(g)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	queueInsertSession(b, "$6", s.as.user, n)
	queueOwnEvent(b, s.as.user, storage.AuditEvent{
		At: g.IssuedAt, Action: action, ObjectKind: "client", ObjectID: string(g.Client), Tenant: g.Tenant, IPAddress: n.IPAddress,
	}, map[string]any{"scopes": g.Scopes.Strings(), "session": n.ID}, `true`)
	queueInsertGrant(b, "", "$3", s.as.user, g, request)
	return tx.SendBatch(ctx, b).Close()
}

// redeemOf deletes what was approved, and gives its grant the first refresh token.
func redeemOf(table string) string {
	return `with spent as (delete from ` + table + ` where id = $1 and approved returning id)
		update platform.grants g set refresh_hash = $3, rotated_at = $2, details = coalesce($4, g.details)
		  from spent where g.id = spent.id and g.revoked_at is null`
}
