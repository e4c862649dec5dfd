package web_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/web"
)

// readable is what scripts of any origin may read, all of it without cookies.
var readable = []string{
	"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/api/v1", "/.well-known/passkey-endpoints",
	"/oauth2/jwks", "/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo", "/oauth2/register",
}

// G10: every route there is, those of tomorrow too: no origin is ever reflected, no
// cookie is ever let through, and what scripts may read stands in the list above.
func TestG10_EveryRoute(t *testing.T) {
	t.Parallel()
	h, config := bootWithConfig(t)
	paths, err := web.Paths(*config)
	if err != nil {
		t.Fatal(err)
	}
	wildcard := regexp.MustCompile(`\{[^}]*\}`)
	for _, route := range paths {
		_, path, _ := strings.Cut(route, " ")
		address := wildcard.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "x")
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			for _, origin := range []string{"https://evil.example", "null", h.URL + ".evil.example"} {
				r, err := http.NewRequestWithContext(t.Context(), method, h.Socket()+address, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Origin", origin)
				r.Header.Set("Access-Control-Request-Method", http.MethodPost)
				r.Header.Set("Access-Control-Request-Headers", "authorization")
				r.Header.Set("Access-Control-Request-Private-Network", "true")
				header := h.Send(r).Header
				allowed, want := header.Get("Access-Control-Allow-Origin"), ""
				if slices.Contains(readable, path) {
					want = "*"
				}
				if allowed != want && (allowed != "" || want == "") {
					t.Errorf("%s %s from %s allows %q", method, path, origin, allowed)
				}
				for _, never := range []string{"Access-Control-Allow-Credentials", "Access-Control-Allow-Private-Network"} {
					if got := header.Get(never); got != "" {
						t.Errorf("%s %s from %s: %s is %q", method, path, origin, never, got)
					}
				}
			}
		}
	}
}
