package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/storage"
)

// EndAll ends what a database that was restored had issued: every session and every
// authorization with its codes and refresh tokens; and it forgets what waits for an
// answer, the links that were mailed and the letters that were about to be. What of it
// was spent, revoked or sent after the back-up, the database no longer knows.
func (s *OperatorStore) EndAll(ctx context.Context, e storage.AuditEvent) (storage.Ended, error) {
	var n storage.Ended
	err := s.tx(ctx, e.Action, s.as, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		counted := func(into *int64, statement string, args ...any) {
			b.Queue(statement, args...).QueryRow(func(row pgx.Row) error { return row.Scan(into) })
		}
		counted(&n.Sessions, `with ended as (update platform.user_sessions set revoked_at = $1 where revoked_at is null returning 1) select count(*) from ended`, e.At)
		counted(&n.Authorizations, `with ended as (update platform.grants set revoked_at = $1 where revoked_at is null returning 1) select count(*) from ended`, e.At)
		counted(&n.Links, `with gone as (delete from platform.one_time_links returning 1) select count(*) from gone`)
		counted(&n.Jobs, `with gone as (delete from river.river_job where state in ('available', 'scheduled', 'retryable', 'pending') returning 1) select count(*) from gone`)
		for _, waiting := range []string{"pushed_requests", "device_codes", "backchannel_requests"} {
			b.Queue(`delete from platform.` + waiting)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		var err error
		if e.After, err = json.Marshal(n); err != nil {
			return err
		}
		e.ObjectKind = "database"
		return appendAudit(ctx, tx, e)
	})
	return n, err
}
