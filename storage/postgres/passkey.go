package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const passkeyColumns = `c.id, c.user_id, c.credential_id, c.public_key, c.name, c.aaguid, c.sign_count, c.backup_eligible, c.backed_up,
	c.transports, c.attestation_type, c.attestation_format, c.created_at, c.last_used_at, c.suspect_at`

func scanPasskey(row pgx.CollectableRow) (storage.Passkey, error) {
	var p storage.Passkey
	return p, row.Scan(&p.ID, &p.User, &p.CredentialID, &p.PublicKey, &p.Name, &p.AAGUID, &p.SignCount, &p.BackupEligible, &p.BackedUp,
		&p.Transports, &p.AttestationType, &p.AttestationFormat, &p.CreatedAt, (*zeronull.Timestamptz)(&p.LastUsedAt), (*zeronull.Timestamptz)(&p.SuspectAt))
}

// PasskeyOwner is a passkey and whose it is.
type PasskeyOwner struct {
	Passkey storage.Passkey
	User    storage.User
	// Handle is the user handle that its authenticator must name.
	Handle []byte
}

// PasskeyByCredentialID finds the passkey that a sign-in was made with.
func (s *Store) PasskeyByCredentialID(ctx context.Context, id []byte) (PasskeyOwner, error) {
	var o PasskeyOwner
	err := s.batch(ctx, "look up passkey", acting{identifier: hex.EncodeToString(id)}, func(b *pgx.Batch) {
		// Setting app.user_id in the same breath opens the owner's rows to the
		// statement behind it.
		b.Queue(`select `+passkeyColumns+` from (
				select *, set_config('app.user_id', user_id::text, true)
				  from platform.webauthn_credentials where credential_id = $1 offset 0) c`, id).
			Query(func(rows pgx.Rows) (err error) {
				o.Passkey, err = pgx.CollectExactlyOneRow(rows, scanPasskey)
				return err
			})
		b.Queue(`select ` + userColumns + `, w.handle from platform.users u join platform.webauthn_users w on w.user_id = u.id
			where u.id = platform.acting_user()`).
			QueryRow(func(row pgx.Row) error { return row.Scan(append(userFields(&o.User), &o.Handle)...) })
	})
	return o, err
}

// WebAuthnHandle is the user's handle. The first call keeps the fresh one, later
// ones leave it unused.
func (s *UserStore) WebAuthnHandle(ctx context.Context, fresh []byte) ([]byte, error) {
	var handle []byte
	err := s.batch(ctx, "read user handle", s.as, func(b *pgx.Batch) {
		b.Queue(`insert into platform.webauthn_users (user_id, handle) values ($1, $2) on conflict (user_id) do nothing`, s.as.user, fresh)
		b.Queue(`select handle from platform.webauthn_users where user_id = $1`, s.as.user).
			QueryRow(func(row pgx.Row) error { return row.Scan(&handle) })
	})
	return handle, err
}

// DeclinePasskey remembers that the user wants no passkey now.
func (s *UserStore) DeclinePasskey(ctx context.Context, fresh []byte, now time.Time) error {
	return s.batch(ctx, "decline passkey", s.as, func(b *pgx.Batch) {
		b.Queue(`insert into platform.webauthn_users (user_id, handle, offer_declined_at) values ($1, $2, $3)
			on conflict (user_id) do update set offer_declined_at = excluded.offer_declined_at`, s.as.user, fresh, now)
	})
}

// InsertPasskey keeps a new passkey. A credential id that anybody has already is
// [storage.ErrConflict].
func (s *UserStore) InsertPasskey(ctx context.Context, p storage.Passkey, e storage.AuditEvent) error {
	return s.batch(ctx, "insert passkey", s.as, func(b *pgx.Batch) {
		queuePasskey(b, s.as.user, p)
		queueNotice(b, s.as.user, notice(storage.LetterAuthenticatorAdded, e), "true")
		queueAudit(b, s.onUser(e))
	})
}

func queuePasskey(b *pgx.Batch, user authz.UserID, p storage.Passkey) {
	b.Queue(`insert into platform.webauthn_credentials (id, user_id, credential_id, public_key, name, aaguid, sign_count, backup_eligible,
			backed_up, transports, attestation_type, attestation_format, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10::text[], '{}'), $11, $12, $13)`,
		p.ID, user, p.CredentialID, p.PublicKey, p.Name, p.AAGUID, p.SignCount, p.BackupEligible,
		p.BackedUp, p.Transports, p.AttestationType, p.AttestationFormat, p.CreatedAt)
}

// UsePasskey notes a sign-in with a passkey. The counter never goes back; a zero
// SuspectAt leaves what was noted before.
func (s *UserStore) UsePasskey(ctx context.Context, p storage.Passkey) error {
	return s.batch(ctx, "note use of passkey", s.as, func(b *pgx.Batch) {
		b.Queue(`update platform.webauthn_credentials set sign_count = greatest(sign_count, $3), backed_up = $4, last_used_at = $5,
				suspect_at = coalesce($6, suspect_at)
			where id = $1 and user_id = $2`, p.ID, s.as.user, p.SignCount, p.BackedUp, p.LastUsedAt, zeronull.Timestamptz(p.SuspectAt))
	})
}

// RenamePasskey gives a passkey another name. Another's is not found.
func (s *UserStore) RenamePasskey(ctx context.Context, id authz.PasskeyID, name string, e storage.AuditEvent) error {
	return s.tx(ctx, "rename passkey", s.as, func(tx pgx.Tx) error {
		if err := exec(ctx, tx, `update platform.webauthn_credentials set name = $3 where id = $1 and user_id = $2`, id, s.as.user, name); err != nil {
			return err
		}
		return audit(ctx, tx, s.onUser(e))
	})
}

// ErrLastWayIn: without this passkey the user could never sign in again.
var ErrLastWayIn = errors.New("this is the last way to sign in: add another passkey or a password first")

// DeletePasskey removes a passkey and ends every session of the user but one:
// whoever signed in with it is out. It is [ErrLastWayIn] when neither a password
// nor another passkey would be left; of two that remove each other, the second
// finds that out.
func (s *UserStore) DeletePasskey(ctx context.Context, id authz.PasskeyID, keep authz.SessionID, dead time.Time, e storage.AuditEvent) error {
	return s.tx(ctx, "delete passkey", s.as, func(tx pgx.Tx) error {
		var password bool
		err := tx.QueryRow(ctx, `select password_hash <> $2 from platform.users where id = $1 for update`, s.as.user, storage.UnusablePassword).Scan(&password)
		if err != nil {
			return err
		}
		if err := exec(ctx, tx, `delete from platform.webauthn_credentials where id = $1 and user_id = $2`, id, s.as.user); err != nil {
			return err
		}
		var left int
		if err := tx.QueryRow(ctx, `select count(*) from platform.webauthn_credentials where user_id = $1`, s.as.user).Scan(&left); err != nil {
			return err
		}
		if !password && left == 0 {
			return ErrLastWayIn
		}
		return s.endOthers(ctx, tx, keep, "passkey removed", storage.LetterAuthenticatorRemoved, dead, e)
	})
}

// endOthers ends every session of the user but one, tells them, and audits why.
func (s *UserStore) endOthers(ctx context.Context, tx pgx.Tx, keep authz.SessionID, reason string, tell storage.Letter, dead time.Time, e storage.AuditEvent) error {
	b := &pgx.Batch{}
	queueNotice(b, s.as.user, notice(tell, e), "true")
	queueEndOtherSessions(b, s.as.user, keep, reason, e.At, dead)
	queueAudit(b, s.onUser(e))
	return tx.SendBatch(ctx, b).Close()
}

// onUser makes the user themselves the object of an event.
func (s *UserStore) onUser(e storage.AuditEvent) storage.AuditEvent {
	e.ActorID, e.ObjectKind, e.ObjectID = s.as.user, "user", s.as.user.String()
	return e
}

func audit(ctx context.Context, tx pgx.Tx, e storage.AuditEvent) error {
	b := &pgx.Batch{}
	queueAudit(b, e)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
