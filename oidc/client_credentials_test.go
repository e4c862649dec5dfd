package oidc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ask := func(client, scope string) webtest.Answer {
		return h.Token(client, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
	}
	a := mustGrant(t, "all", ask("rs", ""))
	claims := claimsOf(t, a.Text("access_token"))
	// RFC 9068 §2.2: without a resource owner the subject is the client.
	if claims["sub"] != "rs" || claims["client_id"] != "rs" || claims["tenant_id"] != h.Tenant.String() || a.Text("scope") != "agents:read tools:execute" {
		t.Errorf("claims are %v", claims)
	}
	for _, name := range []string{"grant_id", "sid", "auth_time", "acr", "amr", "roles", "groups"} {
		if claims[name] != nil {
			t.Errorf("a client's own token says %s=%v", name, claims[name])
		}
	}
	for _, name := range []string{"refresh_token", "id_token"} {
		if a.Text(name) != "" {
			t.Errorf("client credentials gave a %s (RFC 6749 §4.4.3)", name)
		}
	}
	if a := mustGrant(t, "one", ask("rs", "agents:read")); a.Text("scope") != "agents:read" {
		t.Errorf("scope is %q", a.Text("scope"))
	}
	for _, scope := range []string{"agents:write", "agents:read admin", "*", "agents:*", "openid", "offline_access", `"`} {
		mustRefuse(t, scope, ask("rs", scope), http.StatusBadRequest, "invalid_scope")
	}
}

func TestClientCredentialsWhoMay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Machine("wide", func(c *storage.Client) { c.Scopes = []authz.Pattern{"agents:*", "*"} })
	h.Machine("public", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientSPA, storage.AuthMethodNone })
	// A wildcard gives what is asked for by name, and nothing that is reserved.
	if a := mustGrant(t, "by a wildcard", h.Token("wide", url.Values{"grant_type": {"client_credentials"}, "scope": {"agents:write"}})); a.Text("scope") != "agents:write" {
		t.Errorf("scope is %q", a.Text("scope"))
	}
	for _, scope := range []string{"admin", "billing", "users:manage"} {
		mustRefuse(t, scope, h.Token("wide", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}), http.StatusBadRequest, "invalid_scope")
	}
	a := h.Call("/oauth2/token", "public", "", url.Values{"grant_type": {"client_credentials"}})
	if a.Status != http.StatusBadRequest && a.Status != http.StatusUnauthorized || a.Text("access_token") != "" {
		t.Errorf("a public client: %d %s", a.Status, a.Raw)
	}
	mustRefuse(t, "a client of another grant", h.Token("web", url.Values{"grant_type": {"client_credentials"}}), http.StatusBadRequest, "unauthorized_client")
}

func TestAgentNeverExceedsItsOwner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.User("owner", authz.RoleViewer)
	h.Machine("agent", func(c *storage.Client) { c.Kind, c.Owner = storage.ClientAgent, owner })
	ask := func(scope string) webtest.Answer {
		return h.Token("agent", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
	}
	mustGrant(t, "what a viewer may", ask("agents:read"))
	mustRefuse(t, "what a viewer may not", ask("tools:execute"), http.StatusBadRequest, "invalid_scope")
	h.World.Exec(`update platform.users set role = 'user', authz_changed_at = now() where id = $1`, owner)
	mustGrant(t, "what a user may", ask("tools:execute"))
	h.World.Exec(`update platform.users set disabled_at = now() where id = $1`, owner)
	mustRefuse(t, "of a disabled owner", ask("agents:read"), http.StatusBadRequest, "invalid_scope")
}
