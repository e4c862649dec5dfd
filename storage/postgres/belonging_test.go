package postgres_test

import (
	"slices"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func personOf(t *testing.T, s *postgres.Store, user authz.UserID) storage.Person {
	t.Helper()
	p, err := s.ForUser(user).Person(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What groups give and what tenants are called is kept in memory; a change is known at
// once where it was made, and soon on every replica.
func TestBelongings(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	here, elsewhere := storagetest.Open(t, dsn, postgres.Options{}), storagetest.Open(t, dsn, postgres.Options{})
	acme, other := w.Tenant("acme"), w.Tenant("other")
	ann := w.User("ann", authz.RoleUser, "", acme, other)
	editors := w.Group(acme, "editors", "posts:write")
	w.Join(ann, acme, editors)
	operator := here.ForOperator()
	everywhere := func(what string, holds func(storage.Person) bool) {
		t.Helper()
		if !holds(personOf(t, here, ann)) {
			t.Errorf("%s: not so where it was done", what)
		}
		eventually(t, what, func() bool { return holds(personOf(t, elsewhere, ann)) })
	}
	hasGroup := func(name string, scopes ...authz.Pattern) func(storage.Person) bool {
		return func(p storage.Person) bool {
			return slices.ContainsFunc(p.Rights.Groups, func(g authz.GroupRights) bool {
				return g.Name == name && slices.Equal(g.Scopes, scopes)
			})
		}
	}
	everywhere("a group gives", hasGroup("editors", "posts:write"))

	_, err := operator.UpdateGroup(t.Context(), editors, func(g *storage.Group) error {
		g.Name, g.Scopes = "authors", []authz.Pattern{"posts:read"}
		return nil
	}, event("group.update"))
	if err != nil {
		t.Fatal(err)
	}
	everywhere("a group gives something else", hasGroup("authors", "posts:read"))

	// Inside a transaction its own change counts, and nobody else hears of what is taken back.
	taken := operator.Together(t.Context(), "try", func(own *postgres.OperatorStore) error {
		if _, err := own.UpdateGroup(t.Context(), editors, func(g *storage.Group) error { g.Scopes = nil; return nil }, event("group.update")); err != nil {
			return err
		}
		if p, err := own.ForUser(ann).Person(t.Context()); err != nil || !hasGroup("authors")(p) {
			t.Errorf("inside: %+v, %v", p.Rights.Groups, err)
		}
		return storage.ErrConflict
	})
	if taken == nil {
		t.Fatal("the transaction was not taken back")
	}
	everywhere("what was taken back never was", hasGroup("authors", "posts:read"))

	if err := operator.DeleteGroup(t.Context(), editors, func(storage.Group) error { return nil }, event("group.delete")); err != nil {
		t.Fatal(err)
	}
	everywhere("a group is gone", func(p storage.Person) bool { return !hasGroup("authors", "posts:read")(p) })

	w.Exec(`update platform.tenants set suspended_at = now() where id = $1`, other)
	eventually(t, "a suspended tenant is left out", func() bool {
		return len(personOf(t, here, ann).Tenants) == 1 && len(personOf(t, elsewhere, ann).Tenants) == 1
	})
	w.Exec(`update platform.tenants set suspended_at = null, name = 'Another' where id = $1`, other)
	eventually(t, "it is back, by its other name", func() bool {
		tenants := personOf(t, elsewhere, ann).Tenants
		return len(tenants) == 2 && slices.ContainsFunc(tenants, func(t storage.Tenant) bool { return t.Name == "Another" })
	})
}
