package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

func userObject(id authz.UserID) object {
	return row("user", "platform.users", "id", id, id.String())
}

// ownerObject is a user whose change may concern the last owner: it comes by the
// rows of all owners too, in one order, so that no two such changes wait for each other.
func ownerObject(id authz.UserID) object {
	o := userObject(id)
	o.lock = `select from platform.users x where x.id = $1 or x.role = 'owner' and x.disabled_at is null order by x.id for update`
	return o
}

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
	// Search is a part of user name, e-mail address or display name.
	Search string
	// After is the last id of the page before; ids sort by time of creation.
	After authz.UserID
	Limit int
}

const userFilter = ` from platform.users u
	 where ($1 = '' or u.role = $1)
	   and ($2::uuid is null or exists (select from platform.user_group_memberships m where m.user_id = u.id and m.tenant_id = $2))
	   and ($3::boolean is null or (u.disabled_at is not null) = $3)
	   and ($5::uuid is null or exists (select from platform.user_group_memberships m where m.user_id = u.id and m.user_group_id = $5))
	   and ($4 = '' or strpos(u.username_folded, $4) > 0 or strpos(u.email_folded, $4) > 0 or strpos(lower(u.display_name), $4) > 0)`

func (f UserFilter) args() []any {
	return []any{string(f.Role), f.Tenant, f.Disabled, storage.FoldIdentifier(f.Search), f.Group}
}

// Users lists users in the order of their creation.
func (s *OperatorStore) Users(ctx context.Context, f UserFilter) ([]storage.User, error) {
	return queryAll(ctx, s.Store, s.as, "list users", `select `+userColumns+userFilter+`
		and ($6::uuid is null or u.id > $6) order by u.id limit $7`, scanUser, append(f.args(), f.After, f.Limit)...)
}

// CountUsers counts what Users would list.
func (s *OperatorStore) CountUsers(ctx context.Context, f UserFilter) (int, error) {
	return queryOne(ctx, s.Store, s.as, "count users", `select count(*)`+userFilter, pgx.RowTo[int], f.args()...)
}

// InsertUser adds a user as a member of a tenant, which becomes their default.
func (s *OperatorStore) InsertUser(ctx context.Context, u storage.User, tenant authz.TenantID, e storage.AuditEvent) error {
	return s.change(ctx, e, userObject(u.ID), func(tx pgx.Tx) error { return insertUser(ctx, tx, u, tenant) })
}

func insertUser(ctx context.Context, tx pgx.Tx, u storage.User, tenant authz.TenantID) error {
	_, err := tx.Exec(ctx, `insert into platform.users (id, username, username_folded, email, email_folded, email_verified_at,
			password_hash, display_name, avatar_url, role, created_at, authz_changed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
		u.ID, u.Username, storage.FoldIdentifier(u.Username), u.Email, storage.FoldIdentifier(u.Email), zeronull.Timestamptz(u.EmailVerifiedAt),
		u.PasswordHash, u.DisplayName, u.AvatarURL, u.Role, u.CreatedAt)
	if err != nil {
		return err
	}
	if err := addMember(ctx, tx, u.ID, tenant, storage.MembersGroup, u.CreatedAt); err != nil {
		return err
	}
	return exec(ctx, tx, `insert into platform.user_preferences (user_id, default_tenant_id) values ($1, $2)`, u.ID, tenant)
}

func addMember(ctx context.Context, tx pgx.Tx, user authz.UserID, tenant authz.TenantID, group string, at time.Time) error {
	return exec(ctx, tx, `insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
		select $1, g.tenant_id, $2, g.id, $5 from platform.user_groups g where g.tenant_id = $3 and g.name = $4 and g.project_id is null`,
		authz.NewID[authz.MembershipID](at), user, tenant, group, at)
}

// UserChange is what to change of a user; nil leaves it as it is.
type UserChange struct {
	DisplayName, Email, AvatarURL *string
	Role                          *authz.Role
}

// UpdateUser changes what is given, and nothing that another change may have
// written meanwhile. A new role moves authz_changed_at; a new address is not verified.
func (s *OperatorStore) UpdateUser(ctx context.Context, id authz.UserID, c UserChange, e storage.AuditEvent) (storage.User, error) {
	var folded *string
	if c.Email != nil {
		text := storage.FoldIdentifier(*c.Email)
		folded = &text
	}
	var u storage.User
	err := s.change(ctx, e, ownerObject(id), func(tx pgx.Tx) error {
		return keepingAnOwner(ctx, tx, func() error {
			return tx.QueryRow(ctx, `update platform.users u set email = coalesce($2, u.email), email_folded = coalesce($3, u.email_folded),
					email_verified_at = case when u.email_folded = coalesce($3, u.email_folded) then u.email_verified_at end,
					display_name = coalesce($4, u.display_name), avatar_url = coalesce($5, u.avatar_url), role = coalesce($6, u.role),
					authz_changed_at = case when u.role = coalesce($6, u.role) then u.authz_changed_at else $7 end
				where u.id = $1 returning `+userColumns, id, c.Email, folded, c.DisplayName, c.AvatarURL, c.Role, e.At).Scan(userFields(&u)...)
		})
	})
	return u, err
}

// ErrLastOwner: the change would leave nobody who owns the deployment and can act.
var ErrLastOwner = errors.New("this is the last owner: make another user an owner first")

// keepingAnOwner takes a change of an [ownerObject] back after which there is no
// owner left. Others who change an owner wait: of two owners who remove each other,
// the second finds out that they are the last.
func keepingAnOwner(ctx context.Context, tx pgx.Tx, do func() error) error {
	const owners = `select id from platform.users where role = 'owner' and disabled_at is null`
	before, err := tx.Exec(ctx, owners)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := tx.Exec(ctx, owners)
	if err == nil && before.RowsAffected() > 0 && after.RowsAffected() == 0 {
		return ErrLastOwner
	}
	return err
}

// SetPasswordHash replaces a user's password and ends everything of theirs.
func (s *OperatorStore) SetPasswordHash(ctx context.Context, id authz.UserID, hash string, dead time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, userObject(id), func(tx pgx.Tx) error {
		if err := exec(ctx, tx, `update platform.users set password_hash = $2 where id = $1`, id, hash); err != nil {
			return err
		}
		if err := notify(ctx, tx, id, notice(storage.LetterPasswordChanged, e)); err != nil {
			return err
		}
		return endEverything(ctx, tx, id, "password changed", e.At, dead)
	})
}

// SetUserDisabled disables a user and ends everything of theirs, or enables them again.
func (s *OperatorStore) SetUserDisabled(ctx context.Context, id authz.UserID, disabled bool, dead time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, ownerObject(id), func(tx pgx.Tx) error {
		err := keepingAnOwner(ctx, tx, func() error {
			return exec(ctx, tx, `update platform.users set disabled_at = case when $2 then coalesce(disabled_at, $3) end, authz_changed_at = $3
				where id = $1`, id, disabled, e.At)
		})
		if err != nil || !disabled {
			return err
		}
		return endEverything(ctx, tx, id, "user disabled", e.At, dead)
	})
}

// DeleteUser removes a user with everything that is theirs alone. What stays is
// the ledger, without a name: their tokens must not outlive them.
func (s *OperatorStore) DeleteUser(ctx context.Context, id authz.UserID, dead time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, ownerObject(id), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at)
			select x::text, 'user deleted', $2, $3 from (
				select token_jti as x from platform.user_sessions where user_id = $1
				union all select id from platform.grants where user_id = $1) d
			on conflict (jti) do nothing`, id, e.At, dead)
		if err != nil {
			return err
		}
		return keepingAnOwner(ctx, tx, func() error { return exec(ctx, tx, `delete from platform.users where id = $1`, id) })
	})
}

// EndEverything ends every session and grant of a user, and counts the sessions.
func (s *OperatorStore) EndEverything(ctx context.Context, id authz.UserID, reason string, dead time.Time, e storage.AuditEvent) (int, error) {
	var sessions int
	err := s.change(ctx, e, userObject(id), func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select (select count(*) from platform.user_sessions s where s.user_id = u.id and s.revoked_at is null)
			from platform.users u where u.id = $1`, id).Scan(&sessions)
		if err != nil {
			return err
		}
		return endEverything(ctx, tx, id, reason, e.At, dead)
	})
	return sessions, err
}

func endEverything(ctx context.Context, tx pgx.Tx, user authz.UserID, reason string, now, dead time.Time) error {
	_, err := tx.Exec(ctx, `with ended as (
			update platform.user_sessions set revoked_at = $2 where user_id = $1 and revoked_at is null returning token_jti),
		withdrawn as (
			update platform.grants set revoked_at = $2 where user_id = $1 and revoked_at is null returning id)
		insert into platform.revoked_tokens (jti, user_id, reason, revoked_at, expires_at)
		select id::text, $1, $3, $2, $4 from (select token_jti as id from ended union all select id from withdrawn) d
		on conflict (jti) do nothing`, user, now, reason, dead)
	return err
}

// Bootstrap makes the first tenant and its owner in an empty database. When there
// is anybody already it is [storage.ErrConflict]; of several replicas that start
// at once, one makes them.
func (s *OperatorStore) Bootstrap(ctx context.Context, t storage.Tenant, u storage.User, e storage.AuditEvent) error {
	return s.change(ctx, e, userObject(u.ID), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `lock table platform.tenants in share row exclusive mode`); err != nil {
			return err
		}
		var empty bool
		err := tx.QueryRow(ctx, `select not exists (select from platform.users) and not exists (select from platform.tenants)`).Scan(&empty)
		if err != nil {
			return err
		}
		if !empty {
			return fmt.Errorf("bootstrap: %w", storage.ErrConflict)
		}
		if err := insertTenant(ctx, tx, t); err != nil {
			return err
		}
		return insertUser(ctx, tx, u, t.ID)
	})
}
