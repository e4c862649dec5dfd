package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestC15_LoweredRoleNarrowsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := h.User("root", authz.RoleAdmin)
	scope := url.Values{"scope": {"openid profile offline_access user tools:execute admin"}}
	tokens := h.Tokens("web", "root", scope)
	if tokens.Text("scope") != scope.Get("scope") {
		t.Fatalf("an admin was granted %q", tokens.Text("scope"))
	}
	h.Advance(3 * time.Second)
	h.World.Exec(`update platform.users set role = 'viewer', authz_changed_at = $2 where id = $1`, user, h.Now())
	const left = "openid profile offline_access user"
	a := h.Introspect("rs", tokens.Text("access_token"))
	if a.Text("scope") != left {
		t.Errorf("introspection of the older token says %q, want %q", a.Text("scope"), left)
	}
	if roles, _ := a.JSON["roles"].([]any); len(roles) != 1 || roles[0] != "viewer" {
		t.Errorf("roles are %v", a.JSON["roles"])
	}
	narrowed := mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	if narrowed.Text("scope") != left || claimsOf(t, narrowed.Text("access_token"))["scope"] != left {
		t.Errorf("the refresh gave %q", narrowed.Text("scope"))
	}
	if a := userInfo(t, h, tokens.Text("access_token")); a.Status != http.StatusOK {
		t.Errorf("userinfo, which needs openid only: %d %s", a.Status, a.Raw)
	}
	// Raised again, an old token gains nothing beyond what stands in it, and the
	// grant nothing beyond what was approved.
	h.World.Exec(`update platform.users set role = 'owner', authz_changed_at = $2 where id = $1`, user, h.Now())
	if got := h.Introspect("rs", narrowed.Text("access_token")).Text("scope"); got != left {
		t.Errorf("a token gained scopes: %q", got)
	}
	again := mustGrant(t, "refresh", refresh(h, "web", narrowed.Text("refresh_token"), nil))
	if again.Text("scope") != scope.Get("scope") {
		t.Errorf("the grant has %q, want what was approved", again.Text("scope"))
	}
}

// loss is one way in which a user loses a right.
type loss struct {
	name string
	// gain makes the user hold "reports:read", take takes it away.
	gain, take func(t *testing.T, h *webtest.House, d *directory.Service, user authz.UserID)
}

func losses() []loss {
	group := map[authz.UserID]authz.GroupID{}
	join := func(t *testing.T, h *webtest.House, d *directory.Service, user authz.UserID) {
		g, err := d.CreateGroup(t.Context(), host, directory.CreateGroup{Tenant: h.Tenant, Name: user.String(), Scopes: []authz.Pattern{"reports:*"}})
		noError(t, err)
		noError(t, d.AddMember(t.Context(), host, g.ID, user))
		group[user] = g.ID
	}
	return []loss{
		{"an extra scope is revoked", func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID) {
			noError(t, d.GrantUserScope(t.Context(), host, user, authz.TenantID{}, "reports:read"))
		}, func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID) {
			noError(t, d.RevokeUserScope(t.Context(), host, user, authz.TenantID{}, "reports:read"))
		}},
		{"membership of a group ends", join, func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID) {
			noError(t, d.RemoveMember(t.Context(), host, group[user], user))
		}},
		{"a group loses its scopes", join, func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID) {
			_, err := d.SetGroupScopes(t.Context(), host, group[user], nil, nil)
			noError(t, err)
		}},
		{"the role is changed", func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID) {
			role := authz.RoleAdmin
			_, err := d.UpdateUser(t.Context(), host, user, directory.UserChange{Role: &role})
			noError(t, err)
		}, func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID) {
			role := authz.RoleViewer
			_, err := d.UpdateUser(t.Context(), host, user, directory.UserChange{Role: &role})
			noError(t, err)
		}},
		{"the role loses its scopes", func(t *testing.T, _ *webtest.House, d *directory.Service, _ authz.UserID) {
			_, err := d.SetRoleScopes(t.Context(), host, authz.RoleUser, []authz.Pattern{"user", "agents:read", "tools:execute", "reports:read"}, nil)
			noError(t, err)
		}, func(t *testing.T, _ *webtest.House, d *directory.Service, _ authz.UserID) {
			_, err := d.SetRoleScopes(t.Context(), host, authz.RoleUser, []authz.Pattern{"user", "agents:read", "tools:execute"}, nil)
			noError(t, err)
		}},
	}
}

func TestD4_C15_EachLossNarrowsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("reports", func(c *storage.Client) { c.Scopes = append(c.Scopes, "reports:read") })
	d := directoryOf(h)
	for i, l := range losses() {
		name := "user" + string(rune('a'+i))
		user := h.User(name)
		l.gain(t, h, d, user)
		h.Advance(2 * time.Second)
		tokens := h.Tokens("reports", name, url.Values{"scope": {"openid offline_access reports:read"}})
		if tokens.Text("scope") != "openid offline_access reports:read" {
			t.Fatalf("%s: granted %q before", l.name, tokens.Text("scope"))
		}
		h.Advance(2 * time.Second)
		l.take(t, h, d, user)
		if got := h.Introspect("rs", tokens.Text("access_token")).Text("scope"); got != "openid offline_access" {
			t.Errorf("%s: introspection says %q", l.name, got)
		}
		a := mustGrant(t, l.name, refresh(h, "reports", tokens.Text("refresh_token"), nil))
		if a.Text("scope") != "openid offline_access" {
			t.Errorf("%s: the refresh gave %q", l.name, a.Text("scope"))
		}
	}
}

func TestD4_NothingLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := h.User("bob")
	tokens := h.Tokens("web", "bob", url.Values{"scope": {"tools:execute"}})
	h.World.Exec(`update platform.users set role = 'viewer', authz_changed_at = $2 where id = $1`, user, h.Now().Add(time.Second))
	h.Advance(2 * time.Second)
	if a := h.Introspect("rs", tokens.Text("access_token")); a.Text("scope") != "" {
		t.Errorf("introspection: %s", a.Raw)
	}
	withRefresh := h.User("cleo")
	tokens = h.Tokens("web", "cleo", url.Values{"scope": {"tools:execute offline_access"}})
	h.World.Exec(`update platform.users set role = 'viewer', authz_changed_at = $2 where id = $1`, withRefresh, h.Now())
	a := mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	if a.Text("scope") != "offline_access" {
		t.Errorf("what is left is %q", a.Text("scope"))
	}
}

func TestC15_AgentFallsWithItsOwner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	owner := h.User("owner")
	h.Machine("agent", func(c *storage.Client) { c.Kind, c.Owner = storage.ClientAgent, owner })
	ask := func() string {
		return mustGrant(t, "agent", h.Token("agent", url.Values{"grant_type": {"client_credentials"}})).Text("access_token")
	}
	token := ask()
	h.Advance(2 * time.Second)
	role := authz.RoleViewer
	_, err := d.UpdateUser(t.Context(), host, owner, directory.UserChange{Role: &role})
	noError(t, err)
	if got := h.Introspect("rs", token).Text("scope"); got != "agents:read" {
		t.Errorf("the agent of a viewer has %q", got)
	}
	token = ask()
	noError(t, d.DisableUser(t.Context(), host, owner))
	if isActive(t, h, token) {
		t.Error("an agent's token is active after its owner was disabled")
	}
}

func TestScopeNeedsStrongerSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", url.Values{"scope": {"openid offline_access tools:execute"}})
	h.World.Exec(`update platform.scopes set needs_acr = 'phr' where name = 'tools:execute'`)
	soon(t, "the registry's rule is known", func() bool {
		c, err := h.Store.Catalogue(t.Context())
		return err == nil && c.Scopes["tools:execute"].NeedsACR == "phr"
	})
	a := mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	if a.Text("scope") != "openid offline_access" {
		t.Errorf("a sign-in by password was given %q", a.Text("scope"))
	}
	if a := h.Tokens("web", "ann", url.Values{"scope": {"openid tools:execute"}}); a.Text("scope") != "openid" {
		t.Errorf("a sign-in by password was given %q", a.Text("scope"))
	}
}
