package demo

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestSignInAsksForWhatItShould(t *testing.T) {
	stub, v := startWith(t)
	first, second := v.get("/sign-in"), v.get("/sign-in")
	q := mustParse(t, first.location).Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "demo", "redirect_uri": v.base + "/callback", "code_challenge_method": "S256",
		"scope": "openid profile email offline_access user agents:read tools:execute admin billing",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	again := mustParse(t, second.location).Query()
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if q.Get(name) == "" || q.Get(name) == again.Get(name) {
			t.Errorf("%s is %q twice", name, q.Get(name))
		}
	}
	cookie := first.header.Get("Set-Cookie")
	mustContain(t, cookie, "gatehouse-demo=", "HttpOnly", "SameSite=Lax", "Path=/")
	if second.header.Get("Set-Cookie") != "" {
		t.Error("a browser that has its id got another one before it signed in")
	}
	// Both tabs may finish; the first one to do so changes the id.
	if got := v.get("/callback?" + stub.authorize(t, second.location).Encode()); got.location != "/" {
		t.Errorf("second tab: %d", got.status)
	}
}

func TestSignInShowsThePerson(t *testing.T) {
	stub, v := startWith(t)
	out := v.get("/")
	mustContain(t, out.body, "Accounts to try", `href="/sign-in"`)
	if out.header.Get("Set-Cookie") != "" {
		t.Error("a look at the page made a cookie")
	}
	v.get("/sign-in")
	before := v.cookie()
	v.signIn(stub)
	if v.cookie() == before {
		t.Error("the id of before the sign-in is the id of the session")
	}
	in := v.get("/")
	mustContain(t, in.body, "Ada &lt;Lovelace&gt;", "ada@example.com", "not included (2)", "See invoices", "&#34;typ&#34;: ", "&lt;b&gt;&amp;")
	for token := range stub.alive {
		if strings.Contains(in.body, token) {
			t.Error("the whole access token stands on the page")
		}
	}
	if want := []string{"demo", url.QueryEscape("client secret+/")}; stub.credentials[0] != want[0] || stub.credentials[1] != want[1] {
		t.Errorf("the client authenticated as %q (RFC 6749 §2.3.1)", stub.credentials)
	}
}

func TestGrantedWithoutScopeIsWhatWasAsked(t *testing.T) {
	stub, v := startWith(t)
	stub.scope = "-"
	v.signIn(stub)
	if strings.Contains(v.get("/").body, "not included") {
		t.Error("RFC 6749 §5.1: without scope in the response, all of it was granted")
	}
}

func TestCallbackRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		stub   func(*issuerStub)
		answer func(url.Values)
		says   string
		status int
	}{
		"no state":              {answer: func(q url.Values) { q.Del("state") }, says: "not waiting for that answer", status: 403},
		"unknown state":         {answer: func(q url.Values) { q.Set("state", "guessed") }, says: "not waiting for that answer", status: 403},
		"state twice":           {answer: func(q url.Values) { q.Add("state", q.Get("state")) }, says: "not waiting for that answer", status: 403},
		"A13 no iss":            {answer: func(q url.Values) { q.Del("iss") }, says: "thrown away", status: 502},
		"A13 other iss":         {answer: func(q url.Values) { q.Set("iss", "https://evil.example") }, says: "thrown away", status: 502},
		"A13 iss with a slash":  {answer: func(q url.Values) { q.Set("iss", q.Get("iss")+"/") }, says: "thrown away", status: 502},
		"A13 iss twice":         {answer: func(q url.Values) { q.Add("iss", q.Get("iss")) }, says: "thrown away", status: 502},
		"A13 error, other iss":  {answer: func(q url.Values) { q.Set("iss", "https://evil.example"); q.Set("error", "login_required") }, says: "thrown away", status: 502},
		"denied":                {answer: func(q url.Values) { q.Set("error", "access_denied") }, says: "learned nothing about you", status: 403},
		"refused":               {answer: func(q url.Values) { q.Set("error", "temporarily_unavailable") }, says: "<code>temporarily_unavailable</code>", status: 403},
		"code of another":       {answer: func(q url.Values) { q.Set("code", "stolen") }, says: "<code>invalid_grant</code>", status: 403},
		"B10 other nonce":       {stub: func(s *issuerStub) { s.claims = func(c map[string]any) { c["nonce"] = "other" } }, says: "thrown away", status: 502},
		"B10 no nonce":          {stub: func(s *issuerStub) { s.claims = func(c map[string]any) { delete(c, "nonce") } }, says: "thrown away", status: 502},
		"other at_hash":         {stub: func(s *issuerStub) { s.claims = func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" } }, says: "thrown away", status: 502},
		"no at_hash":            {stub: func(s *issuerStub) { s.claims = func(c map[string]any) { delete(c, "at_hash") } }, says: "thrown away", status: 502},
		"ID token of other aud": {stub: func(s *issuerStub) { s.claims = func(c map[string]any) { c["aud"] = "other" } }, says: "thrown away", status: 502},
		"ID token of other iss": {stub: func(s *issuerStub) { s.claims = func(c map[string]any) { c["iss"] = "https://evil.example" } }, says: "thrown away", status: 502},
		"ID token expired": {stub: func(s *issuerStub) {
			s.claims = func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }
		}, says: "thrown away", status: 502},
		"userinfo of another": {stub: func(s *issuerStub) { s.subject = "eve-id" }, says: "thrown away", status: 502},
		"token endpoint says no": {stub: func(s *issuerStub) { s.tokenError = "unauthorized_client" },
			says: "<code>unauthorized_client</code>", status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			stub, v := startWith(t)
			if c.stub != nil {
				c.stub(stub)
			}
			q := stub.authorize(t, v.get("/sign-in").location)
			if c.answer != nil {
				c.answer(q)
			}
			got := v.get("/callback?" + q.Encode())
			if got.status != c.status {
				t.Errorf("status %d, want %d", got.status, c.status)
			}
			mustContain(t, got.body, `id="failure"`, c.says)
			if v.signedIn() {
				t.Error("signed in all the same")
			}
		})
	}
}

func TestCallbackIsGoodOnceAndForOneBrowser(t *testing.T) {
	stub, v := startWith(t)
	q := stub.authorize(t, v.get("/sign-in").location).Encode()
	other := newVisitor(t, &httptest.Server{URL: v.base})
	other.get("/sign-in")
	if got := other.get("/callback?" + q); got.status != http.StatusForbidden || other.signedIn() {
		t.Errorf("an answer signed in a browser that had not asked: %d", got.status)
	}
	if got := v.get("/callback?" + q); got.status != http.StatusForbidden || stub.tokenCalls != 0 {
		t.Errorf("a state was good twice: %d", got.status)
	}
	v.signIn(stub)
	if got := v.get("/callback?" + q); got.status != http.StatusForbidden || !v.signedIn() {
		t.Errorf("a late answer: status %d, or it ended the session", got.status)
	}
}

func TestErrorResponseIsEscaped(t *testing.T) {
	stub, v := startWith(t)
	q := stub.authorize(t, v.get("/sign-in").location)
	q.Del("code")
	q.Set("error", `<script>alert(1)</script>`)
	q.Set("error_description", `"><img src=x onerror=alert(2)>`+strings.Repeat("a", 5000))
	got := v.get("/callback?" + q.Encode())
	for _, raw := range []string{"<script", "<img"} {
		if strings.Contains(got.body, raw) {
			t.Errorf("%q stands on the page", raw)
		}
	}
	mustContain(t, got.body, "&lt;script&gt;")
	if strings.Contains(got.body, strings.Repeat("a", 400)) {
		t.Error("the description fills the page")
	}
}

func TestIssuerMayComeLater(t *testing.T) {
	stub := newIssuerStub(t)
	var down atomic.Bool
	var clock atomic.Int64
	down.Store(true)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		stub.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	stub.URL = front.URL
	server := start(t, front.URL, func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
	})
	stub.audience = server.URL + APIPath
	v := newVisitor(t, server)

	if got := v.get("/"); got.status != http.StatusOK {
		t.Errorf("the front page needs the issuer: %d", got.status)
	}
	got := v.get("/sign-in")
	if got.status != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", got.status)
	}
	mustContain(t, got.body, "does not answer", mustParse(t, front.URL).Host)
	if got := ask(v, "/api/me", "a.b.c"); got.status != http.StatusServiceUnavailable {
		t.Errorf("API without issuer: %d", got.status)
	}
	down.Store(false)
	clock.Store(int64(discoveryPause))
	v.signIn(stub)
	mustContain(t, v.call("enough"), "200 OK")
}

func ask(v *visitor, path, token string) seen {
	r, err := http.NewRequest(http.MethodGet, v.base+path, nil)
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return v.do(r, err)
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
