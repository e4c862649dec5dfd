package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func signedIn(h *webtest.House, username string) *webtest.Browser {
	h.T.Helper()
	b := h.Browser()
	if p := b.SignIn(b.Get("/login"), username); p.Request.URL.Path != "/account" {
		h.T.Fatalf("sign-in of %s ended at %s with %d:\n%s", username, p.Request.URL, p.StatusCode, p.Body)
	}
	return b
}

func TestConsole_ShowsTheDeployment(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann", authz.RoleOwner)
	h.User("bob")
	h.Client("shop", func(c *storage.Client) { c.Name = "The <b>shop</b>" })
	signedIn(h, "bob")
	b := signedIn(h, "ann")
	p := b.Get("/console")
	if p.StatusCode != http.StatusOK {
		t.Fatalf("status %d:\n%s", p.StatusCode, p.Body)
	}
	page := string(p.Body)
	for _, want := range []string{
		"<dt>Users</dt><dd>2</dd>", "<dt>Tenants</dt><dd>1</dd>", "<dt>Clients</dt><dd>1</dd>", "<dt>Active sessions</dt><dd>2</dd>",
		"<bdi>bob</bdi>", "<bdi>acme</bdi>", "127.0.0.1", "The &lt;b&gt;shop&lt;/b&gt;", "Signs now",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page:\n%s", want, page)
		}
	}
	if got := p.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
}

// Roles × the page: whoever is no administrator is refused, and nobody is asked
// who they are.
func TestM2_ConsoleIsForAdministrators(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	if p := h.Browser().Get("/console"); p.Request.URL.Path != "/login" {
		t.Errorf("nobody: at %s with %d", p.Request.URL.Path, p.StatusCode)
	}
	for role, want := range map[authz.Role]int{
		authz.RoleViewer: http.StatusForbidden, authz.RoleUser: http.StatusForbidden,
		authz.RoleAdmin: http.StatusOK, authz.RoleOwner: http.StatusOK,
	} {
		h.User(string(role), role)
		p := signedIn(h, string(role)).Get("/console")
		if p.StatusCode != want || strings.Contains(string(p.Body), "Signing keys") != (want == http.StatusOK) {
			t.Errorf("%s: %d, want %d\n%s", role, p.StatusCode, want, p.Body)
		}
	}
}

// An extra grant counts in one tenant; the console shows them all.
func TestM3_ExtraScopeOpensNoConsole(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	user := h.User("eve")
	h.World.Exec(`insert into platform.user_scopes (user_id, tenant_id, scope, created_at) values ($1, $2, 'admin', now())`, user, h.Tenant)
	if p := signedIn(h, "eve").Get("/console"); p.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", p.StatusCode)
	}
}

// The registry may ask for a stronger sign-in than a password.
func TestConsole_NeedsTheSignInThatAdminNeeds(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.World.Exec(`update platform.scopes set needs_acr = 'phr' where name = 'admin'`)
	h.User("ann", authz.RoleOwner)
	if p := signedIn(h, "ann").Get("/console"); p.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", p.StatusCode)
	}
}
