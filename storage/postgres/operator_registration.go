package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const registrationTokenColumns = `r.id, r.tenant_id, r.name, r.token_hash, r.policy, r.uses_left, r.created_at, r.expires_at, r.revoked_at`

func scanRegistrationToken(row pgx.CollectableRow) (r storage.RegistrationToken, err error) {
	return r, row.Scan(&r.ID, &r.Tenant, &r.Name, &r.Hash, &r.Policy, &r.UsesLeft, &r.CreatedAt, &r.ExpiresAt, (*zeronull.Timestamptz)(&r.RevokedAt))
}

func registrationTokenObject(id authz.RegistrationTokenID) object {
	return row("registration-token", "platform.registration_tokens", "id", id, id.String())
}

// liveRegistrationToken is of a token that lets another client in at the instant $2.
const liveRegistrationToken = `r.uses_left > 0 and r.expires_at > $2 and r.revoked_at is null
	and not exists (select from platform.tenants t where t.id = r.tenant_id and t.suspended_at is not null)`

// InsertRegistrationToken keeps an initial access token.
func (s *OperatorStore) InsertRegistrationToken(ctx context.Context, r storage.RegistrationToken, e storage.AuditEvent) error {
	return s.change(ctx, e, registrationTokenObject(r.ID), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into platform.registration_tokens (id, tenant_id, name, token_hash, policy, uses_left, created_at, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, r.ID, r.Tenant, r.Name, r.Hash, r.Policy, r.UsesLeft, r.CreatedAt, r.ExpiresAt)
	})
}

// RegistrationTokens lists the initial access tokens of a tenant, or all for the zero
// one, the newest first.
func (s *OperatorStore) RegistrationTokens(ctx context.Context, tenant authz.TenantID, before authz.RegistrationTokenID, limit int) ([]storage.RegistrationToken, error) {
	w := &conditions{}
	w.add(!tenant.IsZero(), `r.tenant_id = $?`, tenant)
	w.add(!before.IsZero(), `r.id < $?`, before)
	return queryAll(ctx, s.Store, s.as, "list registration tokens", `select `+registrationTokenColumns+` from platform.registration_tokens r`+
		w.where()+` order by r.id desc limit `+w.next(limit), scanRegistrationToken, w.args...)
}

// RegistrationToken is one by its id; [storage.ErrNotFound] when there is none.
func (s *OperatorStore) RegistrationToken(ctx context.Context, id authz.RegistrationTokenID) (storage.RegistrationToken, error) {
	return queryOne(ctx, s.Store, s.as, "read registration token", `select `+registrationTokenColumns+` from platform.registration_tokens r where r.id = $1`, scanRegistrationToken, id)
}

// LiveRegistrationToken is one by its digest, if it lets a client in now;
// [storage.ErrNotFound] when it does not.
func (s *OperatorStore) LiveRegistrationToken(ctx context.Context, hash []byte, now time.Time) (storage.RegistrationToken, error) {
	return queryOne(ctx, s.Store, s.as, "read registration token", `select `+registrationTokenColumns+`
		from platform.registration_tokens r where r.token_hash = $1 and `+liveRegistrationToken, scanRegistrationToken, hash, now)
}

// RevokeRegistrationToken ends an initial access token. The clients that came with it stay.
func (s *OperatorStore) RevokeRegistrationToken(ctx context.Context, id authz.RegistrationTokenID, e storage.AuditEvent) error {
	return s.change(ctx, e, registrationTokenObject(id), func(tx pgx.Tx) error {
		return exec(ctx, tx, `update platform.registration_tokens set revoked_at = coalesce(revoked_at, $2) where id = $1`, id, e.At)
	})
}

// InsertRegisteredClient registers a client and spends one use of its initial access
// token with it: [storage.ErrNotFound], and nothing done, when there is none left.
func (s *OperatorStore) InsertRegisteredClient(ctx context.Context, c storage.Client, e storage.AuditEvent) error {
	return s.change(ctx, e, clientObject(c.ID), func(tx pgx.Tx) error {
		err := exec(ctx, tx, `update platform.registration_tokens r set uses_left = r.uses_left - 1 where r.id = $1 and `+liveRegistrationToken,
			c.Registration.Token, e.At)
		if err != nil {
			return err
		}
		return insertClient(ctx, tx, c)
	})
}

// unusedClient is of a client that registered openly and whose time, which the first use
// lifts, was over at the instant $1.
const unusedClient = `c.origin = 'open' and c.expires_at <= $1`

// UnusedClients lists clients that registered openly and that nobody has used in their time.
func (s *OperatorStore) UnusedClients(ctx context.Context, now time.Time, limit int) ([]authz.ClientID, error) {
	return queryAll(ctx, s.Store, s.as, "list unused clients", `select c.id from platform.clients c where `+unusedClient+` order by c.id limit $2`,
		pgx.RowTo[authz.ClientID], now, limit)
}

// DeleteUnusedClient removes one of those; [storage.ErrNotFound] for any other.
func (s *OperatorStore) DeleteUnusedClient(ctx context.Context, id authz.ClientID, now time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, clientObject(id), func(tx pgx.Tx) error {
		return exec(ctx, tx, `delete from platform.clients c where `+unusedClient+` and c.id = $2`, now, id)
	})
}

// KeepClient lets a client that registered openly stay: somebody has used it.
func (s *OperatorStore) KeepClient(ctx context.Context, id authz.ClientID) error {
	return s.caughtUp(ctx, s.batch(ctx, "keep client", s.as, func(b *pgx.Batch) {
		b.Queue(`update platform.clients set expires_at = null where id = $1 and origin = 'open'`, id)
	}))
}
