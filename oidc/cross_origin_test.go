package oidc_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestG10_CrossOrigin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	shared := []string{"/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo", "/oauth2/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"}
	closed := []string{"/oauth2/authorize", "/oauth2/introspect", "/oauth2/par", "/oauth2/logout", "/login", "/consent", "/account"}
	ask := func(method, path, origin string) http.Header {
		r, err := http.NewRequestWithContext(t.Context(), method, h.Socket()+path, strings.NewReader(""))
		noError(t, err)
		r.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
			r.Header.Set("Access-Control-Request-Headers", "authorization")
		}
		return h.Send(r).Header
	}
	for _, origin := range []string{"https://app.example", "https://evil.example", "null", h.URL} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			for _, path := range append(shared, closed...) {
				header := ask(method, path, origin)
				if got := header.Get("Access-Control-Allow-Credentials"); got != "" {
					t.Errorf("%s %s allows credentials: %q", method, path, got)
				}
				if got := header.Get("Access-Control-Allow-Origin"); got != "" && got != "*" {
					t.Errorf("%s %s reflects the origin: %q", method, path, got)
				}
			}
		}
		for _, path := range shared {
			if got := ask(http.MethodOptions, path, origin); got.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.Get("Access-Control-Allow-Headers"), "Authorization") {
				t.Errorf("preflight of %s: %v", path, got)
			}
		}
		for _, path := range closed {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
				if got := ask(method, path, origin).Get("Access-Control-Allow-Origin"); got != "" {
					t.Errorf("%s %s is open to scripts of %q", method, path, got)
				}
			}
		}
	}
	// A script reads the error too.
	if got := ask(http.MethodPost, "/oauth2/token", "https://app.example").Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("an error of the token endpoint has %q", got)
	}
}
