package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const trustedIssuerColumns = `i.id, i.tenant_id, i.vouches_for, i.issuer, i.jwks, i.jwks_uri, i.algorithms, i.subject, i.scopes, i.created_at`

func trustedIssuerFields(i *storage.TrustedIssuer) []any {
	return []any{&i.ID, &i.Tenant, &i.VouchesFor, &i.Issuer, &i.JWKS, &i.JWKSURI, &i.Algorithms, &i.Subject, &i.Scopes, &i.CreatedAt}
}

func scanTrustedIssuer(row pgx.CollectableRow) (i storage.TrustedIssuer, err error) {
	return i, row.Scan(trustedIssuerFields(&i)...)
}

func trustedIssuerObject(id authz.TrustedIssuerID) object {
	return row("issuer", "platform.trusted_issuers", "id", id, id.String())
}

// TrustedIssuer is one that the tenant trusts, or the whole deployment, by its iss: the
// tenant's own where there are both. [storage.ErrNotFound] when neither does.
func (s *TenantStore) TrustedIssuer(ctx context.Context, of storage.Vouching, issuer string) (storage.TrustedIssuer, error) {
	return queryOne(ctx, s.Store, s.as, "read trusted issuer", `select `+trustedIssuerColumns+` from platform.trusted_issuers i
		where i.issuer = $1 and i.vouches_for = $2 and (i.tenant_id is null or i.tenant_id = $3)
		order by i.tenant_id nulls last limit 1`, scanTrustedIssuer, issuer, of, s.as.tenant)
}

// TrustedIssuers lists issuers from after one on, the oldest first; a tenant that is not
// zero narrows the list to its own.
func (s *OperatorStore) TrustedIssuers(ctx context.Context, tenant authz.TenantID, after authz.TrustedIssuerID, limit int) ([]storage.TrustedIssuer, error) {
	return queryAll(ctx, s.Store, s.as, "list trusted issuers", `select `+trustedIssuerColumns+` from platform.trusted_issuers i
		where ($1::uuid is null or i.tenant_id = $1) and ($2::uuid is null or i.id > $2) order by i.id limit $3`, scanTrustedIssuer, tenant, after, limit)
}

// TrustedIssuerByID is one of them; [storage.ErrNotFound] when there is none.
func (s *OperatorStore) TrustedIssuerByID(ctx context.Context, id authz.TrustedIssuerID) (storage.TrustedIssuer, error) {
	return queryOne(ctx, s.Store, s.as, "read trusted issuer", `select `+trustedIssuerColumns+` from platform.trusted_issuers i where i.id = $1`, scanTrustedIssuer, id)
}

// InsertTrustedIssuer begins to trust somebody. [storage.ErrConflict] when they are
// trusted with the same, in the same tenant, already.
func (s *OperatorStore) InsertTrustedIssuer(ctx context.Context, i storage.TrustedIssuer, e storage.AuditEvent) error {
	return s.change(ctx, e, trustedIssuerObject(i.ID), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into platform.trusted_issuers (id, tenant_id, vouches_for, issuer, jwks, jwks_uri, algorithms, subject, scopes, created_at)
			values ($1, $2, $3, $4, $5, $6, coalesce($7::text[], '{}'), $8, coalesce($9::text[], '{}'), $10)`,
			i.ID, i.Tenant, i.VouchesFor, i.Issuer, nullJSON(i.JWKS), i.JWKSURI, i.Algorithms, i.Subject, i.Scopes, i.CreatedAt)
	})
}

// DeleteTrustedIssuer ends the trust, and every token that came of it.
func (s *OperatorStore) DeleteTrustedIssuer(ctx context.Context, id authz.TrustedIssuerID, dead time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, trustedIssuerObject(id), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `with withdrawn as (
				update platform.grants set revoked_at = $2 where sid = $1 and revoked_at is null returning id, user_id, tenant_id, client_id)
			insert into platform.revoked_tokens (jti, user_id, tenant_id, client_id, reason, revoked_at, expires_at)
			select id::text, user_id, tenant_id, client_id, 'issuer trusted no more', $2, $3 from withdrawn
			on conflict (jti) do nothing`, id, e.At, dead)
		if err != nil {
			return err
		}
		return exec(ctx, tx, `delete from platform.trusted_issuers where id = $1`, id)
	})
}
