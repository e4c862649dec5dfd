package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Authenticators is by what the user can prove who they are, read in one trip.
func (s *UserStore) Authenticators(ctx context.Context) (storage.Authenticators, error) {
	var a storage.Authenticators
	err := s.batch(ctx, "read authenticators", s.as, func(b *pgx.Batch) {
		b.Queue(`select u.password_hash <> $2, w.offer_declined_at,
				(select count(*) from platform.recovery_codes r where r.user_id = u.id and r.used_at is null),
				(select max(r.created_at) from platform.recovery_codes r where r.user_id = u.id)
			from platform.users u left join platform.webauthn_users w on w.user_id = u.id where u.id = $1`, s.as.user, storage.UnusablePassword).
			QueryRow(func(row pgx.Row) error {
				return row.Scan(&a.Password, (*zeronull.Timestamptz)(&a.PasskeyDeclinedAt), &a.RecoveryCodes, (*zeronull.Timestamptz)(&a.RecoveryCodesAt))
			})
		b.Queue(`select `+passkeyColumns+` from platform.webauthn_credentials c where c.user_id = $1 order by c.id`, s.as.user).
			Query(func(rows pgx.Rows) (err error) {
				a.Passkeys, err = pgx.CollectRows(rows, scanPasskey)
				return err
			})
		b.Queue(`select secret_sealed, last_step, created_at, last_used_at from platform.totp_secrets where user_id = $1`, s.as.user).
			Query(func(rows pgx.Rows) error {
				for rows.Next() {
					a.TOTP = &storage.TOTP{}
					if err := rows.Scan(&a.TOTP.SecretSealed, &a.TOTP.LastStep, &a.TOTP.CreatedAt, (*zeronull.Timestamptz)(&a.TOTP.LastUsedAt)); err != nil {
						return err
					}
				}
				return rows.Err()
			})
	})
	return a, err
}

// SetTOTP keeps the secret of an authenticator app that has shown a right code, in
// place of any before, and ends every session of the user but one.
func (s *UserStore) SetTOTP(ctx context.Context, t storage.TOTP, keep authz.SessionID, dead time.Time, e storage.AuditEvent) error {
	return s.tx(ctx, "set authenticator app", s.as, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into platform.totp_secrets (user_id, secret_sealed, last_step, created_at) values ($1, $2, $3, $4)
			on conflict (user_id) do update set secret_sealed = excluded.secret_sealed, last_step = excluded.last_step,
				created_at = excluded.created_at, last_used_at = null`, s.as.user, t.SecretSealed, t.LastStep, t.CreatedAt)
		if err != nil {
			return err
		}
		return s.endOthers(ctx, tx, keep, "authenticator app set up", storage.LetterAuthenticatorAdded, dead, e)
	})
}

// DeleteTOTP removes the authenticator app and ends every session but one.
func (s *UserStore) DeleteTOTP(ctx context.Context, keep authz.SessionID, dead time.Time, e storage.AuditEvent) error {
	return s.tx(ctx, "delete authenticator app", s.as, func(tx pgx.Tx) error {
		if err := exec(ctx, tx, `delete from platform.totp_secrets where user_id = $1`, s.as.user); err != nil {
			return err
		}
		return s.endOthers(ctx, tx, keep, "authenticator app removed", storage.LetterAuthenticatorRemoved, dead, e)
	})
}

// ConsumeTOTPStep accepts the code of a time step. Each is accepted once, and none
// that is older than one accepted before: false for everyone but the first.
func (s *UserStore) ConsumeTOTPStep(ctx context.Context, step int64, now time.Time) (bool, error) {
	return s.touches(ctx, "consume code", `update platform.totp_secrets set last_step = $2, last_used_at = $3 where user_id = $1 and last_step < $2`,
		s.as.user, step, now)
}

// ConsumeRecoveryCode spends a recovery code: false for everyone but the first, and
// for a code that there is not.
func (s *UserStore) ConsumeRecoveryCode(ctx context.Context, hash []byte, now time.Time) (bool, error) {
	return s.touches(ctx, "consume recovery code", `update platform.recovery_codes set used_at = $3 where user_id = $1 and code_hash = $2 and used_at is null`,
		s.as.user, hash, now)
}

func (s *UserStore) touches(ctx context.Context, act, statement string, args ...any) (bool, error) {
	var touched bool
	err := s.batch(ctx, act, s.as, func(b *pgx.Batch) {
		b.Queue(statement, args...).Exec(func(tag pgconn.CommandTag) error {
			touched = tag.RowsAffected() == 1
			return nil
		})
	})
	return touched, err
}

// SetRecoveryCodes replaces all recovery codes, used and unused, and ends every
// session of the user but one.
func (s *UserStore) SetRecoveryCodes(ctx context.Context, hashes [][]byte, keep authz.SessionID, dead time.Time, e storage.AuditEvent) error {
	return s.tx(ctx, "set recovery codes", s.as, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from platform.recovery_codes where user_id = $1`, s.as.user); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into platform.recovery_codes (user_id, code_hash, created_at) select $1, unnest($2::bytea[]), $3`, s.as.user, hashes, e.At)
		if err != nil {
			return err
		}
		return s.endOthers(ctx, tx, keep, "recovery codes made", storage.LetterRecoveryCodesMade, dead, e)
	})
}

// AttestationPolicies is the models of authenticators that the user's tenants
// accept, a list for each tenant that has one.
func (s *UserStore) AttestationPolicies(ctx context.Context) ([][][16]byte, error) {
	return queryAll(ctx, s.Store, s.as, "read attestation policies",
		`select p.aaguids from platform.attestation_policies p where exists (
			select from platform.user_group_memberships m where m.tenant_id = p.tenant_id and m.user_id = $1)`, pgx.RowTo[[][16]byte], s.as.user)
}

// AttestationPolicies is the models of authenticators that the tenant accepts: one list, or none.
func (s *TenantStore) AttestationPolicies(ctx context.Context) ([][][16]byte, error) {
	return queryAll(ctx, s.Store, s.as, "read attestation policy",
		`select p.aaguids from platform.attestation_policies p where p.tenant_id = $1`, pgx.RowTo[[][16]byte], s.as.tenant)
}

// RemoveAuthenticators takes passkeys, authenticator app and recovery codes from a
// user who has lost them, and ends everything of theirs.
func (s *OperatorStore) RemoveAuthenticators(ctx context.Context, id authz.UserID, dead time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, userObject(id), func(tx pgx.Tx) error {
		for _, table := range []string{"webauthn_credentials", "totp_secrets", "recovery_codes"} {
			if _, err := tx.Exec(ctx, `delete from platform.`+table+` where user_id = $1`, id); err != nil {
				return err
			}
		}
		if err := notify(ctx, tx, id, notice(storage.LetterAuthenticatorRemoved, e)); err != nil {
			return err
		}
		return endEverything(ctx, tx, []authz.UserID{id}, "authenticators removed", e.At, dead)
	})
}

// SetAttestationPolicy says which models of authenticators a tenant accepts; none
// for any.
func (s *OperatorStore) SetAttestationPolicy(ctx context.Context, tenant authz.TenantID, models [][16]byte, e storage.AuditEvent) error {
	return s.change(ctx, e, row("attestation policy", "platform.attestation_policies", "tenant_id", tenant, tenant.String()), func(tx pgx.Tx) error {
		if len(models) == 0 {
			_, err := tx.Exec(ctx, `delete from platform.attestation_policies where tenant_id = $1`, tenant)
			return err
		}
		return exec(ctx, tx, `insert into platform.attestation_policies (tenant_id, aaguids) values ($1, $2)
			on conflict (tenant_id) do update set aaguids = excluded.aaguids`, tenant, models)
	})
}
