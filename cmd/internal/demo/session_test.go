package demo

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestCalls(t *testing.T) {
	stub, v := startWith(t)
	v.signIn(stub)
	mustContain(t, v.call("enough"), "200 OK", "/api/agents", "List agents", "ada-id")
	if strings.Contains(v.get("/").body, `id="answer"`) {
		t.Error("an old answer is shown a second time")
	}
	mustContain(t, v.call("too-few"), "403 Forbidden", "/api/admin", "insufficient_scope", "resource_metadata")
	mustContain(t, v.call("alive"), "200 OK", "/api/me")
	stub.set(func(s *issuerStub) { clear(s.alive) })
	mustContain(t, v.call("alive"), "401 Unauthorized", "invalid_token")
}

// TestTooFewIsAlwaysTooFew: whatever somebody holds, there is something to refuse.
func TestTooFewIsAlwaysTooFew(t *testing.T) {
	for scope, path := range map[string]string{
		"openid agents:read":          "/api/admin",
		"openid user admin":           "/api/billing",
		"openid user billing":         "/api/admin",
		"openid user admin billing":   "/api/impossible",
		"openid user admin billing x": "/api/impossible",
	} {
		stub, v := startWith(t)
		stub.scope = scope
		v.signIn(stub)
		mustContain(t, v.call("too-few"), "403 Forbidden", path)
	}
}

func TestExpiredTokenIsRefreshed(t *testing.T) {
	stub, v := startWith(t)
	stub.expiresIn = 1
	v.signIn(stub)
	stub.set(func(s *issuerStub) { clear(s.alive); s.expiresIn, s.scope = 600, "openid user agents:read" })
	mustContain(t, v.call("enough"), "200 OK", "not included (6)")
	calls := stub.tokenCalls
	v.call("enough")
	if stub.tokenCalls != calls {
		t.Error("a token that has not expired was refreshed")
	}
}

func TestRefusedRefreshEndsTheSession(t *testing.T) {
	stub, v := startWith(t)
	stub.expiresIn = 1
	v.signIn(stub)
	stub.set(func(s *issuerStub) { s.tokenError = "invalid_grant" })
	got := v.post("/call", v.form("call", "enough"))
	mustContain(t, got.body, "does not renew them", "invalid_grant", `id="sign-in"`)
	if v.signedIn() {
		t.Error("the session lives on")
	}
}

// TestFailedRefreshKeepsTheSession: an issuer that is away says nothing.
func TestFailedRefreshKeepsTheSession(t *testing.T) {
	stub, v := startWith(t)
	stub.expiresIn = 1
	v.signIn(stub)
	stub.Close()
	got := v.post("/call", v.form("call", "enough"))
	if got.status != http.StatusServiceUnavailable || !v.signedIn() {
		t.Errorf("status %d, signed in %t", got.status, v.signedIn())
	}
}

func TestSignOutKillsTheToken(t *testing.T) {
	stub, v := startWith(t)
	v.signIn(stub)
	got := v.post("/sign-out", v.form())
	to := mustParse(t, got.location)
	q := to.Query()
	if got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, stub.URL+"/logout?") ||
		q.Get("post_logout_redirect_uri") != v.base+"/signed-out" || strings.Count(q.Get("id_token_hint"), ".") != 2 || q.Get("state") == "" {
		t.Fatalf("sign-out: %d to %q", got.status, got.location)
	}
	if v.signedIn() {
		t.Error("the session is still there")
	}
	stub.set(func(s *issuerStub) { clear(s.alive) })
	back := "/signed-out?state=" + q.Get("state")
	mustContain(t, v.get(back).body, "so is your token", "401 Unauthorized", "invalid_token")
	if again := v.get(back); again.location != "/" {
		t.Errorf("the old token was tried again: %d", again.status)
	}
}

// TestSignOutIsHonest: the page does not call a token dead that is not.
func TestSignOutIsHonest(t *testing.T) {
	stub, v := startWith(t)
	v.signIn(stub)
	q := mustParse(t, v.post("/sign-out", v.form()).location).Query()
	got := v.get("/signed-out?state=" + q.Get("state"))
	mustContain(t, got.body, "You are signed out here", "200 OK")
	if strings.Contains(got.body, "so is your token") {
		t.Error("the page says that the token is dead")
	}
}

func TestSignedOutIsForOneBrowser(t *testing.T) {
	stub, v := startWith(t)
	v.signIn(stub)
	back := "/signed-out?" + url.Values{"state": mustParse(t, v.post("/sign-out", v.form()).location).Query()["state"]}.Encode()
	v.client.Jar = newVisitor(t, &httptest.Server{URL: v.base}).client.Jar
	if got := v.get(back); got.status != http.StatusSeeOther || got.location != "/" {
		t.Errorf("another browser learned of the sign-out: %d", got.status)
	}
}

func TestH4_Forms(t *testing.T) {
	stub, v := startWith(t)
	v.signIn(stub)
	good := v.form("call", "enough")
	for name, c := range map[string]struct {
		form   url.Values
		header []string
	}{
		"no token":       {form: url.Values{"call": {"enough"}}},
		"other token":    {form: url.Values{"call": {"enough"}, "csrf": {strings.Repeat("A", 26)}}},
		"foreign site":   {form: good, header: []string{"Sec-Fetch-Site", "cross-site"}},
		"other port":     {form: good, header: []string{"Sec-Fetch-Site", "same-site"}},
		"foreign origin": {form: good, header: []string{"Origin", "https://evil.example"}},
		"null origin":    {form: good, header: []string{"Origin", "null"}},
		"unknown call":   {form: v.form("call", "everything")},
		"too large":      {form: url.Values{"x": {strings.Repeat("x", maxForm)}, "csrf": good["csrf"], "call": {"enough"}}},
		"other encoding": {form: good, header: []string{"Content-Type", "multipart/form-data; boundary=x"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := v.post("/call", c.form, c.header...)
			if got.status != http.StatusForbidden {
				t.Errorf("status %d, want 403", got.status)
			}
			mustContain(t, got.body, "not from this visit")
		})
	}
	if got := v.post("/sign-out", url.Values{}); got.status != http.StatusForbidden || !v.signedIn() {
		t.Errorf("sign-out without token: %d", got.status)
	}
	for _, path := range []string{"/call", "/sign-out"} {
		if got := v.get(path); got.status != http.StatusMethodNotAllowed {
			t.Errorf("H17: GET %s: %d", path, got.status)
		}
	}
	if got := v.post("/call", good, "Sec-Fetch-Site", "same-origin"); got.status != http.StatusSeeOther {
		t.Errorf("our own form: %d", got.status)
	}
}

func TestHeaders(t *testing.T) {
	stub, v := startWith(t)
	got := v.get("/")
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' " + stub.URL,
		"Cache-Control":           "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	if policy := v.get("/api/me").header.Get("Content-Security-Policy"); policy != "default-src 'none'; frame-ancestors 'none'" {
		t.Errorf("the API has the policy %q", policy)
	}
}

func TestH2_CookieOverTLS(t *testing.T) {
	app, err := New(Config{
		Issuer: newIssuerStub(t).URL, BaseURL: "https://demo.example",
		Client: Credentials{"demo", "s"}, API: Credentials{"api", "s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := httptest.NewRecorder()
	app.Handler().ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/sign-in", nil))
	mustContain(t, got.Header().Get("Set-Cookie"), "; Secure")
	mustContain(t, got.Header().Get("Strict-Transport-Security"), "max-age=")
}
