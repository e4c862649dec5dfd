package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// InsertPushedRequest keeps a pushed authorization request.
func (s *Store) InsertPushedRequest(ctx context.Context, r storage.PushedRequest) error {
	return s.batch(ctx, "insert pushed request", acting{}, func(b *pgx.Batch) {
		b.Queue(`insert into platform.pushed_requests (id, client_id, request, expires_at) values ($1, $2, $3, $4)`,
			r.ID, r.Client, json.RawMessage(r.Request), r.ExpiresAt)
	})
}

// ConsumePushedRequest spends a pushed request of a client: of any number of
// attempts one gets it, the rest [storage.ErrNotFound].
func (s *Store) ConsumePushedRequest(ctx context.Context, id authz.PushedRequestID, client authz.ClientID, now time.Time) ([]byte, error) {
	var request []byte
	err := s.batch(ctx, "consume pushed request", acting{}, func(b *pgx.Batch) {
		b.Queue(`delete from platform.pushed_requests where id = $1 and client_id = $2 and expires_at > $3 returning request`, id, client, now).
			QueryRow(func(row pgx.Row) error { return row.Scan(&request) })
	})
	return request, err
}
