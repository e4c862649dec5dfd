package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// tx runs a transaction of several trips, for changes that look before they write.
func (s *Store) tx(ctx context.Context, act string, a acting, change func(pgx.Tx) error) error {
	as := func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, setActing, a.args()...); err != nil {
			return err
		}
		return change(tx)
	}
	if s.within != nil {
		return translate(act, as(s.within))
	}
	bounded, cancel := s.bounded(ctx, txTimeout)
	defer cancel()
	conn, err := s.acquire(bounded, acquireTimeout)
	if err != nil {
		return translate(act, err)
	}
	defer conn.Release()
	err = pgx.BeginFunc(ctx, beginning{conn, &bound{bounded, ctx}}, func(tx pgx.Tx) error {
		if err := as(tx); err != nil {
			return err
		}
		return mark(ctx, tx)
	})
	return s.caughtUp(ctx, outcome(act, conn, err))
}

// bound is the context of everything in a transaction, whichever the change hands over:
// what waits for an answer that never comes would keep its connection for minutes.
type bound struct{ now, caller context.Context }

type beginning struct {
	conn  *pgxpool.Conn
	bound *bound
}

func (b beginning) Begin(context.Context) (pgx.Tx, error) {
	tx, err := b.conn.Begin(b.bound.now)
	return transaction{tx, b.bound}, err
}

// transaction is a [pgx.Tx] that ends in time.
type transaction struct {
	pgx.Tx
	bound *bound
}

// unhurried lets a transaction take from here on as long as its caller has patience.
func unhurried(tx pgx.Tx) {
	if t, ok := tx.(transaction); ok {
		t.bound.now = t.bound.caller
	}
}

func (t transaction) Begin(context.Context) (pgx.Tx, error) {
	part, err := t.Tx.Begin(t.bound.now)
	return transaction{part, t.bound}, err
}

func (t transaction) Exec(_ context.Context, statement string, args ...any) (pgconn.CommandTag, error) {
	return t.Tx.Exec(t.bound.now, statement, args...)
}

func (t transaction) Query(_ context.Context, statement string, args ...any) (pgx.Rows, error) {
	return t.Tx.Query(t.bound.now, statement, args...)
}

func (t transaction) QueryRow(_ context.Context, statement string, args ...any) pgx.Row {
	return t.Tx.QueryRow(t.bound.now, statement, args...)
}

func (t transaction) SendBatch(_ context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.Tx.SendBatch(t.bound.now, b)
}

func (t transaction) Commit(context.Context) error { return t.Tx.Commit(t.bound.now) }

func (t transaction) Rollback(context.Context) error { return t.Tx.Rollback(t.bound.now) }
