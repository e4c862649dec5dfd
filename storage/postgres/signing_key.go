package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/storage"
)

const signingKeysQuery = `select kid, algorithm, public_jwk, private_sealed, created_at, published_at, active_at, retired_at, expires_at
	from platform.signing_keys`

// SigningKeys returns every key, expired ones too.
func (s *Store) SigningKeys(ctx context.Context) ([]storage.SigningKey, error) {
	var all []storage.SigningKey
	err := s.batch(ctx, "read signing keys", acting{}, func(b *pgx.Batch) {
		b.Queue(signingKeysQuery).Query(func(rows pgx.Rows) (err error) {
			all, err = pgx.CollectRows(rows, scanSigningKey)
			return err
		})
	})
	return all, err
}

func scanSigningKey(row pgx.CollectableRow) (k storage.SigningKey, err error) {
	return k, row.Scan(&k.KID, &k.Algorithm, &k.PublicJWK, &k.PrivateSealed, &k.CreatedAt, &k.PublishedAt,
		(*zeronull.Timestamptz)(&k.ActiveAt), (*zeronull.Timestamptz)(&k.RetiredAt), (*zeronull.Timestamptz)(&k.ExpiresAt))
}

// auditedKeys is the keys as audit events tell of them.
const auditedKeys = `select jsonb_agg(jsonb_build_object('kid', kid, 'algorithm', algorithm, 'active_at', active_at,
	'retired_at', retired_at, 'expires_at', expires_at) order by created_at, kid) from platform.signing_keys`

// ChangeSigningKeys calls change with every key and saves what it returns, under
// a lock of the whole table: replicas rotate one after the other. The event tells
// of it, unless nothing changed.
func (s *Store) ChangeSigningKeys(ctx context.Context, e storage.AuditEvent, change func([]storage.SigningKey) ([]storage.SigningKey, error)) error {
	return s.tx(ctx, "change signing keys", acting{}, func(tx pgx.Tx) error {
		// The lock of a table is held until the transaction ends, and needs no number
		// that another program might have chosen too.
		if _, err := tx.Exec(ctx, `lock table platform.signing_keys in share row exclusive mode`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, signingKeysQuery)
		if err != nil {
			return err
		}
		current, err := pgx.CollectRows(rows, scanSigningKey)
		if err != nil {
			return err
		}
		changed, err := change(current)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			return nil
		}
		if err := tx.QueryRow(ctx, auditedKeys).Scan(&e.Before); err != nil {
			return err
		}
		for _, k := range changed {
			if err := saveSigningKey(ctx, tx, k); err != nil {
				return fmt.Errorf("save key %s: %w", k.KID, err)
			}
		}
		if err := tx.QueryRow(ctx, auditedKeys).Scan(&e.After); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}

func saveSigningKey(ctx context.Context, tx pgx.Tx, k storage.SigningKey) error {
	_, err := tx.Exec(ctx, `insert into platform.signing_keys
			(kid, algorithm, public_jwk, private_sealed, created_at, published_at, active_at, retired_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (kid) do update set private_sealed = excluded.private_sealed, published_at = excluded.published_at,
			active_at = excluded.active_at, retired_at = excluded.retired_at, expires_at = excluded.expires_at`,
		k.KID, k.Algorithm, k.PublicJWK, k.PrivateSealed, k.CreatedAt, k.PublishedAt,
		zeronull.Timestamptz(k.ActiveAt), zeronull.Timestamptz(k.RetiredAt), zeronull.Timestamptz(k.ExpiresAt))
	return err
}
