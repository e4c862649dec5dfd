package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestM5_EveryParameterOfTheProtocol: whatever stands in a parameter is a value and never
// a part of a statement; nothing is quoted back as SQL, waits, or is a fault of ours.
func TestM5_EveryParameterOfTheProtocol(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	request, err := url.ParseQuery(strings.TrimPrefix(webtest.NewProof().Authorization("web", nil), "/oauth2/authorize?"))
	noError(t, err)
	forms := map[string]url.Values{
		"/oauth2/token": {"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {"x"}, "refresh_token": {"x"}, "scope": {"openid"},
			"resource": {h.URL}, "device_code": {"x"}, "auth_req_id": {"x"}, "subject_token": {"x"}, "subject_token_type": {"x"}, "client_assertion": {"x"}, "authorization_details": {"[]"}},
		"/oauth2/introspect":           {"token": {tokens.Text("access_token")}, "token_type_hint": {"access_token"}},
		"/oauth2/revoke":               {"token": {"x"}, "token_type_hint": {"refresh_token"}},
		"/oauth2/device_authorization": {"scope": {"openid"}, "resource": {h.URL}},
		"/oauth2/par":                  request,
		cibaPath:                       {"scope": {"openid"}, "login_hint": {"nobody"}, "binding_message": {"x"}, "requested_expiry": {"60"}, "id_token_hint": {"x"}, "request": {"x"}},
	}
	injections := []string{
		"'", `\`, "' or '1'='1", "'; drop table platform.users; --", "' union select secret_hash from platform.clients --", "'||(select pg_sleep(5))||'", "1); select pg_sleep(5); --",
		"$1", "%s", "*", "\u02bc or 1=1", "\xbf\x27", "\x00", "99999999999999999999",
	}
	for _, text := range injections {
		begun := time.Now()
		for path, form := range forms {
			for name := range form {
				changed := url.Values{}
				for n, v := range form {
					changed[n] = slices.Clone(v)
				}
				changed.Set(name, text)
				if a := h.Call(path, "web", webtest.ClientSecret, changed); a.Status >= http.StatusInternalServerError || strings.Contains(a.Raw, "SQLSTATE") {
					t.Errorf("%s with %s=%q: %d %s", path, name, text, a.Status, a.Raw)
				}
			}
			if a := h.Call(path, text, "secret", url.Values{}); a.Status >= http.StatusInternalServerError {
				t.Errorf("%s by the client %q: %d %s", path, text, a.Status, a.Raw)
			}
		}
		for name := range request {
			if p := b.Get(webtest.NewProof().Authorization("web", url.Values{name: {text}})); p.StatusCode >= http.StatusInternalServerError {
				t.Errorf("authorization with %s=%q: %d", name, text, p.StatusCode)
			}
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%q took %v", text, took)
		}
	}
	if !isActive(t, h, tokens.Text("access_token")) {
		t.Error("the person, or the token, is gone")
	}
}
