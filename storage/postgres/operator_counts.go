package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Counts is how much there is of what operators look after. Sessions are those
// that stand.
type Counts struct{ Users, Tenants, Clients, Sessions int }

// Counts counts over the whole deployment, in one trip.
func (s *OperatorStore) Counts(ctx context.Context, now time.Time) (Counts, error) {
	return queryOne(ctx, s.Store, s.as, "count", `select
		(select count(*) from platform.users), (select count(*) from platform.tenants), (select count(*) from platform.clients),
		(select count(*) from platform.user_sessions s
		  where s.revoked_at is null and s.expires_at > $1 and s.last_seen_at + s.idle_lifetime > $1)`,
		pgx.RowToStructByPos[Counts], now)
}
