package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
)

// Tally is a name and how many there are of it.
type Tally struct {
	Name  string
	Count int
}

// Day is a day of UTC, and how many signed in on it.
type Day struct {
	Date  time.Time
	Count int
}

// UserStats is a look at everybody at once.
type UserStats struct {
	Total, Disabled, NeverSignedIn, ActiveSessions int
	// Roles is every role, Tenants the ones with the most members, Clients the ones
	// through which the most was authorized in these days.
	Roles, Tenants, Clients []Tally
	// SignIns is the last days, the oldest first, today included.
	SignIns []Day
}

const (
	statsTotals = `select count(*), count(*) filter (where disabled_at is not null), count(*) filter (where last_login_at is null),
		(select count(*) from platform.user_sessions s
		  where s.revoked_at is null and s.expires_at > $1 and s.last_seen_at + s.idle_lifetime > $1)
		from platform.users`
	statsRoles   = `select r.name, (select count(*) from platform.users u where u.role = r.name) from platform.roles r order by 2 desc, 1`
	statsTenants = `select t.slug, m.members from (
			select tenant_id, count(distinct user_id) as members from platform.user_group_memberships group by tenant_id
			order by 2 desc, 1 limit $1) m
		join platform.tenants t on t.id = m.tenant_id order by 2 desc, 1`
	// A grant's id tells when it was made, and so does a session's.
	statsClients = `select coalesce(c.name, g.client_id), g.times from (
			select client_id, count(*) as times from platform.grants where id >= $1 group by client_id order by 2 desc, 1 limit $2) g
		left join platform.clients c on c.id = g.client_id order by 2 desc, 1`
	statsSignIns = `select d.day, coalesce(k.sign_ins, 0) + coalesce(s.sign_ins, 0)
		from (select generate_series($1::date, $2::date, interval '1 day')::date as day) d
		left join platform.sign_in_days k on k.day = d.day
		left join (select created_at::date as day, count(*) as sign_ins from platform.user_sessions where id >= $3 group by 1) s on s.day = d.day
		order by d.day`
)

// UserStats counts everybody, and the sign-ins of the last days; top bounds the lists.
func (s *OperatorStore) UserStats(ctx context.Context, now time.Time, days, top int) (UserStats, error) {
	var stats UserStats
	first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-days)
	err := s.batch(ctx, "count users", s.as, func(b *pgx.Batch) {
		b.Queue(statsTotals, now).QueryRow(func(row pgx.Row) error {
			return row.Scan(&stats.Total, &stats.Disabled, &stats.NeverSignedIn, &stats.ActiveSessions)
		})
		b.Queue(statsRoles).Query(into(&stats.Roles))
		b.Queue(statsTenants, top).Query(into(&stats.Tenants))
		b.Queue(statsClients, authz.FirstIDAt[authz.GrantID](first), top).Query(into(&stats.Clients))
		b.Queue(statsSignIns, first, now, authz.FirstIDAt[authz.SessionID](first)).Query(into(&stats.SignIns))
	})
	return stats, err
}

// into collects the rows of one statement of a batch.
func into[T any](all *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		return err
	}
}
