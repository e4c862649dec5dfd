package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

func queueRevocation(b *pgx.Batch, r storage.Revocation) {
	b.Queue(`insert into platform.revoked_tokens (jti, user_id, tenant_id, client_id, reason, revoked_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict (jti) do nothing`,
		r.JTI, r.User, r.Tenant, zeronull.Text(r.Client), r.Reason, r.RevokedAt, r.ExpiresAt)
}

// Revoke writes an id into the ledger, beside no other change. Somebody who was deleted
// meanwhile took all their tokens along.
func (s *Store) Revoke(ctx context.Context, r storage.Revocation) error {
	b := &pgx.Batch{}
	b.Queue(`insert into platform.revoked_tokens (jti, user_id, tenant_id, client_id, reason, revoked_at, expires_at)
		select $1, $2::uuid, $3::uuid, $4, $5, $6::timestamptz, $7::timestamptz from (select set_config('app.user_id', coalesce($2::uuid::text, ''), true) offset 0) a
		on conflict (jti) do nothing`,
		r.JTI, r.User, r.Tenant, zeronull.Text(r.Client), r.Reason, r.RevokedAt, r.ExpiresAt)
	err := s.send(ctx, "revoke", b)
	if errors.Is(err, storage.ErrReference) {
		err = nil
	}
	return s.caughtUp(ctx, err)
}

// Standing is what the ledger and the directory say, at this moment, of a token
// that was issued before.
type Standing struct {
	// Dead: one of its ids stands in the ledger.
	Dead bool
	// Person is who it was issued to; nil for a client's own token and for a user
	// who is no more.
	Person *storage.Person
}

// Standing asks for all of a token's ids and its user in one trip.
func (s *Store) Standing(ctx context.Context, ids []string, user authz.UserID) (Standing, error) {
	var standing Standing
	const dead = `select exists (select from platform.revoked_tokens where jti = any($1))`
	if user.IsZero() {
		return standing, s.ask(ctx, "read the ledger", dead, []any{ids}, func(row pgx.Row) error { return row.Scan(&standing.Dead) })
	}
	person := &storage.Person{}
	err := s.askPerson(ctx, "read the ledger", dead+`, p.*
		  from (select set_config('app.user_id', $3, true) as acting offset 0) a
		 cross join lateral (`+personColumns+` where u.id = $2 and a.acting <> '' offset 0) p`, []any{ids, user, user.String()},
		person, &standing.Dead)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		// Its user is no more, and everything of theirs went with them.
		return Standing{Dead: true}, nil
	case err != nil:
		return Standing{}, err
	}
	standing.Person = person
	return standing, nil
}

// Consume spends a one-time id: [storage.ErrConflict] for everyone but the first.
func (s *Store) Consume(ctx context.Context, kind string, id []byte, expires time.Time) error {
	return s.batch(ctx, "consume "+kind, acting{}, func(b *pgx.Batch) {
		b.Queue(`insert into platform.consumed_ids (kind, id, expires_at) values ($1, $2, $3)`, kind, id, expires)
	})
}
