package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const userColumns = `u.id, u.username, u.email, u.email_verified_at, u.password_hash, u.display_name,
	u.avatar_url, u.role, u.created_at, u.last_login_at, u.disabled_at, u.authz_changed_at, u.language, u.last_language,
	u.phone, u.phone_verified, u.address`

const oneUser = `select ` + userColumns + ` from platform.users u where u.id = $1`

func userFields(u *storage.User) []any {
	return []any{&u.ID, &u.Username, &u.Email, (*zeronull.Timestamptz)(&u.EmailVerifiedAt), &u.PasswordHash,
		&u.DisplayName, &u.AvatarURL, &u.Role, &u.CreatedAt, (*zeronull.Timestamptz)(&u.LastLoginAt),
		(*zeronull.Timestamptz)(&u.DisabledAt), &u.AuthzChangedAt, (*zeronull.Text)(&u.Language), (*zeronull.Text)(&u.LastLanguage),
		(*zeronull.Text)(&u.Phone), &u.PhoneVerified, (*postal)(&u.Address)}
}

// postal is an address as its column has it: null for none.
type postal storage.Address

// ScanBytes is [pgtype.BytesScanner].
func (p *postal) ScanBytes(document []byte) error {
	*p = postal{}
	if document == nil {
		return nil
	}
	return json.Unmarshal(document, p)
}

// UserByIdentifier finds the account that a person means by a user name or an
// e-mail address, in any case.
func (s *Store) UserByIdentifier(ctx context.Context, identifier string) (storage.User, error) {
	folded := storage.FoldIdentifier(identifier)
	var u storage.User
	err := s.batch(ctx, "look up account", acting{identifier: folded}, func(b *pgx.Batch) {
		b.Queue(`select `+userColumns+` from platform.users u
			where u.username_folded = $1 or u.email_folded = $1
			order by u.username_folded = $1 desc limit 1`, folded).
			QueryRow(func(row pgx.Row) error { return row.Scan(userFields(&u)...) })
	})
	return u, err
}

// User is the user's own record.
func (s *UserStore) User(ctx context.Context) (storage.User, error) {
	var u storage.User
	err := s.batch(ctx, "read user", s.as, func(b *pgx.Batch) {
		b.Queue(oneUser, s.as.user).
			QueryRow(func(row pgx.Row) error { return row.Scan(userFields(&u)...) })
	})
	return u, err
}

// Member is the user's own record while they are a member of the tenant;
// [storage.ErrNotFound] when they are not.
func (s *UserStore) Member(ctx context.Context, tenant authz.TenantID) (storage.User, error) {
	var u storage.User
	err := s.ask(ctx, "read member", `select u.* from (select set_config('app.user_id', $3, true) as acting offset 0) a
		cross join lateral (select `+userColumns+` from platform.users u where u.id = $1 and a.acting <> ''
		   and exists (select from platform.user_group_memberships m where m.user_id = u.id and m.tenant_id = $2) offset 0) u`,
		[]any{s.as.user, tenant, s.as.user.String()}, func(row pgx.Row) error { return row.Scan(userFields(&u)...) })
	return u, err
}

// Person is the user with rights, preferences and tenants.
func (s *UserStore) Person(ctx context.Context) (storage.Person, error) {
	var p storage.Person
	return p, s.askPerson(ctx, "read person", `
		select p.* from (select set_config('app.user_id', $2, true) as acting offset 0) a
		 cross join lateral (`+personColumns+` where u.id = $1 and a.acting <> '' offset 0) p`, []any{s.as.user, s.as.user.String()}, &p)
}

// People is whom ids, or else folded user names or e-mail addresses, mean, in no order.
func (s *OperatorStore) People(ctx context.Context, ids []authz.UserID, names []string) ([]storage.Person, error) {
	members, err := queryAll(ctx, s.Store, s.as, "read people", personColumns+` where u.id in (select unnest($1::uuid[])
		union select id from platform.users where username_folded = any($2)
		union select id from platform.users where email_folded = any($2))`,
		func(row pgx.CollectableRow) (*member, error) {
			m := &member{}
			return m, scanMember(row, m)
		}, ids, possible(names))
	if err != nil {
		return nil, err
	}
	people := make([]storage.Person, len(members))
	err = s.belong(ctx, s.as, members...)
	for i, m := range members {
		people[i] = m.Person
	}
	return people, err
}

const personColumns = `
	select ` + userColumns + `,
	       f.default_tenant_id,
	       f.default_project_id,
	       (select json_agg(json_build_object('Tenant', x.tenant_id, 'Scope', x.scope))
	          from platform.user_scopes x where x.user_id = u.id),
	       (select json_agg(json_build_object('Tenant', m.tenant_id, 'Group', m.user_group_id))
	          from platform.user_group_memberships m where m.user_id = u.id)
	  from platform.users u
	  left join platform.user_preferences f on f.user_id = u.id`

// askPerson sends one statement whose last columns are personColumns; others take what
// stands before them.
func (s *Store) askPerson(ctx context.Context, act, statement string, args []any, p *storage.Person, others ...any) error {
	var m member
	if err := s.ask(ctx, act, statement, args, func(row pgx.Row) error { return scanMember(row, &m, others...) }); err != nil {
		return err
	}
	err := s.belong(ctx, acting{user: m.ID}, &m)
	*p = m.Person
	return err
}

// Projects are those of the user's tenants, suspended tenants left out, by their names.
func (s *UserStore) Projects(ctx context.Context) ([]storage.Project, error) {
	return queryAll(ctx, s.Store, s.as, "list own projects", `select `+projectColumns+` from public.projects p
		where exists (select from platform.user_group_memberships m join platform.tenants t on t.id = m.tenant_id
		       where m.user_id = $1 and m.tenant_id = p.tenant_id and t.suspended_at is null)
		order by p.name, p.id limit $2`, scanProject, s.as.user, ownProjects)
}

// ownProjects is how many projects a page lets choose from.
const ownProjects = 500

// SetPassword gives the user another password and ends every session of theirs but
// one: whoever knew the former one is out.
func (s *UserStore) SetPassword(ctx context.Context, hash string, keep authz.SessionID, dead time.Time, e storage.AuditEvent) error {
	return s.tx(ctx, "set password", s.as, func(tx pgx.Tx) error {
		if err := exec(ctx, tx, `update platform.users set password_hash = $2 where id = $1`, s.as.user, hash); err != nil {
			return err
		}
		return s.endOthers(ctx, tx, keep, "password changed", storage.LetterPasswordChanged, dead, e)
	})
}

// UpdatePasswordHash replaces the digest of an unchanged password by one with
// today's parameters, if nobody else did, and gives the one that is stored then.
func (s *Store) UpdatePasswordHash(ctx context.Context, user authz.UserID, old, encoded string) (string, error) {
	var stored string
	err := s.batch(ctx, "update password hash", acting{user: user}, func(b *pgx.Batch) {
		b.Queue(`update platform.users set password_hash = case password_hash when $2 then $3 else password_hash end where id = $1
			returning password_hash`, user, old, encoded).QueryRow(func(row pgx.Row) error { return row.Scan(&stored) })
	})
	return stored, err
}
