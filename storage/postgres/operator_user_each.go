package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// changeUsers is [OperatorStore.change] for many users, each of whom exists: all or none
// are changed, each with an event of their own, and an owner is left.
func (s *OperatorStore) changeUsers(ctx context.Context, e storage.AuditEvent, ids []authz.UserID, do func(pgx.Tx) error) error {
	return s.tx(ctx, e.Action, s.as, func(tx pgx.Tx) error {
		before, err := lockUsers(ctx, tx, ids)
		if err != nil {
			return err
		}
		if err := keepingAnOwner(ctx, tx, func() error { return do(tx) }); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into platform.audit_events (id, at, actor, actor_id, action, object_kind, object_id, tenant_id, ip_address, before, after)
			select n.event, $4, $5, $6, $7, 'user', n.id::text, $8, $9, n.before::jsonb, (select `+userDocument+` from platform.users x where x.id = n.id)
			from unnest($1::uuid[], $2::uuid[], $3::text[]) n (id, event, before)`,
			ids, eventIDs(ids, e), each(ids, func(id authz.UserID) string { return before[id] }),
			e.At, e.Actor, e.ActorID, e.Action, e.Tenant, addressOrNull(e.IPAddress))
		return err
	})
}

// lockUsers is users as they stand, until the transaction ends. The rows of all owners are
// locked with theirs, in one order: a change may concern the last owner, and no two such
// changes may wait for each other.
func lockUsers(ctx context.Context, tx pgx.Tx, ids []authz.UserID) (map[authz.UserID]string, error) {
	documents := map[authz.UserID]string{}
	b := &pgx.Batch{}
	b.Queue(`select from platform.users x where x.id = any($1) or x.role = 'owner' and x.disabled_at is null order by x.id for update`, ids)
	b.Queue(`select x.id, (`+userDocument+`)::text from platform.users x where x.id = any($1)`, ids).Query(func(rows pgx.Rows) error {
		var id authz.UserID
		var document string
		_, err := pgx.ForEachRow(rows, []any{&id, &document}, func() error {
			documents[id] = document
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	if len(documents) < len(ids) {
		return nil, pgx.ErrNoRows
	}
	return documents, nil
}

// execEach is [exec] for a statement that must touch so many rows.
func execEach(ctx context.Context, tx pgx.Tx, rows int, statement string, args ...any) error {
	tag, err := tx.Exec(ctx, statement, args...)
	if err == nil && tag.RowsAffected() < int64(rows) {
		return pgx.ErrNoRows
	}
	return err
}

// each is one column of many things.
func each[T, C any](all []T, of func(T) C) []C {
	column := make([]C, len(all))
	for i, one := range all {
		column[i] = of(one)
	}
	return column
}

// eventIDs are the ids of as many events like e as there are things.
func eventIDs[T any](all []T, e storage.AuditEvent) []authz.AuditID {
	return each(all, func(T) authz.AuditID { return authz.NewID[authz.AuditID](e.At) })
}
