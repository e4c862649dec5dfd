package oidc_test

import (
	"net/http"
	"testing"
)

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	if got := tokens.Text("token_type"); got != "Bearer" {
		t.Errorf("token_type is %q", got)
	}
	if got := tokens.JSON["expires_in"]; got != 600.0 {
		t.Errorf("expires_in is %v, want 600", got)
	}
	if got := tokens.Text("scope"); got != "openid profile email offline_access user agents:read" {
		t.Errorf("scope is %q", got)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json;charset=UTF-8"} {
		if got := tokens.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q (RFC 6749 §5.1)", name, got, want)
		}
	}
	got := h.Introspect("rs", tokens.Text("access_token"))
	if got.JSON["active"] != true || got.Text("username") != "ann" || got.Text("client_id") != "web" || got.Text("iss") != h.URL {
		t.Errorf("introspection: %s", got.Raw)
	}
	if info := userInfo(t, h, tokens.Text("access_token")); info.Status != http.StatusOK || info.Text("preferred_username") != "ann" {
		t.Errorf("userinfo: %d %s", info.Status, info.Raw)
	}
	again := mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	if again.Text("refresh_token") == tokens.Text("refresh_token") || again.Text("access_token") == tokens.Text("access_token") {
		t.Error("a refresh gave the same tokens again")
	}
}
