package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Merge is what becomes of a user who is merged into another.
type Merge struct {
	// Moved and Kept count, by kind, what the target gets, and what both have, of
	// which the target's stays and the source's goes. Kinds with neither are left out.
	Moved map[string]int `json:"moved"`
	Kept  map[string]int `json:"kept"`
	// Ended counts the sessions and grants of the source that stood.
	Ended map[string]int `json:"ended"`
}

// A mergePart is the rows of one table that go from the source, $1, to the target, $2.
type mergePart struct {
	kind, table, column string
	// both selects the target's row that stands in the way of x, a row of the
	// source's; "" when none can.
	both string
	// first are statements that make room for it.
	first []string
}

var mergeParts = []mergePart{
	{kind: "memberships", table: "platform.user_group_memberships", column: "user_id",
		both: `select from platform.user_group_memberships y where y.user_id = $2 and y.user_group_id = x.user_group_id`},
	{kind: "scopes", table: "platform.user_scopes", column: "user_id",
		both: `select from platform.user_scopes y where y.user_id = $2 and y.tenant_id is not distinct from x.tenant_id and y.scope = x.scope`},
	{kind: "consents", table: "platform.consents", column: "user_id",
		both: `select from platform.consents y where y.user_id = $2 and y.client_id = x.client_id and y.tenant_id = x.tenant_id`},
	{kind: "clients", table: "platform.clients", column: "owner_id"},
	// An authenticator names the user handle that it was registered under, and a user
	// has one: passkeys move, with it, to who has none.
	{kind: "passkeys", table: "platform.webauthn_credentials", column: "user_id",
		both: `select from platform.webauthn_credentials y where y.user_id = $2`,
		first: []string{
			`delete from platform.webauthn_users w where w.user_id = $2 and exists (select from platform.webauthn_credentials x where x.user_id = $1)
				and not exists (select from platform.webauthn_credentials y where y.user_id = $2)`,
			`update platform.webauthn_users w set user_id = $2 where w.user_id = $1
				and not exists (select from platform.webauthn_users y where y.user_id = $2)`,
		}},
	{kind: "authenticator apps", table: "platform.totp_secrets", column: "user_id",
		both: `select from platform.totp_secrets y where y.user_id = $2`},
	{kind: "recovery codes", table: "platform.recovery_codes", column: "user_id",
		both: `select from platform.recovery_codes y where y.user_id = $2`},
	// A picture that moves has another address: it stands below its user's own path.
	{kind: "files", table: "platform.files", column: "user_id",
		both: `select from platform.files y where y.user_id = $2 and y.purpose = x.purpose`,
		first: []string{
			`update platform.users u set avatar_url = '/files/' || u.id::text || '/' || x.id::text from platform.files x
				where u.id = $2 and x.user_id = $1 and x.purpose = 'avatar' and not exists (select from platform.files y where y.user_id = $2 and y.purpose = 'avatar')`,
		}},
}

// movable is the condition under which a row moves.
func (p mergePart) movable() string {
	where := fmt.Sprintf(`x.%s = $1`, p.column)
	if p.both != "" {
		where += ` and not exists (` + p.both + `)`
	}
	return where
}

// MergeUsers gives the target what is the source's, ends everything of the source
// and removes it. With look it only says what that would do. The audit event is
// about the target, and holds the source as it was.
func (s *OperatorStore) MergeUsers(ctx context.Context, source, target authz.UserID, look bool, dead time.Time, e storage.AuditEvent) (Merge, error) {
	var m Merge
	if look {
		return m, s.tx(ctx, e.Action, s.as, func(tx pgx.Tx) (err error) {
			m, err = foresee(ctx, tx, source, target)
			return err
		})
	}
	both := object{
		kind: "user", id: []authz.UserID{target, source}, subject: target.String(),
		lock: `select from platform.users x where x.id = any($1) or x.role = 'owner' and x.disabled_at is null order by x.id for update`,
		query: `select jsonb_object_agg(case when x.id = ($1::uuid[])[1] then 'target' else 'source' end, to_jsonb(x) - ` + neverAudited + `)
			from platform.users x where x.id = any($1) having count(*) > 0`,
	}
	err := s.change(ctx, e, both, func(tx pgx.Tx) (err error) {
		if err := bothThere(ctx, tx, source, target); err != nil {
			return err
		}
		if m, err = foresee(ctx, tx, source, target); err != nil {
			return err
		}
		return keepingAnOwner(ctx, tx, func() error { return merge(ctx, tx, source, target, e.At, dead) })
	})
	return m, err
}

func bothThere(ctx context.Context, tx pgx.Tx, source, target authz.UserID) error {
	tag, err := tx.Exec(ctx, `select from platform.users where id in ($1, $2)`, source, target)
	if err == nil && tag.RowsAffected() != 2 {
		return pgx.ErrNoRows
	}
	return err
}

func foresee(ctx context.Context, tx pgx.Tx, source, target authz.UserID) (Merge, error) {
	m := Merge{Moved: map[string]int{}, Kept: map[string]int{}, Ended: map[string]int{}}
	for _, p := range mergeParts {
		var all, moved int
		err := tx.QueryRow(ctx, fmt.Sprintf(`select count(*), count(*) filter (where %s) from %s x where x.%s = $1 and $2::uuid is not null`,
			p.movable(), p.table, p.column), source, target).Scan(&all, &moved)
		if err != nil {
			return m, err
		}
		note(m.Moved, p.kind, moved)
		note(m.Kept, p.kind, all-moved)
	}
	var moves, keeps struct{ phones, addresses int }
	err := tx.QueryRow(ctx, `select count(*) filter (where s.phone is not null and t.phone is null), count(*) filter (where s.phone is not null and t.phone is not null),
			count(*) filter (where s.address is not null and t.address is null), count(*) filter (where s.address is not null and t.address is not null)
		from platform.users s join platform.users t on t.id = $2 where s.id = $1`, source, target).Scan(&moves.phones, &keeps.phones, &moves.addresses, &keeps.addresses)
	if err != nil {
		return m, err
	}
	note(m.Moved, "telephone numbers", moves.phones)
	note(m.Kept, "telephone numbers", keeps.phones)
	note(m.Moved, "addresses", moves.addresses)
	note(m.Kept, "addresses", keeps.addresses)
	var sessions, grants int
	err = tx.QueryRow(ctx, `select (select count(*) from platform.user_sessions where user_id = $1 and revoked_at is null),
		(select count(*) from platform.grants where user_id = $1 and revoked_at is null)`, source).Scan(&sessions, &grants)
	note(m.Ended, "sessions", sessions)
	note(m.Ended, "grants", grants)
	return m, err
}

func note(counts map[string]int, kind string, n int) {
	if n > 0 {
		counts[kind] = n
	}
}

func merge(ctx context.Context, tx pgx.Tx, source, target authz.UserID, now, dead time.Time) error {
	for _, p := range mergeParts {
		move := fmt.Sprintf(`update %s x set %s = $2 where %s`, p.table, p.column, p.movable())
		for _, statement := range append(slices.Clone(p.first), move) {
			if _, err := tx.Exec(ctx, statement, source, target); err != nil {
				return fmt.Errorf("move %s: %w", p.kind, err)
			}
		}
	}
	if _, err := tx.Exec(ctx, `update platform.users t set phone = coalesce(t.phone, s.phone), address = coalesce(t.address, s.address),
			phone_verified = case when t.phone is null then s.phone_verified else t.phone_verified end
		from platform.users s where s.id = $1 and t.id = $2`, source, target); err != nil {
		return fmt.Errorf("move telephone number and address: %w", err)
	}
	if _, err := tx.Exec(ctx, `update platform.merged_users set target_id = $2 where target_id = $1`, source, target); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `insert into platform.merged_users (source_id, target_id, merged_at) values ($1, $2, $3)`, source, target, now)
	if err != nil {
		return err
	}
	if err := deleteUsers(ctx, tx, []authz.UserID{source}, "merged into another user", now, dead); err != nil {
		return err
	}
	return exec(ctx, tx, `update platform.users set authz_changed_at = $2 where id = $1`, target, now)
}

// MergedInto is the users that were merged into one, the latest first.
func (s *OperatorStore) MergedInto(ctx context.Context, target authz.UserID) ([]authz.UserID, error) {
	return queryAll(ctx, s.Store, s.as, "list merged users", `select source_id from platform.merged_users where target_id = $1
		order by merged_at desc, source_id`, pgx.RowTo[authz.UserID], target)
}

// MergedAway finds the user into whom one was merged.
func (s *OperatorStore) MergedAway(ctx context.Context, source authz.UserID) (authz.UserID, error) {
	return queryOne(ctx, s.Store, s.as, "read merged user", `select target_id from platform.merged_users where source_id = $1`, pgx.RowTo[authz.UserID], source)
}
