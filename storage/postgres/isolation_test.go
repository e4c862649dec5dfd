package postgres_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// unguarded is the tables with an owner's column that row-level security does not
// guard, each with the reason.
var unguarded = map[string]string{
	"platform.clients":   "found by client_id before anybody is known; the operator alone lists them",
	"platform.resources": "the registry that every token request reads",
	// A policy would keep its index from being used.
	"platform.user_search": "granted to nobody: read by functions that ask for the operator",
}

// everyoneReads is the guarded tables whose rows all may read.
var everyoneReads = map[string]string{
	"platform.revoked_tokens": "ids alone: whoever checks a token must find it dead",
}

// anyoneAppends is the guarded tables into which anyone may write a row about another.
var anyoneAppends = map[string]string{
	"platform.audit_events": "what was done to others is told by who did it",
}

const insufficientPrivilege = "42501"

func refused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == insufficientPrivilege
}

// TestIsolation_EveryOwnedTableIsGuarded: a table that says whose its rows are is
// bound by row-level security, its owner too.
func TestIsolation_EveryOwnedTableIsGuarded(t *testing.T) {
	t.Parallel()
	conn := connect(t, storagetest.NewDSN(t))
	bare := column(t, conn, `
		select distinct n.nspname || '.' || c.relname from pg_class c
		  join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
		 where n.nspname in ('platform', 'public') and c.relkind in ('r', 'p') and not a.attisdropped
		   and a.attname in ('user_id', 'tenant_id', 'owner_id', 'actor_id')
		   and not (c.relrowsecurity and c.relforcerowsecurity)`)
	for _, table := range bare {
		if unguarded[table] == "" {
			t.Errorf("%s has an owner's column and no forced row-level security", table)
		}
	}
	for table := range unguarded {
		if !slices.Contains(bare, table) {
			t.Errorf("%s stands among the unguarded tables and is not one", table)
		}
	}
	for _, table := range []string{"platform.users", "platform.tenants"} {
		if !slices.Contains(guarded(t, conn), table) {
			t.Errorf("%s is not guarded", table)
		}
	}
}

func guarded(t *testing.T, conn *pgx.Conn) []string {
	return column(t, conn, `select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relrowsecurity and c.relforcerowsecurity order by 1`)
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// TestIsolation_WithoutWhere is the mutation that takes the WHERE from every
// query: whoever acts, and in each guarded table, nothing of the other's is read,
// changed, removed or added.
func TestIsolation_WithoutWhere(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	conn := connect(t, dsn)
	tables := guarded(t, conn)

	mine := newEstate(t, w, s, "mine")
	ofMine, theirs := map[string]map[string]string{}, map[string]map[string]string{}
	for _, table := range tables {
		ofMine[table] = rowsOf(t, conn, table)
	}
	newEstate(t, w, s, "theirs")
	for _, table := range tables {
		theirs[table] = rowsOf(t, conn, table)
		maps.DeleteFunc(theirs[table], func(row, _ string) bool { return ofMine[table][row] != "" })
		if len(ofMine[table]) == 0 || len(theirs[table]) == 0 {
			t.Fatalf("this test has no rows in %s: add some to newEstate", table)
		}
	}

	for _, as := range []setting{
		{name: "user", user: mine.user.String()},
		{name: "tenant", tenant: mine.tenant.String()},
		{name: "user and tenant", user: mine.user.String(), tenant: mine.tenant.String()},
		{name: "session by its id", row: mine.session.ID.String()},
		{name: "grant by its id", row: mine.grant.ID.String()},
		{name: "account by its name", identifier: "user-of-mine"},
		{name: "nobody"},
	} {
		t.Run(as.name, func(t *testing.T) {
			tx := actAs(t, dsn, as)
			for _, table := range tables {
				within(t, tx, func(tx pgx.Tx) { readsNothing(t, tx, table, theirs[table], as) })
				within(t, tx, func(tx pgx.Tx) { changesNothing(t, tx, table, theirs[table]) })
				within(t, tx, func(tx pgx.Tx) { removesNothing(t, tx, table, theirs[table]) })
				for row := range theirs[table] {
					within(t, tx, func(tx pgx.Tx) { addsNothing(t, tx, table, row) })
				}
			}
		})
	}
}

// rowsOf is every row that can be seen of a table, as a document, and where it lies.
func rowsOf(t *testing.T, q querier, table string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	documents := column(t, q, `select to_jsonb(x)::text from `+table+` x order by ctid`)
	places := column(t, q, `select ctid::text from `+table+` x order by ctid`)
	for i, document := range documents {
		rows[document] = places[i]
	}
	return rows
}

func readsNothing(t *testing.T, tx pgx.Tx, table string, theirs map[string]string, as setting) {
	if everyoneReads[table] != "" {
		return
	}
	seen := rowsOf(t, tx, table)
	for row := range seen {
		if theirs[row] != "" {
			t.Errorf("%s shows another's row: %s", table, row)
		}
	}
	if as.name == "nobody" && len(seen) > 0 {
		t.Errorf("%s shows %d rows to nobody", table, len(seen))
	}
}

// changesNothing sets a column to what it is, in all rows, and then looks, as the
// superuser, whether the other's rows are still in the same place: an update
// writes a row anew elsewhere.
func changesNothing(t *testing.T, tx pgx.Tx, table string, theirs map[string]string) {
	ctx := context.Background()
	var key string
	if err := tx.QueryRow(ctx, `select attname from pg_attribute where attrelid = $1::regclass and attnum = 1`, table).Scan(&key); err != nil {
		t.Fatal(err)
	}
	_, err := tx.Exec(ctx, `update `+table+` set `+key+` = `+key)
	if refused(err) {
		return
	}
	if err != nil {
		t.Fatalf("update %s: %v", table, err)
	}
	asSuperuser(t, tx)
	after := rowsOf(t, tx, table)
	for row, place := range theirs {
		if after[row] != place {
			t.Errorf("update of %s wrote another's row: %s", table, row)
		}
	}
}

func removesNothing(t *testing.T, tx pgx.Tx, table string, theirs map[string]string) {
	_, err := tx.Exec(context.Background(), `delete from `+table)
	if refused(err) {
		return
	}
	if err != nil {
		t.Fatalf("delete from %s: %v", table, err)
	}
	asSuperuser(t, tx)
	left := rowsOf(t, tx, table)
	for row := range theirs {
		if left[row] == "" {
			t.Errorf("delete from %s removed another's row: %s", table, row)
		}
	}
}

// addsNothing inserts a row of the other's once more: row-level security must
// refuse it before the primary key does.
func addsNothing(t *testing.T, tx pgx.Tx, table, theirs string) {
	_, err := tx.Exec(context.Background(), `insert into `+table+` select (jsonb_populate_record(null::`+table+`, $1::jsonb)).*`, theirs)
	if anyoneAppends[table] != "" {
		if refused(err) {
			t.Errorf("insert into %s: %v; want it to be open", table, err)
		}
		return
	}
	if !refused(err) {
		t.Errorf("insert of another's row into %s: %v; want it refused", table, err)
	}
}

func asSuperuser(t *testing.T, tx pgx.Tx) {
	t.Helper()
	if _, err := tx.Exec(context.Background(), `reset role`); err != nil {
		t.Fatal(err)
	}
}

// What a person holds is given by others: a person's own handle reads it and
// cannot add to it.
func TestIsolation_NobodyGivesThemselves(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "mine")
	admins := w.Group(e.tenant, "admins", "*")
	tx := actAs(t, dsn, setting{user: e.user.String()})
	for name, statement := range map[string]string{
		"scope":      `insert into platform.user_scopes (user_id, scope, created_at) values ($1, 'admin', now())`,
		"membership": `insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at) values (gen_random_uuid(), '` + e.tenant.String() + `', $1, '` + admins.String() + `', now())`,
	} {
		within(t, tx, func(tx pgx.Tx) {
			if _, err := tx.Exec(context.Background(), statement, e.user); !refused(err) {
				t.Errorf("a user added a %s to themselves: %v", name, err)
			}
		})
	}
	for name, statement := range map[string]string{
		"scope": `update platform.user_scopes set scope = 'admin' where user_id = $1`,
		"group": `update platform.user_groups set scopes = '{admin}' where $1::uuid is not null`,
	} {
		within(t, tx, func(tx pgx.Tx) {
			if tag, err := tx.Exec(context.Background(), statement, e.user); err != nil || tag.RowsAffected() != 0 {
				t.Errorf("a user changed a %s of theirs: %d rows, %v", name, tag.RowsAffected(), err)
			}
		})
	}
}

// TestIsolation_TheRoleIsBound: the application's role owns nothing, passes by no
// policy, and cannot rewrite the audit log.
func TestIsolation_TheRoleIsBound(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "mine")
	var free bool
	w.Get(`select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin from pg_roles where rolname = 'gatehouse_app'`, nil, &free)
	if free {
		t.Error("gatehouse_app has a right that an application's role must not have")
	}
	if owned := w.Text(`select c.relname from pg_class c where c.relowner = 'gatehouse_app'::regrole`); owned != "" {
		t.Errorf("gatehouse_app owns %s, and could turn row-level security off", owned)
	}
	tx := actAs(t, dsn, setting{user: e.user.String(), tenant: e.tenant.String()})
	for _, statement := range []string{
		`update platform.audit_events set actor = 'somebody else'`,
		`delete from platform.audit_events`,
		`truncate platform.audit_events`,
		`alter table platform.users disable row level security`,
		`create table platform.mine (id int)`,
		`set local session_replication_role = replica`,
	} {
		within(t, tx, func(tx pgx.Tx) {
			if _, err := tx.Exec(context.Background(), statement); !refused(err) {
				t.Errorf("%s: %v; want it refused", statement, err)
			}
		})
	}
}

// A login that would see every row and cannot leave that right behind is not served.
func TestOpen_UnsafeRole(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	var database string
	w.Get(`select current_database()`, nil, &database)
	role := "seer_of_" + database
	w.Exec(`create role ` + role + ` login bypassrls`)
	t.Cleanup(func() { w.Exec(`drop role ` + role) })
	s, err := postgres.Open(t.Context(), withUser(t, dsn, role), postgres.Options{})
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, postgres.ErrUnsafeRole) {
		t.Errorf("Open as a role that bypasses row-level security: %v; want ErrUnsafeRole", err)
	}
}

func withUser(t *testing.T, dsn, role string) string {
	t.Helper()
	if !strings.Contains(dsn, "://") {
		return dsn + " user=" + role
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	parameters := u.Query()
	parameters.Set("user", role)
	u.User, u.RawQuery = url.User(role), parameters.Encode()
	return u.String()
}
