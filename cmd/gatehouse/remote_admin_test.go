package main

import (
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// After login the admin commands are calls of that server, with the scopes of who
// signed in; --server chooses otherwise.
func TestAdmin_OverTheAPI(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	server.User("olga", authz.RoleOwner)
	if r := h.login(server, "olga", "accept"); r.code != exitOK {
		t.Fatalf("login: exit %d\n%s", r.code, r.errs)
	}
	made := h.given(goodPassword).document("admin", "users", "create", "--username", "bob", "--email", "bob@example.com", "--role", "viewer", "--password-stdin")
	if stored, err := server.Store.UserByIdentifier(t.Context(), "bob"); err != nil || stored.ID.String() != made["id"] {
		t.Errorf("%v is not on the server: %v", made, err)
	}
	if got := items(h.document("admin", "users", "list", "--role", "viewer"), "username"); len(got) != 1 || got[0] != "bob" {
		t.Errorf("list: %v", got)
	}
	if out := h.must("admin", "users", "export"); strings.Count(out, `"username"`) != 3 {
		t.Errorf("export: %s", out)
	}
	h.given("short").fails(exitFailure, "password: ", "admin", "users", "update", "bob", "--password-stdin")
	var actor string
	server.World.Get(`select actor from platform.audit_events where action = 'user.create'`, nil, &actor)
	if actor != "olga" {
		t.Errorf("in the name of %q", actor)
	}
	h.must("admin", "users", "delete", "bob", "--server", server.URL)
	h.fails(exitFailure, `user "bob": There is no such object.`, "admin", "users", "show", "bob")
	h.fails(exitFailure, "you are signed in to "+server.URL, "admin", "users", "list", "--server", "https://id.example.com")
	away := &host{t, append(h.environ, "GATEHOUSE_SERVER=https://id.example.com"), ""}
	away.fails(exitFailure, "you are signed in to "+server.URL, "admin", "users", "list")
}

// M2: the command line of a person without rights is refused by the server.
func TestM2_CommandLineOfAUserIsRefused(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	h.fails(exitFailure, "nobody is signed in", "admin", "users", "list", "--server", server.URL)
	if r := h.login(server, "ann", "accept"); r.code != exitOK {
		t.Fatalf("login: exit %d\n%s", r.code, r.errs)
	}
	for _, args := range [][]string{
		{"admin", "users", "list"}, {"admin", "users", "export"}, {"admin", "users", "show", "ann"}, {"admin", "users", "update", "ann", "--role", "owner"},
		{"admin", "clients", "create", "--name", "X", "--kind", "service"}, {"admin", "tenants", "suspend", "acme"}, {"admin", "roles", "set-scopes", "user", "--scope", "*"},
	} {
		h.fails(exitRefused, "lacks a scope", args...)
	}
}

// An access token that ran out is renewed on the way.
func TestAdmin_RenewsTheSignIn(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	server.User("olga", authz.RoleOwner)
	if r := h.login(server, "olga", "accept"); r.code != exitOK {
		t.Fatalf("login: exit %d\n%s", r.code, r.errs)
	}
	server.Advance(11 * 60 * 1e9)
	h.must("admin", "users", "list")
	h.must("logout")
	h.fails(exitFailure, "nobody is signed in", "admin", "users", "list", "--server", server.URL)
}
