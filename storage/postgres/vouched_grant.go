package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// VouchedGrant is the id of a living grant, given since an instant, that is as good as
// g: of the same client, tenant, issuer, scopes and resources. A client that comes with an
// assertion every few minutes needs no row each time. [storage.ErrNotFound] when there is none.
func (s *UserStore) VouchedGrant(ctx context.Context, g storage.Grant, since time.Time) (authz.GrantID, error) {
	return queryOne(ctx, s.Store, s.as, "read vouched grant", `select id from platform.grants
		where user_id = $1 and client_id = $2 and tenant_id = $3 and sid = $4 and scopes = $5 and details is not distinct from $6
		  and revoked_at is null and issued_at > $7 limit 1`, pgx.RowTo[authz.GrantID],
		s.as.user, g.Client, g.Tenant, g.SID, g.Scopes.String(), detailsOrNull(g.Details), since)
}

// SpendAssertion spends the one-time id of an assertion and keeps, in the same commit,
// the grant that it leads to, unless that is kept already. The SID of the grant is the id of the
// issuer, under which it ends. [storage.ErrConsumed] for everyone but the first.
func (s *UserStore) SpendAssertion(ctx context.Context, g storage.Grant, kept bool, id []byte, expires time.Time) error {
	request, err := grantRequest(g)
	if err != nil {
		return err
	}
	err = s.batch(ctx, "spend assertion", s.as, func(b *pgx.Batch) {
		b.Queue(`insert into platform.consumed_ids (kind, id, expires_at) values ('assertion', $1, $2)`, id, expires)
		if !kept {
			queueInsertGrant(b, "", "$3", s.as.user, g, request)
		}
	})
	if errors.Is(err, storage.ErrConflict) {
		return storage.ErrConsumed
	}
	return err
}
