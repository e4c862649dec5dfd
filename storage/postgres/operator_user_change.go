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
	// Language "" leaves it to the user's browser; Phone "" takes the number away.
	Username, DisplayName, Email, AvatarURL, Language, Phone *string
	Role                                                     *authz.Role
	Disabled, PhoneVerified                                  *bool
	Address                                                  storage.AddressChange
	// If judges the record as it stands when the change is made, which nobody changes
	// meanwhile; its error ends the change. nil asks nothing.
	If func(storage.User) error
}

// UserUpdate is what to change of whom.
type UserUpdate struct {
	ID authz.UserID
	UserChange
}

// UpdateUser is UpdateUsers for one, and gives the record as it is then.
func (s *OperatorStore) UpdateUser(ctx context.Context, id authz.UserID, c UserChange, dead time.Time, e storage.AuditEvent) (storage.User, error) {
	users, err := s.UpdateUsers(ctx, []UserUpdate{{id, c}}, dead, e)
	if err != nil {
		return storage.User{}, err
	}
	return users[0], nil
}

// UpdateUsers changes what is given, and nothing that another change may have
// written meanwhile. A new role and another status move authz_changed_at; a new
// address and a new telephone number are not verified, unless it is said that the number is; disabling ends everything. Nobody is named twice.
func (s *OperatorStore) UpdateUsers(ctx context.Context, all []UserUpdate, dead time.Time, e storage.AuditEvent) ([]storage.User, error) {
	var users []storage.User
	var disabled []authz.UserID
	for _, u := range all {
		if u.Disabled != nil && *u.Disabled {
			disabled = append(disabled, u.ID)
		}
	}
	ids := each(all, func(u UserUpdate) authz.UserID { return u.ID })
	err := s.changeUsers(ctx, e, ids, func(tx pgx.Tx) error {
		for _, u := range all {
			if err := asSeen(ctx, tx, u.If, scanUser, oneUser, u.ID); err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, updateUsers, e.At, ids,
			each(all, func(u UserUpdate) *string { return u.Username }),
			each(all, func(u UserUpdate) *string { return folded(u.Username) }),
			each(all, func(u UserUpdate) *string { return u.Email }),
			each(all, func(u UserUpdate) *string { return folded(u.Email) }),
			each(all, func(u UserUpdate) *string { return u.DisplayName }),
			each(all, func(u UserUpdate) *string { return folded(u.DisplayName) }),
			each(all, func(u UserUpdate) *string { return u.AvatarURL }),
			each(all, func(u UserUpdate) *string { return u.Language }),
			each(all, func(u UserUpdate) *string { return (*string)(u.Role) }),
			each(all, func(u UserUpdate) *bool { return u.Disabled }),
			each(all, func(u UserUpdate) *string { return u.Phone }),
			each(all, func(u UserUpdate) *bool { return u.PhoneVerified }),
			each(all, func(u UserUpdate) storage.AddressChange { return u.Address }))
		if err != nil {
			return err
		}
		if users, err = pgx.CollectRows(rows, scanUser); err != nil {
			return err
		}
		if len(users) < len(all) {
			return pgx.ErrNoRows
		}
		return endEverything(ctx, tx, disabled, "user disabled", e.At, dead)
	})
	return users, err
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

const updateUsers = `update platform.users u set
		username = coalesce(c.username, u.username), username_folded = coalesce(c.username_folded, u.username_folded),
		email = coalesce(c.email, u.email), email_folded = coalesce(c.email_folded, u.email_folded),
		email_verified_at = case when u.email_folded = coalesce(c.email_folded, u.email_folded) then u.email_verified_at end,
		display_name = coalesce(c.display_name, u.display_name), display_name_folded = coalesce(c.display_name_folded, u.display_name_folded),
		avatar_url = coalesce(c.avatar_url, u.avatar_url), language = nullif(coalesce(c.language, u.language), ''), role = coalesce(c.role, u.role),
		disabled_at = case when c.disabled then coalesce(u.disabled_at, $1) when c.disabled = false then null else u.disabled_at end,
		authz_changed_at = case when u.role = coalesce(c.role, u.role) and (u.disabled_at is not null) = coalesce(c.disabled, u.disabled_at is not null)
			then u.authz_changed_at else $1 end,
		phone = nullif(coalesce(c.phone, u.phone), ''),
		phone_verified = coalesce(c.phone, u.phone, '') <> '' and coalesce(c.phone_verified, u.phone_verified and (c.phone is null or c.phone = u.phone)),
		address = (select jsonb_object_agg(a.key, a.value) from jsonb_each_text(coalesce(u.address, '{}') || c.address) a where a.value <> '')
	from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::boolean[],
		$13::text[], $14::boolean[], $15::jsonb[])
		c (id, username, username_folded, email, email_folded, display_name, display_name_folded, avatar_url, language, role, disabled, phone, phone_verified, address)
	where u.id = c.id returning ` + userColumns

func folded(text *string) *string {
	if text == nil {
		return nil
	}
	f := storage.FoldIdentifier(*text)
	return &f
}

// ErrLastOwner: the change would leave nobody who owns the deployment and can act.
var ErrLastOwner = errors.New("this is the last owner: make another user an owner first")

// keepingAnOwner takes a change of users back after which there is no
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
		return endEverything(ctx, tx, []authz.UserID{id}, "password changed", e.At, dead)
	})
}

// SetUsersDisabled disables users and ends everything of theirs, or enables them again.
func (s *OperatorStore) SetUsersDisabled(ctx context.Context, ids []authz.UserID, disabled bool, dead time.Time, e storage.AuditEvent) error {
	return s.changeUsers(ctx, e, ids, func(tx pgx.Tx) error {
		err := execEach(ctx, tx, len(ids), `update platform.users set disabled_at = case when $2 then coalesce(disabled_at, $3) end, authz_changed_at = $3
			where id = any($1)`, ids, disabled, e.At)
		if err != nil || !disabled {
			return err
		}
		return endEverything(ctx, tx, ids, "user disabled", e.At, dead)
	})
}

// DeleteUser is DeleteUsers for one, if seen, which may be nil, has nothing against them.
func (s *OperatorStore) DeleteUser(ctx context.Context, id authz.UserID, seen func(storage.User) error, dead time.Time, e storage.AuditEvent) error {
	ids := []authz.UserID{id}
	return s.changeUsers(ctx, e, ids, func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanUser, oneUser, id); err != nil {
			return err
		}
		return deleteUsers(ctx, tx, ids, "user deleted", e.At, dead)
	})
}

// DeleteUsers removes users with everything that is theirs alone. What stays is
// the ledger, without a name: their tokens must not outlive them.
func (s *OperatorStore) DeleteUsers(ctx context.Context, ids []authz.UserID, dead time.Time, e storage.AuditEvent) error {
	return s.changeUsers(ctx, e, ids, func(tx pgx.Tx) error { return deleteUsers(ctx, tx, ids, "user deleted", e.At, dead) })
}

func deleteUsers(ctx context.Context, tx pgx.Tx, ids []authz.UserID, reason string, now, dead time.Time) error {
	_, err := tx.Exec(ctx, `insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at)
		select x::text, $4, $2, $3 from (
			select token_jti as x from platform.user_sessions where user_id = any($1)
			union all select id from platform.grants where user_id = any($1)) d
		on conflict (jti) do nothing`, ids, now, dead, reason)
	if err != nil {
		return err
	}
	// What is dead stays dead, and says no more whose it was.
	if _, err := tx.Exec(ctx, `update platform.revoked_tokens set user_id = null where user_id = any($1)`, ids); err != nil {
		return err
	}
	return execEach(ctx, tx, len(ids), `delete from platform.users where id = any($1)`, ids)
}

// EndEverything ends every session and grant of users, and counts the sessions.
func (s *OperatorStore) EndEverything(ctx context.Context, ids []authz.UserID, reason string, dead time.Time, e storage.AuditEvent) (int, error) {
	var sessions int
	err := s.changeUsers(ctx, e, ids, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select count(*) from platform.user_sessions where user_id = any($1) and revoked_at is null`, ids).Scan(&sessions)
		if err != nil {
			return err
		}
		return endEverything(ctx, tx, ids, reason, e.At, dead)
	})
	return sessions, err
}

// endEverything ends every session and grant of users, whose rows the transaction holds: so
// nobody signs in meanwhile ([UserStore.InsertSession]).
func endEverything(ctx context.Context, tx pgx.Tx, users []authz.UserID, reason string, now, dead time.Time) error {
	b := &pgx.Batch{}
	b.Queue(holdSessions+`true`+inOrder, users)
	b.Queue(`with ended as (
			update platform.user_sessions set revoked_at = $2 where user_id = any($1) and revoked_at is null returning token_jti, user_id),
		withdrawn as (
			update platform.grants set revoked_at = $2 where user_id = any($1) and revoked_at is null returning id, user_id)
		insert into platform.revoked_tokens (jti, user_id, reason, revoked_at, expires_at)
		select id::text, user_id, $3, $2, $4 from (select token_jti as id, user_id from ended union all select id, user_id from withdrawn) d
		on conflict (jti) do nothing`, users, now, reason, dead)
	b.Queue(voidEmailChanges, users)
	return tx.SendBatch(ctx, b).Close()
}
