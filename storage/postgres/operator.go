package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// object says what an audit event is about.
type object struct {
	kind string
	// lock holds the row that everybody who changes the object comes by, by its id in $1.
	lock string
	// query selects it as one JSON document, by its id in $1.
	query string
	id    any
	// subject is how the id reads in the event.
	subject string
}

// row is an object that is one row of a table. Table and key are constants of this
// package, never a caller's words.
func row(kind, table, key string, id any, subject string) object {
	return object{
		kind: kind, id: id, subject: subject,
		// A key that refers to the row does not wait for this lock: only changes do.
		lock:  fmt.Sprintf(`select from %s x where x.%s = $1 for no key update`, table, key),
		query: fmt.Sprintf(`select to_jsonb(x) - %s from %s x where x.%s = $1`, neverAudited, table, key),
	}
}

// neverAudited is the columns that hold secrets, their digests, or what can be
// computed from others.
const neverAudited = `'{password_hash,secret_hash,previous_secret_hash,username_folded,email_folded,display_name_folded,handle,credential_id,public_key,secret_sealed,previous_secret_sealed,code_hash,registration_hash,token_hash}'::text[]`

// change makes one change and writes exactly one audit event about it, in one
// transaction: the event holds the object as it was and as it is.
func (s *OperatorStore) change(ctx context.Context, e storage.AuditEvent, o object, do func(pgx.Tx) error) error {
	return s.tx(ctx, e.Action, s.as, func(tx pgx.Tx) error {
		// What was before is read under the lock: of two changes at once, the second
		// begins with what the first has made.
		b := &pgx.Batch{}
		b.Queue(o.lock, o.id)
		queueSnapshot(b, o, &e.Before)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		after := &pgx.Batch{}
		queueSnapshot(after, o, &e.After)
		if err := tx.SendBatch(ctx, after).Close(); err != nil {
			return err
		}
		e.ObjectKind, e.ObjectID = o.kind, o.subject
		return appendAudit(ctx, tx, e)
	})
}

func queueSnapshot(b *pgx.Batch, o object, into *[]byte) {
	b.Queue(o.query, o.id).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{into}, func() error { return nil })
		return err
	})
}

// exec runs a statement that must touch a row: without one the thing does not
// exist, and the transaction ends with nothing done.
func exec(ctx context.Context, tx pgx.Tx, statement string, args ...any) error {
	tag, err := tx.Exec(ctx, statement, args...)
	if err == nil && tag.RowsAffected() == 0 {
		return pgx.ErrNoRows
	}
	return err
}

// asSeen asks a condition of the one row of a statement, under the lock of [OperatorStore.change];
// nil asks nothing.
func asSeen[T any](ctx context.Context, tx pgx.Tx, seen func(T) error, scan pgx.RowToFunc[T], statement string, id any) error {
	if seen == nil {
		return nil
	}
	rows, err := tx.Query(ctx, statement, id)
	if err != nil {
		return err
	}
	now, err := pgx.CollectExactlyOneRow(rows, scan)
	if err != nil {
		return err
	}
	return seen(now)
}

// queryAll runs one statement in one trip and collects its rows.
func queryAll[T any](ctx context.Context, s *Store, a acting, act, statement string, scan func(pgx.CollectableRow) (T, error), args ...any) ([]T, error) {
	var all []T
	err := s.batch(ctx, act, a, func(b *pgx.Batch) {
		b.Queue(statement, args...).Query(func(rows pgx.Rows) (err error) {
			all, err = pgx.CollectRows(rows, scan)
			return err
		})
	})
	return all, err
}

// queryOne is queryAll for exactly one row; [storage.ErrNotFound] when there is none.
func queryOne[T any](ctx context.Context, s *Store, a acting, act, statement string, scan func(pgx.CollectableRow) (T, error), args ...any) (T, error) {
	all, err := queryAll(ctx, s, a, act, statement, scan, args...)
	if err != nil || len(all) == 0 {
		var none T
		if err == nil {
			err = fmt.Errorf("%s: %w", act, storage.ErrNotFound)
		}
		return none, err
	}
	return all[0], nil
}

// Catalogue is the registry as it stands in the database, not in memory: who
// changes something sees what they changed.
func (s *OperatorStore) Catalogue(ctx context.Context) (*Catalogue, error) {
	return s.readCatalogue(ctx, struct{}{})
}

// Client is a client as it stands in the database, not in memory.
func (s *OperatorStore) Client(ctx context.Context, id authz.ClientID) (storage.Client, error) {
	c, err := s.clientByID(ctx, id)
	return *c, err
}
