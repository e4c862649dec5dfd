package main

import (
	"fmt"
	"slices"
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
	h.fails(exitFailure, `there is no user "bob"`, "admin", "users", "show", "bob")
	h.fails(exitFailure, "you are signed in to "+server.URL, "admin", "users", "list", "--server", "https://id.example.com")
	away := &host{t, append(h.environ, "GATEHOUSE_SERVER=https://id.example.com"), ""}
	away.fails(exitFailure, "you are signed in to "+server.URL, "admin", "users", "list")
}

// The administrator of one tenant, who holds users:manage by a group of it, manages
// that tenant from another machine, and reaches no other.
func TestM3_CommandLineOfATenantAdministrator(t *testing.T) {
	t.Parallel()
	server, h := newHTTPSServer(t), newHost(t)
	foreign(server)
	boss := server.User("boss")
	server.User("mia")
	server.World.Join(boss, server.Tenant, server.World.Group(server.Tenant, "bosses", "users:manage", "agents:read"))
	h.fails(exitFailure, "nobody is signed in", "admin", "users", "list", "--server", server.URL)
	if r := h.login(server, "boss", "accept"); r.code != exitOK || !strings.HasPrefix(server.URL, "https://") {
		t.Fatalf("login at %s: exit %d\n%s", server.URL, r.code, r.errs)
	}
	own := h.document("admin", "session", "show")
	if scopes := fmt.Sprint(own["scopes"]); own["username"] != "boss" || !strings.Contains(scopes, "users:manage") || strings.Contains(scopes, "admin") {
		t.Errorf("their session: %v", own)
	}
	if got := items(h.document("admin", "tenants", "list"), "slug"); !slices.Equal(got, []string{"acme"}) {
		t.Errorf("tenants: %v", got)
	}
	if got := items(h.document("admin", "users", "list"), "username"); !slices.Equal(got, []string{"boss", "mia"}) {
		t.Errorf("users: %v", got)
	}
	h.must("admin", "groups", "create", "--name", "readers", "--scope", "agents:read")
	h.must("admin", "groups", "add-member", "readers", "mia")
	if got := items(h.document("admin", "groups", "members", "readers"), "username"); !slices.Equal(got, []string{"mia"}) {
		t.Errorf("members: %v", got)
	}
	h.must("admin", "users", "invite", "--email", "new@example.com")
	h.must("admin", "groups", "remove-member", "readers", "mia")
	h.must("admin", "groups", "delete", "readers")

	before := everything(server)
	h.fails(exitFailure, "there is no ", "admin", "users", "show", "bob")
	h.fails(exitFailure, "does not exist", "admin", "users", "list", "--tenant", "beta")
	h.fails(exitFailure, "there is no ", "admin", "tenants", "select", "beta")
	h.fails(exitRefused, "does not reach that far", "admin", "groups", "create", "--name", "x", "--scope", "billing")
	h.fails(exitRefused, "does not reach that far", "admin", "users", "disable", "mia")
	h.fails(exitRefused, "does not reach that far", "admin", "users", "create", "--username", "new", "--email", "new@example.com")
	h.fails(exitRefused, "lacks a scope", "admin", "tenants", "update", "acme", "--max-users", "1000")
	if everything(server) != before {
		t.Error("something was changed")
	}
}

// A selected tenant is what --tenant means from then on, and, for who belongs to it,
// where their next sign-in begins.
func TestTenantsSelect(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	beta, gamma := server.World.Tenant("beta"), server.World.Tenant("gamma")
	olga := server.User("olga", authz.RoleOwner)
	if r := h.login(server, "olga", "accept"); r.code != exitOK {
		t.Fatalf("login: exit %d\n%s", r.code, r.errs)
	}
	server.World.Join(olga, beta, server.World.Group(beta, "btools", "agents:read"))
	server.World.Group(gamma, "gtools", "agents:read")
	landed := func() (tenant authz.TenantID) {
		b := server.Browser()
		b.SignIn(b.Get("/login"), "olga")
		server.World.Get(`select current_tenant_id from platform.user_sessions order by created_at desc, id desc limit 1`, nil, &tenant)
		return tenant
	}
	if got := landed(); got != server.Tenant {
		t.Errorf("before: %v", got)
	}
	if d := h.document("admin", "tenants", "select", "beta"); d["slug"] != "beta" || d["id"] != beta.String() {
		t.Errorf("select: %v", d)
	}
	if d := h.document("admin", "users", "show", "olga"); d["default_tenant_id"] != beta.String() {
		t.Errorf("the server keeps %v", d["default_tenant_id"])
	}
	if got := landed(); got != beta {
		t.Errorf("the next sign-in begins in %v", got)
	}
	if got := items(h.document("admin", "groups", "list"), "name"); !slices.Contains(got, "btools") {
		t.Errorf("without --tenant: %v", got)
	}
	// An owner works in a tenant where they do not belong, and begins nowhere else.
	h.must("admin", "tenants", "select", "gamma")
	if got := items(h.document("admin", "groups", "list"), "name"); !slices.Contains(got, "gtools") {
		t.Errorf("without --tenant: %v", got)
	}
	if got := landed(); got != beta {
		t.Errorf("the next sign-in begins in %v", got)
	}
	h.fails(exitFailure, "there is no ", "admin", "tenants", "select", "nowhere")
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
