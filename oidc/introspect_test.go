package oidc_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestG1_UnauthenticatedIntrospection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("spa", func(c *storage.Client) {
		c.Kind, c.AuthMethod, c.Introspect = storage.ClientSPA, storage.AuthMethodNone, true
	})
	token := h.Tokens("web", "ann", nil).Text("access_token")
	for name, a := range map[string]webtest.Answer{
		"nobody":                  post(t, h, "/oauth2/introspect", url.Values{"token": {token}}),
		"a wrong secret":          h.Call("/oauth2/introspect", "rs", "wrong", url.Values{"token": {token}}),
		"no secret":               h.Call("/oauth2/introspect", "rs", "", url.Values{"token": {token}}),
		"a public client":         h.Call("/oauth2/introspect", "spa", "", url.Values{"token": {token}}),
		"the token as its bearer": post(t, h, "/oauth2/introspect", url.Values{"token": {token}}, "Bearer "+token),
	} {
		mustRefuse(t, name, a, http.StatusUnauthorized, "invalid_client")
		if a.JSON["active"] != nil {
			t.Errorf("%s learns %s", name, a.Raw)
		}
	}
	mustRefuse(t, "no token", h.Call("/oauth2/introspect", "rs", webtest.ClientSecret, url.Values{}), http.StatusBadRequest, "invalid_request")
}

func TestG2_WhoLearnsWhat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rival := h.World.Tenant("rival")
	h.Machine("rival-rs", func(c *storage.Client) { c.Tenant, c.Introspect = rival, true })
	h.Machine("deployment-rs", func(c *storage.Client) { c.Tenant, c.Introspect = authz.TenantID{}, true })
	users, own := h.Tokens("web", "ann", nil).Text("access_token"), h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	for _, c := range []struct {
		caller string
		token  string
		learns bool
	}{
		{"web", users, true},           // its own
		{"other", users, false},        // a client of the same tenant without the right
		{"other", own, false},          //
		{"rs", users, true},            // with the right, of the tenant
		{"rival-rs", users, false},     // with the right, of another tenant
		{"rival-rs", own, false},       //
		{"deployment-rs", users, true}, // with the right, of the deployment
		{"deployment-rs", own, true},   //
		{"web", own, false},            //
	} {
		a := h.Introspect(c.caller, c.token)
		switch {
		case c.learns && a.JSON["active"] != true:
			t.Errorf("%s does not learn: %s", c.caller, a.Raw)
		case !c.learns && (a.Raw != inactive || a.Status != http.StatusOK):
			t.Errorf("%s learns: %d %s", c.caller, a.Status, a.Raw)
		}
	}
}

// RFC 9470 §6: how the user signed in, and when, in the token and by introspection; of a
// client's own token there is nothing to tell.
func TestIntrospectionTellsOfTheSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	inside, told := claimsOf(t, tokens.Text("access_token")), h.Introspect("rs", tokens.Text("access_token"))
	for _, name := range []string{"acr", "auth_time", "amr"} {
		if inside[name] == nil || fmt.Sprint(told.JSON[name]) != fmt.Sprint(inside[name]) {
			t.Errorf("%s is %v in the token and %v by introspection", name, inside[name], told.JSON[name])
		}
	}
	own := h.Introspect("rs", h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token"))
	if own.JSON["active"] != true || own.JSON["acr"] != nil || own.JSON["auth_time"] != nil {
		t.Errorf("of a client: %s", own.Raw)
	}
}

func TestG2_ResourceOfAnotherTenant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rival := h.World.Tenant("rival")
	h.Machine("rival-rs", func(c *storage.Client) { c.Tenant, c.Introspect = rival, true })
	// The rival names a resource like a scope of ours: it counts in the rival's tenant alone.
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, name, scopes, created_at) values ('https://rival.example', $1, 'R', '{agents:read}', now())`, rival)
	soon(t, "the resource is known", func() bool {
		c, err := h.Store.Catalogue(t.Context())
		return err == nil && len(c.Resources) == 1
	})
	token := h.Tokens("web", "ann", nil).Text("access_token")
	if aud, _ := claimsOf(t, token)["aud"].([]any); len(aud) != 1 || aud[0] != h.URL {
		t.Errorf("aud is %v", aud)
	}
	if a := h.Introspect("rival-rs", token); a.Raw != inactive {
		t.Errorf("the rival learns %s", a.Raw)
	}
}

func TestG3_RefreshTokenIsItsOwnersBusiness(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	a := h.Introspect("web", tokens.Text("refresh_token"))
	if a.JSON["active"] != true || a.Text("client_id") != "web" || a.Text("scope") == "" || a.Text("sub") != claimsOf(t, tokens.Text("id_token"))["sub"] {
		t.Errorf("its owner learns %s", a.Raw)
	}
	for _, caller := range []string{"rs", "other"} {
		if a := h.Introspect(caller, tokens.Text("refresh_token")); a.Raw != inactive {
			t.Errorf("%s learns %s", caller, a.Raw)
		}
	}
	// Asking is no use: the chain goes on, also after asking about an old token.
	second := mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	h.Advance(grace + time.Second)
	if a := h.Introspect("web", tokens.Text("refresh_token")); a.Raw != inactive {
		t.Errorf("a rotated refresh token: %s", a.Raw)
	}
	mustGrant(t, "the current one", refresh(h, "web", second.Text("refresh_token"), nil))
}

func TestG4_InactiveIsOneAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old := h.Tokens("web", "ann", nil)
	h.Advance(11 * time.Minute)
	revoked, gone, foreign := h.Tokens("web", "ann", nil), h.Tokens("web", "ann", nil), h.Tokens("other", "ann", nil)
	h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {revoked.Text("access_token")}})
	h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {gone.Text("refresh_token")}})
	want := h.Introspect("web", "x")
	for name, token := range map[string]string{
		"expired":                    old.Text("access_token"),
		"revoked":                    revoked.Text("access_token"),
		"of a revoked grant":         gone.Text("access_token"),
		"revoked refresh token":      gone.Text("refresh_token"),
		"another client's":           foreign.Text("access_token"),
		"another client's refresh":   foreign.Text("refresh_token"),
		"ID token":                   revoked.Text("id_token"),
		"malformed":                  "a.b.c",
		"unknown refresh token":      "gth_rt_" + strings.Repeat("A", 92),
		"signed by somebody":         forgeries(t, h, revoked.Text("access_token"), "")["C3: no change"],
		"of another issuer":          resign(t, h, revoked.Text("access_token"), keys.TypeAccessToken, map[string]any{"iss": "x"}),
		"of an unknown client":       resign(t, h, revoked.Text("access_token"), keys.TypeAccessToken, map[string]any{"client_id": "x"}),
		"longer than any":            strings.Repeat("a", 20_000),
		"a code":                     "gth_ac_" + strings.Repeat("A", 64),
		"not ASCII":                  "é\u202e",
		"our access token, in space": " " + revoked.Text("access_token"),
	} {
		for _, hint := range []string{"", "access_token", "refresh_token", "unheard_of"} {
			a := h.Call("/oauth2/introspect", "web", webtest.ClientSecret, url.Values{"token": {token}, "token_type_hint": {hint}})
			if a.Raw != want.Raw || a.Raw != inactive || a.Status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.Status, a.Raw)
			}
			for _, header := range []string{"Content-Type", "Cache-Control", "Content-Length"} {
				if a.Header.Get(header) != want.Header.Get(header) {
					t.Errorf("%s: %s is %q, of another %q", name, header, a.Header.Get(header), want.Header.Get(header))
				}
			}
		}
	}
}
