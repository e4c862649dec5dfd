package postgres_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func address(t *testing.T, text string) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A year of refreshing adds no rows and touches no index.
func TestRefreshingIsHeapOnly(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	s, err := postgres.Open(t.Context(), dsn, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := newEstate(t, w, s, "acme")
	if err := s.ForUser(e.user).ConsumeCode(t.Context(), e.grant.ID, []byte("0"), nil, now); err != nil {
		t.Fatal(err)
	}
	const refreshes = 100
	for i := range refreshes {
		err := s.ForUser(e.user).RotateRefreshToken(t.Context(), e.grant.ID, int32(i), fmt.Append(nil, i), fmt.Append(nil, i+1), now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Close() // counters are told when a connection ends
	var updates, heapOnly, rows int
	eventually(t, "the updates are counted", func() bool {
		w.Get(`select n_tup_upd, n_tup_hot_upd, n_live_tup from pg_stat_user_tables where relid = 'platform.grants'::regclass`, nil, &updates, &heapOnly, &rows)
		return updates >= refreshes+1
	})
	// One may need a new page while an older snapshot keeps this one from being cleared.
	if heapOnly < updates-updates/20 {
		t.Errorf("%d of %d updates of a grant were heap-only", heapOnly, updates)
	}
	var left int
	if w.Get(`select count(*) from platform.grants`, nil, &left); left != 1 {
		t.Errorf("refreshing left %d rows", left)
	}
}

// A group of another tenant can never be joined, whatever the query says.
func TestMembership_OfAnotherTenant(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	acme, other := w.Tenant("acme"), w.Tenant("other")
	user, group := w.User("ann", authz.RoleUser, storage.UnusablePassword, acme), w.Group(other, "operators")
	_, err := connect(t, dsn).Exec(t.Context(), `insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
		values (gen_random_uuid(), $1, $2, $3, now())`, acme, user, group)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "23503" {
		t.Errorf("joining another tenant's group: %v; want a foreign key's refusal", err)
	}
}

// A project takes its groups with it: left behind, they would count in the whole tenant.
func TestProject_TakesItsGroups(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	group := w.Group(e.tenant, "of the project", "reports:*")
	w.Exec(`update platform.user_groups set project_id = $2 where id = $1`, group, e.project)
	w.Join(e.user, e.tenant, group)
	w.Exec(`delete from public.projects where id = $1`, e.project)
	var groups, memberships int
	w.Get(`select (select count(*) from platform.user_groups where id = $1),
		(select count(*) from platform.user_group_memberships where user_group_id = $1)`, []any{group}, &groups, &memberships)
	if groups != 0 || memberships != 0 {
		t.Errorf("the deleted project left %d groups and %d memberships", groups, memberships)
	}
}

// TestHandles: what is another's is not found, through every method of a handle
// that takes an id.
func TestHandles(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	mine, theirs := newEstate(t, w, s, "mine"), newEstate(t, w, s, "theirs")
	ctx, me, dead := t.Context(), s.ForUser(mine.user), now.Add(time.Hour)
	before := w.Text(`select s from platform.user_sessions s where s.user_id = $1`, theirs.user) +
		w.Text(`select g from platform.grants g where g.user_id = $1`, theirs.user) +
		w.Text(`select c from platform.consents c where c.user_id = $1`, theirs.user)

	for name, act := range map[string]func() error{
		"EndSession":       func() error { return me.EndSession(ctx, theirs.session.ID, "test", netip.Addr{}, now, dead) },
		"EndOtherSessions": func() error { return me.EndOtherSessions(ctx, mine.session.ID, "test", netip.Addr{}, now, dead) },
		"TouchSession":     func() error { return me.TouchSession(ctx, theirs.session.ID, now.Add(time.Minute)) },
		"MoveSession":      func() error { return me.MoveSession(ctx, theirs.session.ID, storage.Preferences{Tenant: mine.tenant}) },
		"WithdrawConsent":  func() error { return me.WithdrawConsent(ctx, theirs.grant.Client, netip.Addr{}, now, dead) },
		"RevokeGrantOf": func() error {
			return s.RevokeGrantOf(ctx, mine.grant.Client, storage.Revocation{JTI: theirs.grant.ID.String(), RevokedAt: now, ExpiresAt: dead})
		},
	} {
		if err := act(); err != nil {
			t.Errorf("%s of another's: %v; want silence", name, err)
		}
	}
	if err := me.ConsumeCode(ctx, theirs.grant.ID, nil, nil, now); !errors.Is(err, storage.ErrConsumed) {
		t.Errorf("ConsumeCode of another's grant: %v", err)
	}
	if err := me.RotateRefreshToken(ctx, theirs.grant.ID, 0, nil, nil, now); !errors.Is(err, storage.ErrConsumed) {
		t.Errorf("RotateRefreshToken of another's grant: %v", err)
	}
	after := w.Text(`select s from platform.user_sessions s where s.user_id = $1`, theirs.user) +
		w.Text(`select g from platform.grants g where g.user_id = $1`, theirs.user) +
		w.Text(`select c from platform.consents c where c.user_id = $1`, theirs.user)
	if before != after || before == "" {
		t.Errorf("another's rows changed from\n%s\nto\n%s", before, after)
	}

	sessions, err := me.Sessions(ctx, now)
	if err != nil || len(sessions) != 1 || sessions[0].ID != mine.session.ID {
		t.Errorf("Sessions = %v, %v", sessions, err)
	}
	consents, err := me.Consents(ctx)
	if err != nil || len(consents) != 1 || consents[0].User != mine.user {
		t.Errorf("Consents = %v, %v", consents, err)
	}
	projects, err := me.Projects(ctx)
	if err != nil || len(projects) != 1 || projects[0].ID != mine.project {
		t.Errorf("Projects = %v, %v", projects, err)
	}
	if err := me.MoveSession(ctx, mine.session.ID, storage.Preferences{Tenant: mine.tenant, Project: theirs.project}); err != nil {
		t.Error(err)
	}
	if in, err := s.SignedIn(ctx, mine.session.ID, ""); err != nil || !in.Session.Project.IsZero() {
		t.Errorf("the session is in a project of another tenant: %v, %v", in.Session.Project, err)
	}
	person, err := me.Person(ctx)
	if err != nil || person.ID != mine.user || len(person.Tenants) != 1 || len(person.Rights.Groups) != 2 || len(person.Rights.Extra) != 1 {
		t.Errorf("Person = %+v, %v", person, err)
	}
}

// EndSession puts what must die into the ledger: the sid, and with it every token
// and grant beneath the session.
func TestEndSession(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	ids := []string{"a jti", e.grant.ID.String(), e.session.TokenJTI.String()}
	if standing, err := s.Standing(t.Context(), ids, e.user); err != nil || standing.Dead || standing.Person == nil {
		t.Fatalf("before: %+v, %v", standing, err)
	}
	for range 2 { // it is idempotent
		if err := s.ForUser(e.user).EndSession(t.Context(), e.session.ID, "signed out", netip.Addr{}, now, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if standing, err := s.Standing(t.Context(), ids, e.user); err != nil || !standing.Dead {
		t.Errorf("after: %+v, %v", standing, err)
	}
	granted, err := s.Granted(t.Context(), e.grant.ID)
	if err != nil || granted.Grant.RevokedAt.IsZero() || !granted.SessionDead {
		t.Errorf("the grant beneath: revoked at %v, dead %v, %v", granted.Grant.RevokedAt, granted.SessionDead, err)
	}
	in, err := s.SignedIn(t.Context(), e.session.ID, "")
	if err != nil || in.Session.Live(now) {
		t.Errorf("the session lives on: %+v, %v", in.Session, err)
	}
}

// A deployment whose database is away says so, and nothing else.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{MaxConns: 1})
	e := newEstate(t, w, s, "acme")
	w.Exec(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'gatehouse'`)
	err := s.ForUser(e.user).TouchSession(t.Context(), e.session.ID, now)
	if err != nil && !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("with the connection cut: %v; want ErrUnavailable", err)
	}
	if err := s.ForUser(e.user).TouchSession(t.Context(), e.session.ID, now); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := postgres.Open(t.Context(), "host=/nowhere user=x password=sesame", postgres.Options{}); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Open with nobody there: %v", err)
	}
	if _, err := s.ForUser(authz.NewID[authz.UserID](now)).Person(t.Context()); !errors.Is(err, storage.ErrNotFound) || errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("a person who is not there: %v", err)
	}
}
