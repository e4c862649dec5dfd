package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// NewUser is a user to be added as a member of a tenant, which becomes their default.
type NewUser struct {
	storage.User
	Tenant authz.TenantID
}

// InsertUsers adds users, all or none, in as many statements as one takes. Each gets an
// event of their own that is otherwise like e.
func (s *OperatorStore) InsertUsers(ctx context.Context, users []NewUser, e storage.AuditEvent) error {
	return s.tx(ctx, e.Action, s.as, func(tx pgx.Tx) error {
		if err := insertUsers(ctx, tx, users); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into platform.audit_events (id, at, actor, actor_id, action, object_kind, object_id, tenant_id, ip_address, after)
			select n.event, $4, $5, $6, $7, 'user', x.id::text, n.tenant, $8, to_jsonb(x) - `+neverAudited+`
			from unnest($1::uuid[], $2::uuid[], $3::uuid[]) n (id, event, tenant) join platform.users x on x.id = n.id`,
			each(users, func(u NewUser) authz.UserID { return u.ID }),
			eventIDs(users, e),
			each(users, func(u NewUser) authz.TenantID { return u.Tenant }),
			e.At, e.Actor, e.ActorID, e.Action, addressOrNull(e.IPAddress))
		return err
	})
}

// postalOrNull keeps an empty address from becoming an empty object.
func postalOrNull(a storage.Address) *storage.Address {
	if a == (storage.Address{}) {
		return nil
	}
	return &a
}

func insertUser(ctx context.Context, tx pgx.Tx, u storage.User, tenant authz.TenantID) error {
	return insertUsers(ctx, tx, []NewUser{{u, tenant}})
}

// insertUsers sends everything in one trip. The event of who is added is the caller's.
func insertUsers(ctx context.Context, tx pgx.Tx, users []NewUser) error {
	ids := each(users, func(u NewUser) authz.UserID { return u.ID })
	tenants := each(users, func(u NewUser) authz.TenantID { return u.Tenant })
	created := each(users, func(u NewUser) time.Time { return u.CreatedAt })
	b := &pgx.Batch{}
	b.Queue(`insert into platform.users (id, username, username_folded, email, email_folded, email_verified_at,
			password_hash, display_name, display_name_folded, avatar_url, role, language, last_language,
			phone, phone_verified, address, created_at, authz_changed_at)
		select *, n.created_at from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
			$7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::boolean[], $16::jsonb[], $17::timestamptz[])
			n (id, username, username_folded, email, email_folded, email_verified_at,
			password_hash, display_name, display_name_folded, avatar_url, role, language, last_language,
			phone, phone_verified, address, created_at)`,
		ids,
		each(users, func(u NewUser) string { return u.Username }),
		each(users, func(u NewUser) string { return storage.FoldIdentifier(u.Username) }),
		each(users, func(u NewUser) string { return u.Email }),
		each(users, func(u NewUser) string { return storage.FoldIdentifier(u.Email) }),
		each(users, func(u NewUser) zeronull.Timestamptz { return zeronull.Timestamptz(u.EmailVerifiedAt) }),
		each(users, func(u NewUser) string { return u.PasswordHash }),
		each(users, func(u NewUser) string { return u.DisplayName }),
		each(users, func(u NewUser) string { return storage.FoldIdentifier(u.DisplayName) }),
		each(users, func(u NewUser) string { return u.AvatarURL }),
		each(users, func(u NewUser) string { return string(u.Role) }),
		each(users, func(u NewUser) zeronull.Text { return zeronull.Text(u.Language) }),
		each(users, func(u NewUser) zeronull.Text { return zeronull.Text(u.LastLanguage) }),
		each(users, func(u NewUser) zeronull.Text { return zeronull.Text(u.Phone) }),
		each(users, func(u NewUser) bool { return u.PhoneVerified }),
		each(users, func(u NewUser) *storage.Address { return postalOrNull(u.Address) }),
		created)
	b.Queue(`insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
		select n.id, g.tenant_id, n.user_id, g.id, n.created_at
		from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[]) n (id, user_id, tenant_id, created_at)
		join platform.user_groups g on g.tenant_id = n.tenant_id and g.name = $5 and g.project_id is null`,
		each(users, func(u NewUser) authz.MembershipID { return authz.NewID[authz.MembershipID](u.CreatedAt) }),
		ids, tenants, created, storage.MembersGroup).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() < int64(len(users)) {
			return pgx.ErrNoRows // one of the tenants is gone
		}
		return nil
	})
	b.Queue(`insert into platform.user_preferences (user_id, default_tenant_id) select * from unnest($1::uuid[], $2::uuid[])`, ids, tenants)
	return tx.SendBatch(ctx, b).Close()
}

// Names are the folded names by which an account is found.
type Names struct{ Username, Email string }

// Taken is the accounts that have one of the names.
func (s *OperatorStore) Taken(ctx context.Context, names []Names) ([]Names, error) {
	usernames := each(names, func(n Names) string { return n.Username })
	emails := each(names, func(n Names) string { return n.Email })
	return queryAll(ctx, s.Store, s.as, "look up names", `
		select username_folded, email_folded from platform.users where username_folded = any($1)
		union select username_folded, email_folded from platform.users where email_folded = any($2)`, pgx.RowToStructByPos[Names], possible(usernames), possible(emails))
}

// possible is the texts that can be names: none with a zero byte can.
func possible(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return strings.ContainsRune(name, 0) })
}

// CountMembers counts the members of a tenant.
func (s *OperatorStore) CountMembers(ctx context.Context, tenant authz.TenantID) (int, error) {
	return queryOne(ctx, s.Store, s.as, "count members", `select count(distinct user_id) from platform.user_group_memberships where tenant_id = $1`,
		pgx.RowTo[int], tenant)
}
