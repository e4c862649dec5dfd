package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// The administrator of one tenant holds users:manage by a group of it. They manage its
// groups and members, give nothing that they do not hold there, and see no other tenant.
func TestM3_TenantAdministrator(t *testing.T) {
	t.Parallel()
	h := house(t)
	paths := foreign(h)
	boss := h.User("boss")
	h.User("mia")
	h.World.Join(boss, h.Tenant, h.World.Group(h.Tenant, "bosses", "users:manage", "agents:read"))
	h.World.Exec(`insert into public.projects (id, tenant_id, name, created_at) values (gen_random_uuid(), $1, 'site', now())`, h.Tenant)
	h.User("olga", authz.RoleOwner)
	held := token(h, "boss", "openid user agents:read users:manage")
	ask := func(method, path, body string) (int, string) {
		a := call(h, held, method, path, body)
		return a.Status, a.Raw
	}
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/tenants", "", 200},
		{"GET", "/tenants/acme", "", 200},
		{"GET", "/users", "", 200},
		{"GET", "/users:count", "", 200},
		{"GET", "/users/mia", "", 200},
		{"GET", "/projects", "", 200},
		{"GET", "/projects/site", "", 200},
		{"POST", "/users:invite", `{"email":"new@example.com"}`, 201},
		{"POST", "/groups", `{"name":"readers","scopes":["agents:read"]}`, 201},
		{"GET", "/groups/readers", "", 200},
		{"POST", "/groups/readers/members", `{"user":"mia"}`, 201},
		{"GET", "/groups/readers/members", "", 200},
		{"PUT", "/groups/readers/scopes", `{"scopes":[]}`, 200},
		{"PATCH", "/groups/readers", `{"name":"lookers"}`, 200},
		{"DELETE", "/groups/lookers/members/mia", "", 200},
		{"DELETE", "/groups/lookers", "", 200},

		// Nobody gives what they do not hold, nor a role above their own.
		{"POST", "/groups", `{"name":"x","scopes":["tools:execute"]}`, 403},
		{"POST", "/groups", `{"name":"x","scopes":["billing"]}`, 403},
		{"POST", "/groups", `{"name":"x","scopes":["*"]}`, 403},
		{"POST", "/users:invite", `{"email":"root2@example.com","role":"owner"}`, 403},
		{"POST", "/users:invite", `{"email":"root3@example.com","role":"admin"}`, 403},
		// An account is the whole deployment's.
		{"PATCH", "/users/mia", `{"role":"viewer"}`, 403},
		{"POST", "/users/mia/disable", "", 403},
		{"DELETE", "/users/olga", "", 403},
		{"PATCH", "/tenants/acme", `{"max_users":1000}`, 403},
		{"POST", "/tenants", `{"name":"Mine"}`, 403},
		{"GET", "/audit", "", 403},
		// What is another tenant's does not exist: not its people, not by its name.
		{"GET", "/users/bob", "", 404},
		{"GET", paths.Replace("/users/{user}"), "", 404},
		{"GET", "/users?tenant=beta", "", 404},
		{"GET", "/tenants/beta", "", 404},
		{"GET", "/groups?tenant=beta", "", 404},
		{"POST", "/groups", `{"name":"x","tenant":"beta"}`, 404},
		{"POST", "/users:invite", `{"email":"spy@example.com","tenant":"beta"}`, 404},
	} {
		if status, raw := ask(step.method, step.path, step.body); status != step.status {
			t.Errorf("%s %s %s: %d %s, want %d", step.method, step.path, step.body, status, raw, step.status)
		} else if strings.Contains(raw, "bob") || strings.Contains(raw, "beta") {
			t.Errorf("%s %s shows another tenant: %s", step.method, step.path, raw)
		}
	}
	// M10: totals count their own alone: boss, mia and olga.
	if count := call(h, held, "GET", "/users:count", ""); count.JSON["count"] != 3.0 {
		t.Errorf("they count %s", count.Raw)
	}
	// Somebody of another tenant is added to no group, and is not told apart from nobody.
	h.World.Group(h.Tenant, "open", "agents:read")
	bob := call(h, held, "POST", "/groups/open/members", `{"user":"bob"}`)
	nobody := call(h, held, "POST", "/groups/open/members", `{"user":"nobody"}`)
	if bob.Status != http.StatusNotFound || bob.Raw != nobody.Raw {
		t.Errorf("another's: %d %s, nobody: %d %s", bob.Status, bob.Raw, nobody.Status, nobody.Raw)
	}
}

// TestM1_NamesTellNothingOfOtherTenants: whatever the administrator of a tenant does with an
// address or a user name, one that a stranger has is answered as one that nobody has.
func TestM1_NamesTellNothingOfOtherTenants(t *testing.T) {
	t.Parallel()
	h := house(t)
	foreign(h) // bob is of another tenant
	boss := h.User("boss")
	h.World.Join(boss, h.Tenant, h.World.Group(h.Tenant, "bosses", "users:manage"))
	held := token(h, "boss", "openid users:manage")
	var bob string
	h.World.Get(`select email from platform.users where username = 'bob'`, nil, &bob)
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/users", `{"username":"somebody","email":"EMAIL"}`},
		{"POST", "/users", `{"username":"NAME","email":"somebody@example.com"}`},
		{"POST", "/users:bulk", `{"action":"import","try":true,"lines":[{"line":1,"username":"NAME","email":"EMAIL"}]}`},
		{"POST", "/users:invite", `{"email":"EMAIL"}`},
		{"POST", "/groups/bosses/members", `{"user":"EMAIL"}`},
		{"GET", "/users/NAME", ""},
		{"GET", "/users/EMAIL", ""},
		{"GET", "/users?search=NAME", ""},
		{"PATCH", "/users/boss", `{"email":"EMAIL"}`},
		{"PATCH", "/users/boss", `{"username":"NAME"}`},
	} {
		// Both look like "boss" as much, and an answer may repeat what was sent.
		answer := func(name, email string) string {
			named := strings.NewReplacer("NAME", name, "EMAIL", email)
			a := call(h, held, tt.method, named.Replace(tt.path), named.Replace(tt.body))
			delete(a.JSON, "expires_at")
			return strings.NewReplacer(name, "NAME").Replace(fmt.Sprint(a.Status, a.JSON))
		}
		strangers, nobodys := answer("bob", bob), answer("bof", strings.Replace(bob, "bob", "bof", 1))
		if strangers != nobodys {
			t.Errorf("%s %s %s\nof a stranger: %s\nof nobody:    %s", tt.method, tt.path, tt.body, strangers, nobodys)
		}
	}
}
