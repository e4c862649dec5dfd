package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/storage"
)

// ClaimIdempotencyKey takes a key for a request. Of any number of claims one wins,
// and gets its own row back; the others get the winner's, and claimed is false. A key
// that has expired can be claimed again, and one whose request ended long ago without
// having made anything.
func (s *OperatorStore) ClaimIdempotencyKey(ctx context.Context, k storage.IdempotencyKey) (kept storage.IdempotencyKey, claimed bool, err error) {
	err = s.tx(ctx, "claim idempotency key", s.as, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `insert into platform.idempotency_keys as i (actor, key, request_hash, created_at, expires_at)
			values ($1, $2, $3, $4, $5) on conflict (actor, key) do update
			set request_hash = excluded.request_hash, answer = null, created_at = excluded.created_at, expires_at = excluded.expires_at
			where i.expires_at <= excluded.created_at or i.answer is null and i.created_at < excluded.created_at - $6::interval`,
			k.Actor, k.Key, k.RequestHash, k.CreatedAt, k.ExpiresAt, claimLifetime)
		if err != nil {
			return err
		}
		claimed = tag.RowsAffected() == 1
		kept = storage.IdempotencyKey{Actor: k.Actor, Key: k.Key}
		return tx.QueryRow(ctx, `select request_hash, answer, created_at, expires_at from platform.idempotency_keys where actor = $1 and key = $2`,
			k.Actor, k.Key).Scan(&kept.RequestHash, &kept.Answer, &kept.CreatedAt, &kept.ExpiresAt)
	})
	return kept, claimed, err
}

// claimLifetime is longer than any request takes.
const claimLifetime = 10 * time.Minute

type claimed struct{}

// WithIdempotencyKey has the first transaction under the context mark the key that it
// is made for: so whoever asks again learns whether it was made, even where the process
// or the connection ended before there was an answer.
func WithIdempotencyKey(ctx context.Context, actor, key string) context.Context {
	return context.WithValue(ctx, claimed{}, storage.IdempotencyKey{Actor: actor, Key: key})
}

// mark notes in a transaction that what it makes was made, if it is made for a key.
func mark(ctx context.Context, tx pgx.Tx) error {
	k, ok := ctx.Value(claimed{}).(storage.IdempotencyKey)
	if !ok {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(setActing, acting{operator: true}.args()...)
	b.Queue(`update platform.idempotency_keys set answer = '' where actor = $1 and key = $2 and answer is null`, k.Actor, k.Key)
	return tx.SendBatch(ctx, b).Close()
}

// AnswerIdempotencyKey keeps the answer of the request that claimed the key.
func (s *OperatorStore) AnswerIdempotencyKey(ctx context.Context, actor, key string, answer []byte) error {
	return s.tx(ctx, "answer idempotency key", s.as, func(tx pgx.Tx) error {
		return exec(ctx, tx, `update platform.idempotency_keys set answer = $3 where actor = $1 and key = $2`, actor, key, answer)
	})
}

// ReleaseIdempotencyKey gives a key back whose request made nothing. Where that is not
// certain, the key stays if a transaction has marked it.
func (s *OperatorStore) ReleaseIdempotencyKey(ctx context.Context, actor, key string, certain bool) error {
	return s.tx(ctx, "release idempotency key", s.as, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from platform.idempotency_keys where actor = $1 and key = $2 and (answer is null or $3)`, actor, key, certain)
		return err
	})
}
