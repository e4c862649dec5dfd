package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// LinkOwner is who a one-time link is for: the user with the authenticators that count, or, for an
// invitation or a registration, the account that has its address, if there is one.
type LinkOwner struct {
	storage.User
	// Known reports whether there is such an account.
	Known bool
}

// Link reads the link with an id, and whose it is. [storage.ErrNotFound] covers one that was
// used, has expired or was replaced by a later one.
func (s *Store) Link(ctx context.Context, id authz.LinkID, now time.Time) (storage.Link, LinkOwner, error) {
	var l storage.Link
	var owner LinkOwner
	err := s.batch(ctx, "read link", acting{row: id}, func(b *pgx.Batch) {
		b.Queue(`select l.id, l.purpose, l.user_id, l.email, l.flow, l.created_at, l.expires_at, l.tenant_id, l.group_id, coalesce(l.role, '')
			from (select *, set_config('app.user_id', coalesce(user_id::text, ''), true),
			             set_config('app.tenant_id', coalesce(tenant_id::text, ''), true),
			             set_config('app.identifier', case when user_id is null then email_folded else '' end, true)
			        from platform.one_time_links where id = $1 and expires_at > $2 offset 0) l`, id, now).
			QueryRow(func(row pgx.Row) error {
				return row.Scan(&l.ID, &l.Purpose, &l.User, &l.Email, &l.Flow, &l.CreatedAt, &l.ExpiresAt, &l.Tenant.ID, &l.Group, &l.Role)
			})
		b.Queue(`select t.id, t.slug, t.name, t.registration from platform.tenants t where t.id = platform.acting_tenant() and t.suspended_at is null`).
			Query(func(rows pgx.Rows) error {
				for rows.Next() {
					if err := rows.Scan(&l.Tenant.ID, &l.Tenant.Slug, &l.Tenant.Name, &l.Tenant.Registration); err != nil {
						return err
					}
				}
				return rows.Err()
			})
		b.Queue(`select ` + userColumns + ` from platform.users u
			where u.id = platform.acting_user() or u.email_folded = platform.named_identifier()`).
			Query(func(rows pgx.Rows) error {
				for rows.Next() {
					owner.Known = true
					if err := rows.Scan(userFields(&owner.User)...); err != nil {
						return err
					}
				}
				return rows.Err()
			})
	})
	return l, owner, err
}

// InsertLink makes a link of the user and, when there is one, the letter that carries
// it. The user's link of the same purpose, of which there is one at most, is void from then on.
func (s *UserStore) InsertLink(ctx context.Context, l storage.Link, letters ...storage.Mail) error {
	return s.batch(ctx, "insert link", s.as, func(b *pgx.Batch) {
		queueLink(b, s.as.user, l)
		for _, m := range letters {
			queueJob(b, m)
		}
	})
}

func queueLink(b *pgx.Batch, user authz.UserID, l storage.Link) {
	b.Queue(`insert into platform.one_time_links (id, purpose, user_id, email, email_folded, flow, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (user_id, purpose) do update set id = excluded.id, email = excluded.email, email_folded = excluded.email_folded,
			flow = excluded.flow, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		l.ID, l.Purpose, user, l.Email, storage.FoldIdentifier(l.Email), l.Flow, l.CreatedAt, l.ExpiresAt)
}

// consumeLink spends a link: of any number of attempts one finds it.
func consumeLink(ctx context.Context, tx pgx.Tx, l storage.Link, now time.Time) error {
	return exec(ctx, tx, `delete from platform.one_time_links where id = $1 and purpose = $2 and expires_at > $3`, l.ID, l.Purpose, now)
}

// spend does what a link of the user is for, once. The error is [storage.ErrNotFound] for whoever comes
// second or too late.
func (s *UserStore) spend(ctx context.Context, l storage.Link, e storage.AuditEvent, do func(pgx.Tx, *pgx.Batch) error) error {
	return s.tx(ctx, e.Action, s.as, func(tx pgx.Tx) error {
		if err := consumeLink(ctx, tx, l, e.At); err != nil {
			return err
		}
		b := &pgx.Batch{}
		if err := do(tx, b); err != nil {
			return err
		}
		queueAudit(b, s.onUser(e))
		return tx.SendBatch(ctx, b).Close()
	})
}

// SignInByLink spends a link to sign in with.
func (s *UserStore) SignInByLink(ctx context.Context, l storage.Link, e storage.AuditEvent) error {
	return s.spend(ctx, l, e, func(pgx.Tx, *pgx.Batch) error { return nil })
}

// VerifyEmail spends a link that proves the user's address, if it still is theirs.
func (s *UserStore) VerifyEmail(ctx context.Context, l storage.Link, e storage.AuditEvent) error {
	return s.spend(ctx, l, e, func(tx pgx.Tx, _ *pgx.Batch) error {
		return exec(ctx, tx, `update platform.users set email_verified_at = $3 where id = $1 and email_folded = $2`,
			s.as.user, storage.FoldIdentifier(l.Email), e.At)
	})
}

// ResetPassword spends a link that lets the user choose a password, and ends
// everything of theirs.
func (s *UserStore) ResetPassword(ctx context.Context, l storage.Link, hash string, dead time.Time, e storage.AuditEvent) error {
	return s.spend(ctx, l, e, func(tx pgx.Tx, b *pgx.Batch) error {
		if err := exec(ctx, tx, `update platform.users set password_hash = $2 where id = $1 and disabled_at is null`, s.as.user, hash); err != nil {
			return err
		}
		queueNotice(b, s.as.user, notice(storage.LetterPasswordChanged, e), "$4", l.Purpose == storage.LinkResetPassword)
		return endEverything(ctx, tx, []authz.UserID{s.as.user}, "password changed", e.At, dead)
	})
}

// SetUpPasskey spends a link that lets the user begin with a passkey, in place of a password that there
// may be, and ends everything of theirs. An account that is guarded by more than a password has no such
// link: that is [storage.ErrNotFound], and the link stays. A credential id that anybody has is [storage.ErrConflict].
func (s *UserStore) SetUpPasskey(ctx context.Context, l storage.Link, p storage.Passkey, dead time.Time, e storage.AuditEvent) error {
	return s.spend(ctx, l, e, func(tx pgx.Tx, b *pgx.Batch) error {
		if err := exec(ctx, tx, `update platform.users u set password_hash = $2 where id = $1 and disabled_at is null
			and not exists (select from platform.webauthn_credentials c where c.user_id = u.id)
			and not exists (select from platform.totp_secrets t where t.user_id = u.id)`, s.as.user, storage.UnusablePassword); err != nil {
			return err
		}
		queuePasskey(b, s.as.user, p)
		return endEverything(ctx, tx, []authz.UserID{s.as.user}, "passkey set up", e.At, dead)
	})
}

// ChangeEmail spends the link that proved a new address: it takes the place of the old one, which is
// told and may take the change back. While a former address may still do that, there is no other change:
// its link would give way to one for the address that came between, in whosever hands that is.
func (s *UserStore) ChangeEmail(ctx context.Context, l, undo storage.Link, m storage.Mail, e storage.AuditEvent) error {
	return s.spend(ctx, l, e, func(tx pgx.Tx, b *pgx.Batch) error {
		err := tx.QueryRow(ctx, `with old as materialized (select id, email from platform.users where id = $1
			   and not exists (select from platform.one_time_links where user_id = $1 and purpose = 'undo_email' and expires_at > $4) for update)
			update platform.users u set email = $2, email_folded = $3, email_verified_at = $4 from old where u.id = old.id
			returning old.email, coalesce(nullif(u.display_name, ''), u.username)`,
			s.as.user, l.Email, storage.FoldIdentifier(l.Email), e.At).Scan(&undo.Email, &m.Name)
		if err != nil {
			return err
		}
		m.To = undo.Email
		queueLink(b, s.as.user, undo)
		queueJob(b, m)
		// What was sent to the old address must not open the account any more.
		b.Queue(`delete from platform.one_time_links where user_id = $1 and purpose in ('verify_email', 'reset_password', 'sign_in', 'set_up')`, s.as.user)
		return nil
	})
}

// EmailUndoable reports whether the former address of the user may still take its change back.
func (s *UserStore) EmailUndoable(ctx context.Context, now time.Time) (undoable bool, err error) {
	err = s.batch(ctx, "read undo link", s.as, func(b *pgx.Batch) {
		b.Queue(`select exists (select from platform.one_time_links where user_id = $1 and purpose = 'undo_email' and expires_at > $2)`, s.as.user, now).
			QueryRow(func(row pgx.Row) error { return row.Scan(&undoable) })
	})
	return undoable, err
}

// voidEmailChanges: whoever had a session that ends may have asked for another address with it.
const voidEmailChanges = `delete from platform.one_time_links where user_id = any($1) and purpose = 'change_email'`

// UndoEmail spends the link by which the old address takes a change back. Who changed it may
// have the password too, so everything ends, and what the new address was sent is void.
func (s *UserStore) UndoEmail(ctx context.Context, l storage.Link, dead time.Time, e storage.AuditEvent) error {
	return s.spend(ctx, l, e, func(tx pgx.Tx, b *pgx.Batch) error {
		err := exec(ctx, tx, `update platform.users set email = $2, email_folded = $3, email_verified_at = $4 where id = $1`,
			s.as.user, l.Email, storage.FoldIdentifier(l.Email), e.At)
		if err != nil {
			return err
		}
		b.Queue(`delete from platform.one_time_links where user_id = $1`, s.as.user)
		queueNotice(b, s.as.user, notice(storage.LetterEmailRestored, e), "true")
		return endEverything(ctx, tx, []authz.UserID{s.as.user}, "e-mail address restored", e.At, dead)
	})
}

// notice is a letter about a change that is being made.
func notice(letter storage.Letter, e storage.AuditEvent) storage.Mail {
	return storage.Mail{Letter: letter, Language: e.Language, At: e.At, Address: e.IPAddress}
}

// linkObject is a link as the audit log keeps it.
func linkObject(id authz.LinkID) object {
	return row("link", "platform.one_time_links", "id", id, id.String())
}

// InsertLinkFor makes a link for a user on an operator's word.
func (s *OperatorStore) InsertLinkFor(ctx context.Context, l storage.Link, e storage.AuditEvent) error {
	return s.change(ctx, e, linkObject(l.ID), func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		queueLink(b, l.User, l)
		return tx.SendBatch(ctx, b).Close()
	})
}

// InsertInvitation makes an invitation and the letter that carries it. An earlier one of the same
// address to the same tenant is void from then on.
func (s *OperatorStore) InsertInvitation(ctx context.Context, l storage.Link, m storage.Mail, e storage.AuditEvent) error {
	return s.change(ctx, e, linkObject(l.ID), func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`insert into platform.one_time_links (id, purpose, email, email_folded, tenant_id, group_id, role, created_at, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			on conflict (tenant_id, email_folded) where purpose = 'invitation' do update set id = excluded.id, email = excluded.email,
				group_id = excluded.group_id, role = excluded.role, created_at = excluded.created_at, expires_at = excluded.expires_at`,
			l.ID, storage.LinkInvitation, l.Email, storage.FoldIdentifier(l.Email), l.Tenant.ID, l.Group, l.Role, l.CreatedAt, l.ExpiresAt)
		queueJob(b, m)
		return tx.SendBatch(ctx, b).Close()
	})
}

// InsertRegistration makes a link that makes an account, and the letter that carries it. An
// earlier one of the same address in the tenant is void from then on.
func (s *TenantStore) InsertRegistration(ctx context.Context, l storage.Link, m storage.Mail) error {
	return s.batch(ctx, "insert registration", s.as, func(b *pgx.Batch) {
		b.Queue(`insert into platform.one_time_links (id, purpose, email, email_folded, tenant_id, role, flow, created_at, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			on conflict (tenant_id, email_folded) where purpose = 'registration' do update set id = excluded.id, email = excluded.email,
				flow = excluded.flow, created_at = excluded.created_at, expires_at = excluded.expires_at`,
			l.ID, storage.LinkRegistration, l.Email, storage.FoldIdentifier(l.Email), s.as.tenant, l.Role, l.Flow, l.CreatedAt, l.ExpiresAt)
		queueJob(b, m)
	})
}

// AcceptInvitation spends an invitation or a registration: a new user when made is true, else one who exists, becomes a
// member. The address is proven, for the invitation went there. first is a new user's passkey, or nil.
func (s *OperatorStore) AcceptInvitation(ctx context.Context, l storage.Link, u storage.User, made bool, first *storage.FirstPasskey, e storage.AuditEvent) error {
	return s.change(ctx, e, userObject(u.ID), func(tx pgx.Tx) error {
		if err := consumeLink(ctx, tx, l, e.At); err != nil {
			return err
		}
		var err error
		if made {
			u.EmailVerifiedAt = e.At
			if err = insertUser(ctx, tx, u, l.Tenant.ID); err == nil {
				err = insertFirstPasskey(ctx, tx, u.ID, first)
			}
		} else {
			err = join(ctx, tx, u.ID, l, e.At)
		}
		if err != nil || l.Group.IsZero() {
			return err
		}
		_, err = tx.Exec(ctx, `insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
			values ($1, $2, $3, $4, $5) on conflict (tenant_id, user_id, user_group_id) do nothing`,
			authz.NewID[authz.MembershipID](e.At), l.Tenant.ID, u.ID, l.Group, e.At)
		return err
	})
}

func insertFirstPasskey(ctx context.Context, tx pgx.Tx, user authz.UserID, first *storage.FirstPasskey) error {
	if first == nil {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(`insert into platform.webauthn_users (user_id, handle) values ($1, $2)`, user, first.Handle)
	queuePasskey(b, user, first.Passkey)
	return tx.SendBatch(ctx, b).Close()
}

// join makes a user with the invited address a member.
func join(ctx context.Context, tx pgx.Tx, user authz.UserID, l storage.Link, at time.Time) error {
	err := exec(ctx, tx, `update platform.users set email_verified_at = coalesce(email_verified_at, $3), authz_changed_at = $3
		where id = $1 and email_folded = $2 and disabled_at is null`, user, storage.FoldIdentifier(l.Email), zeronull.Timestamptz(at))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
		select $1, g.tenant_id, $2, g.id, $5 from platform.user_groups g where g.tenant_id = $3 and g.name = $4 and g.project_id is null
		on conflict (tenant_id, user_id, user_group_id) do nothing`,
		authz.NewID[authz.MembershipID](at), user, l.Tenant.ID, storage.MembersGroup, at)
	return err
}
