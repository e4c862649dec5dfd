package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// UserChange is what to change of a user; nil leaves it as it is.
type UserChange struct {
	Username, DisplayName, Email, AvatarURL *string
	Role                                    *authz.Role
	Disabled                                *bool
	// If judges the record as it stands when the change is made, which nobody changes
	// meanwhile; its error ends the change. nil asks nothing.
	If func(storage.User) error
}

// UpdateUser changes what is given, and nothing that another change may have
// written meanwhile. A new role and another status move authz_changed_at; a new
// address is not verified; disabling ends everything.
func (s *OperatorStore) UpdateUser(ctx context.Context, id authz.UserID, c UserChange, dead time.Time, e storage.AuditEvent) (storage.User, error) {
	var u storage.User
	err := s.change(ctx, e, ownerObject(id), func(tx pgx.Tx) error {
		err := keepingAnOwner(ctx, tx, func() error {
			if err := c.holds(ctx, tx, id); err != nil {
				return err
			}
			return tx.QueryRow(ctx, updateUser, id, c.Email, folded(c.Email), c.DisplayName, c.AvatarURL, c.Role, e.At,
				c.Username, folded(c.Username), folded(c.DisplayName), c.Disabled).Scan(userFields(&u)...)
		})
		if err != nil || c.Disabled == nil || !*c.Disabled {
			return err
		}
		return endEverything(ctx, tx, id, "user disabled", e.At, dead)
	})
	return u, err
}

// SetPreferences keeps where a user lands when nothing else is said. A project that is
// not of the tenant counts as none.
func (s *OperatorStore) SetPreferences(ctx context.Context, user authz.UserID, p storage.Preferences, e storage.AuditEvent) error {
	return s.change(ctx, e, row("preferences", "platform.user_preferences", "user_id", user, user.String()), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into platform.user_preferences (user_id, default_tenant_id, default_project_id)
			values ($1, $2, (select p.id from public.projects p where p.id = $3 and p.tenant_id = $2)) on conflict (user_id) do update
			set default_tenant_id = excluded.default_tenant_id, default_project_id = excluded.default_project_id`, user, p.Tenant, p.Project)
	})
}

func (c UserChange) holds(ctx context.Context, tx pgx.Tx, id authz.UserID) error {
	if c.If == nil {
		return nil
	}
	var u storage.User
	err := tx.QueryRow(ctx, `select `+userColumns+` from platform.users u where u.id = $1 for update`, id).Scan(userFields(&u)...)
	if err != nil {
		return err
	}
	return c.If(u)
}

const updateUser = `update platform.users u set
		username = coalesce($8, u.username), username_folded = coalesce($9, u.username_folded),
		email = coalesce($2, u.email), email_folded = coalesce($3, u.email_folded),
		email_verified_at = case when u.email_folded = coalesce($3, u.email_folded) then u.email_verified_at end,
		display_name = coalesce($4, u.display_name), display_name_folded = coalesce($10, u.display_name_folded),
		avatar_url = coalesce($5, u.avatar_url), role = coalesce($6, u.role),
		disabled_at = case when $11 then coalesce(u.disabled_at, $7) when $11 = false then null else u.disabled_at end,
		authz_changed_at = case when u.role = coalesce($6, u.role) and (u.disabled_at is not null) = coalesce($11, u.disabled_at is not null)
			then u.authz_changed_at else $7 end
	where u.id = $1 returning ` + userColumns

func folded(text *string) *string {
	if text == nil {
		return nil
	}
	f := storage.FoldIdentifier(*text)
	return &f
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
		return keepingAnOwner(ctx, tx, func() error { return deleteUser(ctx, tx, id, "user deleted", e.At, dead) })
	})
}

func deleteUser(ctx context.Context, tx pgx.Tx, id authz.UserID, reason string, now, dead time.Time) error {
	_, err := tx.Exec(ctx, `insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at)
		select x::text, $4, $2, $3 from (
			select token_jti as x from platform.user_sessions where user_id = $1
			union all select id from platform.grants where user_id = $1) d
		on conflict (jti) do nothing`, id, now, dead, reason)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update platform.revoked_tokens set user_id = null where user_id = $1`, id); err != nil {
		return err
	}
	return exec(ctx, tx, `delete from platform.users where id = $1`, id)
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
