package oidc_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestUserInfoByScope(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.World.Exec(`update platform.users set phone = '+4930123456', phone_verified = true, address = '{"street_address":"Hauptstr. 1\nHinterhaus","postal_code":"10115","locality":"Berlin","country":"Germany"}'`)
	b := h.Browser()
	for scope, want := range map[string][]string{
		"openid":               nil,
		"openid profile":       {"name", "preferred_username", "updated_at", "locale"},
		"openid email":         {"email", "email_verified"},
		"openid phone":         {"phone_number", "phone_number_verified"},
		"openid address":       {"address"},
		"openid email profile": {"name", "preferred_username", "updated_at", "locale", "email", "email_verified"},
	} {
		proof := webtest.NewProof()
		code := b.Authorize(proof, "web", "ann", url.Values{"scope": {scope}}).Get("code")
		tokens := mustGrant(t, scope, h.Exchange("web", code, proof))
		a := userInfo(t, h, tokens.Text("access_token"))
		if a.Status != http.StatusOK || a.Text("sub") != claimsOf(t, tokens.Text("id_token"))["sub"] {
			t.Errorf("%s: %d %s", scope, a.Status, a.Raw)
		}
		for _, name := range want {
			if _, has := a.JSON[name]; !has {
				t.Errorf("%s: %s is missing from %s", scope, name, a.Raw)
			}
		}
		if len(a.JSON) != len(want)+1 {
			t.Errorf("%s gives more than it opens: %s", scope, a.Raw)
		}
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control is %q", scope, a.Header.Get("Cache-Control"))
		}
	}
	a := userInfo(t, h, h.Tokens("web", "ann", url.Values{"scope": {"openid phone address"}}).Text("access_token"))
	address := map[string]any{
		"formatted": "Hauptstr. 1\nHinterhaus\n10115 Berlin\nGermany", "street_address": "Hauptstr. 1\nHinterhaus", "postal_code": "10115", "locality": "Berlin", "country": "Germany",
	}
	if got, ok := a.JSON["address"].(map[string]any); !ok || !maps.Equal(got, address) || a.Text("phone_number") != "+4930123456" || a.JSON["phone_number_verified"] != true {
		t.Errorf("telephone number and address: %s", a.Raw)
	}
	h.World.Exec(`update platform.users set phone = null, phone_verified = false, address = null`)
	if a := userInfo(t, h, h.Tokens("web", "ann", url.Values{"scope": {"openid phone address"}}).Text("access_token")); len(a.JSON) != 1 {
		t.Errorf("of who has neither: %s", a.Raw)
	}
	code, proof := "", webtest.NewProof()
	code = b.Authorize(proof, "web", "ann", url.Values{"scope": {"profile user"}}).Get("code")
	a = userInfo(t, h, mustGrant(t, "without openid", h.Exchange("web", code, proof)).Text("access_token"))
	if a.Status != http.StatusForbidden || a.Text("error") != "insufficient_scope" {
		t.Errorf("without openid: %d %s", a.Status, a.Raw)
	}
}

func TestUserInfoRequests(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.Tokens("web", "ann", nil).Text("access_token")
	send := func(method, contentType, body string, authorization ...string) webtest.Answer {
		r, err := http.NewRequestWithContext(t.Context(), method, h.Socket()+"/oauth2/userinfo", strings.NewReader(body))
		noError(t, err)
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		r.Header["Authorization"] = authorization
		return h.Send(r)
	}
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name   string
		a      webtest.Answer
		status int
	}{
		{"GET", send("GET", "", "", "Bearer "+token), 200},
		{"GET, scheme in lower case", send("GET", "", "", "bearer "+token), 200},
		{"POST with header", send("POST", "", "", "Bearer "+token), 200},
		{"POST with header and empty form", send("POST", form, "", "Bearer "+token), 200},
		{"POST with the token in the body", send("POST", form, "access_token="+token), 200},
		{"POST with both", send("POST", form, "access_token="+token, "Bearer "+token), 400},
		{"two headers", send("GET", "", "", "Bearer "+token, "Bearer "+token), 400},
		{"token twice in the body", send("POST", form, "access_token="+token+"&access_token="+token), 400},
		{"GET with a body", send("GET", form, "access_token="+token), 401},
		{"nothing", send("GET", "", ""), 401},
		{"Basic", send("GET", "", "", "Basic "+token), 401},
		{"no token after Bearer", send("GET", "", "", "Bearer "), 401},
		{"not a token", send("GET", "", "", "Bearer x"), 401},
	} {
		if c.a.Status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, c.a.Status, c.a.Raw, c.status)
		}
		challenge := c.a.Header.Get("WWW-Authenticate")
		if c.status == 401 && !strings.HasPrefix(challenge, "Bearer ") {
			t.Errorf("%s: WWW-Authenticate is %q", c.name, challenge)
		}
		if c.status == 401 && !strings.Contains(challenge, `scope="openid"`) {
			t.Errorf("%s: the scope that is needed is not in %q", c.name, challenge)
		}
		// RFC 6750 §3.1: no error code where no credentials were given. RFC 9449 §7.1: either
		// scheme will do.
		if both := c.a.Header.Values("WWW-Authenticate"); c.name == "nothing" &&
			(strings.Contains(challenge, "error") || len(both) != 2 || !strings.HasPrefix(both[1], "DPoP ") || !strings.Contains(both[1], `algs="ES256`)) {
			t.Errorf("nothing was presented, and the challenges are %q", both)
		}
		if c.name == "not a token" && !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("a bad token was presented, and the challenge is %q", challenge)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		if a := send(method, "", "", "Bearer "+token); a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, a.Status)
		}
	}
}
