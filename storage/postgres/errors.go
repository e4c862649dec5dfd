package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatehouse/gatehouse/storage"
)

// SQLSTATE codes (PostgreSQL, appendix A) that mean something to a caller.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	checkViolation      = "23514"
	notNullViolation    = "23502"
	deadlockDetected    = "40P01"
	lockNotAvailable    = "55P03"
	// Ours: a tenant has no more of what is added (migration 00005).
	limitReached = "GH001"
	// A text that cannot be text, such as one with a zero byte: nothing is called that.
	characterNotInRepertoire = "22021"
	untranslatableCharacter  = "22P05"
)

// outcome translates what a trip on a connection ended with. Whatever the driver calls it,
// a connection that did not outlive its trip was lost, unless the caller left.
func outcome(act string, conn *pgxpool.Conn, err error) error {
	err = translate(act, err)
	if err != nil && conn.Conn().IsClosed() && !errors.Is(err, context.Canceled) && !errors.Is(err, storage.ErrUnavailable) {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	return err
}

// translate turns a driver's error into one of storage's, keeping the original
// beneath it for the log.
func translate(act string, err error) error {
	if err == nil {
		return nil
	}
	var refused *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &connect) && !errors.Is(err, context.Canceled):
		// Whatever PostgreSQL says to whom it does not let in is not about a statement of ours.
		return fmt.Errorf("%s: %w: %w", act, storage.ErrUnavailable, err)
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s: %w", act, storage.ErrNotFound)
	case errors.As(err, &refused):
		switch {
		case refused.Code == limitReached:
			return fmt.Errorf("%s: %w", act, &storage.LimitError{Limit: refused.Message, Most: refused.Detail})
		case refused.Code == uniqueViolation:
			return fmt.Errorf("%s: %s: %w", act, refused.ConstraintName, storage.ErrConflict)
		case refused.Code == foreignKeyViolation, refused.Code == checkViolation:
			return fmt.Errorf("%s: %s: %w", act, refused.ConstraintName, storage.ErrReference)
		case refused.Code == notNullViolation && (refused.TableName == "user_sessions" || refused.TableName == "grants"):
			// What they take from a row that they rest on is null where that does not stand.
			return fmt.Errorf("%s: %s: %w", act, refused.ColumnName, storage.ErrNotFound)
		case refused.Code == characterNotInRepertoire, refused.Code == untranslatableCharacter:
			return fmt.Errorf("%s: %w", act, storage.ErrNotFound)
		case unavailable(refused.Code):
			return fmt.Errorf("%s: %w: %w", act, storage.ErrUnavailable, err)
		}
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", act, err)
	case isConnectionError(err):
		return fmt.Errorf("%s: %w: %w", act, storage.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", act, err)
}

// unavailable: connection exceptions (08), a database that only reads, as a standby does
// (25006), transactions that got into each other's way (40), insufficient resources such
// as a full disk (53), a lock that was not to be had (55P03), what was ended from outside,
// by a shutdown or its own time limit (57), system errors (58), and what PostgreSQL has no
// name for (XX), such as a page that a full disk cut off.
func unavailable(code string) bool {
	switch code[:min(2, len(code))] {
	case "08", "40", "53", "57", "58", "XX":
		return true
	}
	return code == "25006" || code == lockNotAvailable
}

func isConnectionError(err error) bool {
	var network net.Error
	return errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err) ||
		// A connection that broke under a query is reported by the socket's own error.
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
