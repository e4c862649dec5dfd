package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// A user's event says to which tenants they belong: when they are gone it says to whom
// they did.
func userObject(id authz.UserID) object {
	o := row("user", "platform.users", "id", id, id.String())
	o.query = `select ` + userDocument + ` from platform.users x where x.id = $1`
	return o
}

const userDocument = `to_jsonb(x) - ` + neverAudited + ` || jsonb_build_object('tenants',
	array(select distinct m.tenant_id from platform.user_group_memberships m where m.user_id = x.id order by 1))`

func scanUser(row pgx.CollectableRow) (storage.User, error) {
	var u storage.User
	return u, row.Scan(userFields(&u)...)
}

// UserFilter chooses users. What is zero does not restrict.
type UserFilter struct {
	Role   authz.Role
	Tenant authz.TenantID
	Group  authz.GroupID
	// Disabled chooses by status; nil for both.
	Disabled *bool
	// Users who last signed in at or after one instant, and before another. Who
	// never did has done neither.
	LastLoginAfter, LastLoginBefore time.Time
	// NeverLoggedIn chooses those who never signed in.
	NeverLoggedIn bool
	// Search is a part of user name, e-mail address or display name.
	Search string
	// After is the last id of the page before; ids sort by time of creation.
	After authz.UserID
	Limit int
}

// A selection is a statement about users, put together of what was asked for.
// Every piece is a constant of this file; what callers say goes into args.
type selection struct {
	where strings.Builder
	args  []any
}

// and adds a condition, in which %[1]s is where arg stands.
func (q *selection) and(condition string, arg any) {
	fmt.Fprintf(&q.where, " and "+condition, q.arg(arg))
}

func (q *selection) arg(value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf("$%d", len(q.args))
}

const (
	memberOfTenant = `m.tenant_id = %[1]s`
	memberOfGroup  = `m.tenant_id = (select g.tenant_id from platform.user_groups g where g.id = %[1]s) and m.user_group_id = %[1]s`
	isMember       = `u.id in (select m.user_id from platform.user_group_memberships m where `
)

// narrow adds what the filter says about the users themselves.
func (q *selection) narrow(f UserFilter) {
	if f.Role != "" {
		q.and(`u.role = %[1]s`, f.Role)
	}
	if f.Disabled != nil && *f.Disabled {
		q.where.WriteString(` and u.disabled_at is not null`)
	}
	if f.Disabled != nil && !*f.Disabled {
		q.where.WriteString(` and u.disabled_at is null`)
	}
	if !f.LastLoginAfter.IsZero() {
		q.and(`u.last_login_at >= %[1]s`, f.LastLoginAfter)
	}
	if !f.LastLoginBefore.IsZero() {
		q.and(`u.last_login_at < %[1]s`, f.LastLoginBefore)
	}
	if f.NeverLoggedIn {
		q.where.WriteString(` and u.last_login_at is null`)
	}
}

// belong adds where the users must be members.
func (q *selection) belong(f UserFilter) {
	if !f.Tenant.IsZero() {
		q.and(isMember+memberOfTenant+`)`, f.Tenant)
	}
	if !f.Group.IsZero() {
		q.and(isMember+memberOfGroup+`)`, f.Group)
	}
}

// Users lists users in the order of their creation.
func (s *OperatorStore) Users(ctx context.Context, f UserFilter) ([]storage.User, error) {
	var q selection
	var statement string
	switch {
	case f.Search != "":
		statement = q.found(f)
	case !f.Tenant.IsZero() || !f.Group.IsZero():
		statement = q.members(f)
	default:
		q.narrow(f)
		if !f.After.IsZero() {
			q.and(`u.id > %[1]s`, f.After)
		}
		statement = `select ` + userColumns + ` from platform.users u where true` + q.where.String()
	}
	return queryPlanned(ctx, s, "list users", statement+` order by u.id limit `+q.arg(f.Limit), scanUser, q.args...)
}

// members walks along the members, in order, and stops when there are enough: a
// tenant may be everybody.
func (q *selection) members(f UserFilter) string {
	if !f.Tenant.IsZero() {
		q.and(memberOfTenant, f.Tenant)
	}
	if !f.Group.IsZero() {
		q.and(memberOfGroup, f.Group)
	}
	if !f.After.IsZero() {
		q.and(`m.user_id > %[1]s`, f.After)
	}
	members := q.where.String()
	q.where.Reset()
	q.narrow(f)
	return `select ` + userColumns + ` from (
			select distinct m.user_id as id from platform.user_group_memberships m where true` + members + ` order by 1 offset 0) member
		cross join lateral (select * from platform.users u where u.id = member.id` + q.where.String() + ` offset 0) u`
}

// found begins with those in whose names a text stands. What narrows further does
// so afterwards, so without that no more need be found than are asked for.
func (q *selection) found(f UserFilter) string {
	q.narrow(f)
	q.belong(f)
	most := "null"
	if q.where.Len() == 0 {
		most = q.arg(f.Limit)
	}
	return `select ` + userColumns + ` from platform.find_users(` + q.arg(storage.FoldIdentifier(f.Search)) + `, ` + q.arg(f.After) + `, ` + most + `) found (id)
		join platform.users u on u.id = found.id where true` + q.where.String()
}

// SimilarUsers is the users whose names are the most like what is searched for: of
// the hundred likest those whom the filter chooses, without pages. There are none
// where the database has no pg_trgm.
func (s *OperatorStore) SimilarUsers(ctx context.Context, f UserFilter) ([]storage.User, error) {
	var q selection
	similar := `platform.similar_users(` + q.arg(storage.FoldIdentifier(f.Search)) + `, 100) with ordinality similar_user (id, place)`
	q.narrow(f)
	q.belong(f)
	return queryPlanned(ctx, s, "search users", `select `+userColumns+` from `+similar+`
		join platform.users u on u.id = similar_user.id where true`+q.where.String()+` order by similar_user.place`, scanUser, q.args...)
}

// CountUsers counts what Users would list.
func (s *OperatorStore) CountUsers(ctx context.Context, f UserFilter) (int, error) {
	var q selection
	from := `platform.users u`
	if f.Search != "" {
		from = `platform.find_users(` + q.arg(storage.FoldIdentifier(f.Search)) + `, null, null) found (id) join platform.users u on u.id = found.id`
	}
	q.narrow(f)
	q.belong(f)
	all, err := queryPlanned(ctx, s, "count users", `select count(*) from `+from+` where true`+q.where.String(), pgx.RowTo[int], q.args...)
	if err != nil {
		return 0, err
	}
	return all[0], nil
}

// queryPlanned is queryAll for a statement whose best plan depends on what is asked
// for: how common a role is, how large a tenant.
func queryPlanned[T any](ctx context.Context, s *OperatorStore, act, statement string, scan func(pgx.CollectableRow) (T, error), args ...any) ([]T, error) {
	var all []T
	err := s.batch(ctx, act, s.as, func(b *pgx.Batch) {
		b.Queue(`select set_config('plan_cache_mode', 'force_custom_plan', true)`)
		b.Queue(statement, args...).Query(func(rows pgx.Rows) (err error) {
			all, err = pgx.CollectRows(rows, scan)
			return err
		})
	})
	return all, err
}
