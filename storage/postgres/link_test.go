package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func newLink(t *testing.T, s *postgres.Store, e estate, purpose storage.LinkPurpose) storage.Link {
	t.Helper()
	owner, err := s.ForUser(e.user).User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := storage.Link{
		ID: authz.RandomID[authz.LinkID](), Purpose: purpose, User: e.user, Email: owner.Email, CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute),
	}
	if err := s.ForUser(e.user).InsertLink(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// letters is the kinds of mail that wait to be sent, in their order.
func letters(w *storagetest.World) []string {
	var text string
	w.Get(`select coalesce(json_agg(args->>'Letter' order by id), '[]')::text from river.river_job where kind = 'mail'`, nil, &text)
	var all []string
	_ = json.Unmarshal([]byte(text), &all)
	return all
}

// K1: of parallel attempts to spend a link, on any replica, one wins.
func TestK1_LinkIsSpentOnce(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	w.Exec(`delete from river.river_job`)
	l := newLink(t, s, e, storage.LinkResetPassword)
	won := rush(t, dsn, 60, storage.ErrNotFound, func(s *postgres.Store, _ int) error {
		return s.ForUser(e.user).ResetPassword(context.Background(), l, storage.UnusablePassword, now.Add(time.Hour), event("test"))
	})
	if won != 1 {
		t.Errorf("%d of 60 attempts spent the link", won)
	}
	if got := letters(w); len(got) != 1 || got[0] != "password_changed" {
		t.Errorf("letters: %v", got)
	}
}

// K1: a link is void when it is too old, and when a later one of its purpose was made.
func TestK1_LinkEnds(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	first := newLink(t, s, e, storage.LinkSignIn)
	second, other := newLink(t, s, e, storage.LinkSignIn), newLink(t, s, e, storage.LinkSetUp)
	for _, c := range []struct {
		what string
		link storage.Link
		at   time.Time
		want error
	}{
		{"replaced by a later one", first, now, storage.ErrNotFound},
		{"at its end", second, second.ExpiresAt, storage.ErrNotFound},
		{"in time", second, second.ExpiresAt.Add(-time.Second), nil},
		{"of another purpose", other, now, nil},
	} {
		l, owner, err := s.Link(t.Context(), c.link.ID, c.at)
		if !errors.Is(err, c.want) || c.want == nil && (l.ID != c.link.ID || l.Purpose != c.link.Purpose || owner.ID != e.user) {
			t.Errorf("%s: read %+v of %v, %v", c.what, l, owner.ID, err)
		}
		spent := event("test")
		spent.At = c.at
		if err := s.ForUser(e.user).SignInByLink(t.Context(), c.link, spent); !errors.Is(err, c.want) {
			t.Errorf("%s: spent with %v", c.what, err)
		}
	}
}

// K9: a change of address counts when the new one is proven, the old one is told, and can take it
// back; what the old one was sent is void by then.
func TestK9_ChangeEmail(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	w.Exec(`delete from river.river_job`)
	user := s.ForUser(e.user)
	reset := newLink(t, s, e, storage.LinkResetPassword)
	before, _ := user.User(t.Context())
	change := storage.Link{ID: authz.RandomID[authz.LinkID](), Purpose: storage.LinkChangeEmail, User: e.user, Email: "New@Example.com", CreatedAt: now, ExpiresAt: now.Add(time.Minute)}
	if err := user.InsertLink(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	undo := storage.Link{ID: authz.RandomID[authz.LinkID](), Purpose: storage.LinkUndoEmail, User: e.user, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	if err := user.ChangeEmail(t.Context(), change, undo, storage.Mail{Letter: storage.LetterEmailChanged, Link: undo.ID}, event("test")); err != nil {
		t.Fatal(err)
	}
	if u, _ := user.User(t.Context()); u.Email != "New@Example.com" || u.EmailVerifiedAt.IsZero() {
		t.Errorf("after the change: %q, verified at %v", u.Email, u.EmailVerifiedAt)
	}
	if _, _, err := s.Link(t.Context(), reset.ID, now); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a link that the old address was sent: %v", err)
	}
	undo, _, err := s.Link(t.Context(), undo.ID, now)
	if err != nil || undo.Email != before.Email {
		t.Fatalf("undo for %q, %v", undo.Email, err)
	}
	if err := user.UndoEmail(t.Context(), undo, now.Add(time.Hour), event("test")); err != nil {
		t.Fatal(err)
	}
	u, _ := user.User(t.Context())
	sessions, _ := user.Sessions(t.Context(), now)
	if u.Email != before.Email || len(sessions) != 0 {
		t.Errorf("after the undoing: %q, %d sessions", u.Email, len(sessions))
	}
	if got := letters(w); len(got) != 2 || got[0] != "email_changed" || got[1] != "email_restored" {
		t.Errorf("letters: %v", got)
	}
}

// A sign-in from a browser that none of the user's sessions knows is told, but the first.
func TestInsertSession_TellsOfNewDevices(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	tenant := w.Tenant("acme")
	user := w.User("ann", authz.RoleUser, storage.UnusablePassword, tenant)
	for i, c := range []struct {
		agent string
		told  int
	}{{"Firefox/140.0", 0}, {"Firefox/140.0", 0}, {"Firefox/141.0.2", 0}, {"Safari/26", 1}, {"Safari/26", 1}} {
		session := storage.Session{
			ID: authz.RandomID[authz.SessionID](), TokenJTI: authz.RandomID[authz.SessionID](), User: user, Tenant: tenant, SecretHash: []byte("digest"),
			CreatedAt: now, ExpiresAt: now.Add(time.Hour), IdleLifetime: time.Minute, UserAgent: c.agent, AuthTime: now, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"},
		}
		if err := s.ForUser(user).InsertSession(t.Context(), session, storage.Evidence{}, "", authz.SessionID{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got := letters(w); len(got) != c.told {
			t.Errorf("after sign-in %d with %s: %v", i, c.agent, got)
		}
	}
}

// K8: an invitation is bound to its address, and is used once.
func TestK8_AcceptInvitation(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	tenant := storage.Tenant{ID: w.Tenant("acme")}
	group := w.Group(tenant.ID, "operators", "tools:execute")
	invite := func(address string) storage.Link {
		l := storage.Link{
			ID: authz.RandomID[authz.LinkID](), Purpose: storage.LinkInvitation, Email: address, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
			Invitation: storage.Invitation{Tenant: tenant, Group: group, Role: authz.RoleUser},
		}
		if err := s.ForOperator().InsertInvitation(t.Context(), l, storage.Mail{Letter: storage.LetterInvitation, To: address}, event("invite")); err != nil {
			t.Fatal(err)
		}
		return l
	}
	void, l := invite("ann@example.com"), invite("Ann@Example.com")
	if _, _, err := s.Link(t.Context(), void.ID, now); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the earlier invitation: %v", err)
	}
	won := rush(t, dsn, 20, storage.ErrNotFound, func(s *postgres.Store, i int) error {
		name := string(rune('a' + i))
		u := storage.User{ID: authz.RandomID[authz.UserID](), Username: name, Email: l.Email, PasswordHash: storage.UnusablePassword, Role: l.Role, CreatedAt: now}
		return s.ForOperator().AcceptInvitation(context.Background(), l, u, true, nil, event("accept"))
	})
	if won != 1 {
		t.Errorf("%d of 20 accepted", won)
	}
	u, err := s.UserByIdentifier(t.Context(), "ann@example.com")
	if err != nil || u.EmailVerifiedAt.IsZero() {
		t.Fatalf("%+v, %v", u, err)
	}
	if p, _ := s.ForUser(u.ID).Person(t.Context()); len(p.Rights.Groups) != 2 || len(p.Tenants) != 1 {
		t.Errorf("groups %v of tenants %v", p.Rights.Groups, p.Tenants)
	}

	// An account with another address cannot take it.
	other := w.User("mallory", authz.RoleUser, storage.UnusablePassword, w.Tenant("else"))
	l = invite("ben@example.com")
	if err := s.ForOperator().AcceptInvitation(t.Context(), l, storage.User{ID: other}, false, nil, event("accept")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("accepted for another address: %v", err)
	}
	if _, _, err := s.Link(t.Context(), l.ID, now); err != nil {
		t.Errorf("the invitation afterwards: %v", err)
	}
}
