package guard_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// H2, H16: what a browser keeps, and what of it is believed.
func TestH2_CookiesOfTheGuard(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	f.base = "https://app.example"
	f.h.World.Exec(`update platform.clients set redirect_uris = '{https://app.example/.gatehouse/callback}' where id = 'guard'`)
	secure := f.guard(t, f.keys, "")
	answer := httptest.NewRecorder()
	asked := httptest.NewRequest(http.MethodGet, "/agents", nil)
	asked.Header = page
	secure.ServeHTTP(answer, asked)
	for _, c := range answer.Result().Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%v", c)
		}
	}
	if answer.Code != http.StatusFound || len(answer.Result().Cookies()) == 0 {
		t.Fatalf("%d %v", answer.Code, answer.Result().Cookies())
	}
	// Without the prefix, which no other host can set, a cookie is not looked at.
	asked.Header = asked.Header.Clone()
	asked.Header.Set("Cookie", "gatehouse-guard=x; __Host-gatehouse-guard=a; __Host-gatehouse-guard=b")
	answer = httptest.NewRecorder()
	secure.ServeHTTP(answer, asked)
	if answer.Code != http.StatusFound {
		t.Errorf("with cookies that another host tossed in: %d", answer.Code)
	}
}

// A cookie that was changed, or sealed by somebody else or for something else, is none.
func TestSignIn_ForgedCookies(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	b := f.h.Browser()
	f.visit(b, "/agents", "ann")
	kept := f.cookies(b)
	good := kept["gatehouse-guard"]
	for name, c := range map[string]struct {
		value  string
		status int
	}{
		"as it is":          {good, 200},
		"a letter":          {good[:40] + flip(good[40]) + good[41:], 401},
		"the end":           {good[:len(good)-2], 401},
		"nothing":           {"", 401},
		"the sign-out hint": {kept["gatehouse-guard-hint"], 401},
		"twice":             {good + "; gatehouse-guard=" + good, 401},
		"no base64":         {"!!!", 401},
	} {
		if p := f.send(f.h.Browser(), "GET", "/agents", script, http.Header{"Cookie": {"gatehouse-guard=" + c.value}}); p.StatusCode != c.status {
			t.Errorf("%s: %d", name, p.StatusCode)
		}
	}
	// Keys are changed by writing the new one above the old one.
	key, err := os.ReadFile(f.keys)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Split(strings.TrimSpace(string(key)), "\n")[1]
	for name, c := range map[string]struct {
		keys   []string
		status int
	}{"the new above the old": {[]string{newCookieKey(), old}, 200}, "the new alone": {[]string{newCookieKey()}, 401}} {
		answer := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/agents", nil)
		r.Header.Set("Cookie", "gatehouse-guard="+good)
		f.guard(t, keyFile(t, c.keys...), "").ServeHTTP(answer, r)
		if answer.Code != c.status {
			t.Errorf("%s: %d", name, answer.Code)
		}
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// H4: what another site makes a browser send with the session of the person is refused.
func TestH4_RequestsOfOtherSites(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	b := f.h.Browser()
	f.visit(b, "/agents", "ann")
	f.service.last = nil
	socket := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"x"}}
	for name, c := range map[string]struct {
		method  string
		headers []http.Header
		status  int
	}{
		"another site posts":              {"POST", []http.Header{{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}}, 403},
		"a neighbour posts":               {"POST", []http.Header{{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://127.0.0.1:1"}}}, 403},
		"an older browser, another site":  {"POST", []http.Header{{"Origin": {"https://evil.example"}}}, 403},
		"a sandbox":                       {"POST", []http.Header{{"Origin": {"null"}}}, 403},
		"nobody says whence":              {"DELETE", nil, 403},
		"twice":                           {"POST", []http.Header{{"Sec-Fetch-Site": {"same-origin", "cross-site"}}}, 403},
		"another site opens a socket":     {"GET", []http.Header{socket, {"Origin": {"https://evil.example"}}}, 403},
		"a neighbour opens a socket":      {"GET", []http.Header{socket, {"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://127.0.0.1:1"}}}, 403},
		"another method in a header":      {"GET", []http.Header{{"X-Http-Method-Override": {"DELETE"}, "Sec-Fetch-Site": {"cross-site"}}}, 200},
		"an older browser, the same site": {"PUT", []http.Header{{"Origin": {f.base}}}, 200},
		"the page itself":                 {"POST", []http.Header{script}, 200},
	} {
		p := f.send(b, c.method, "/agents", c.headers...)
		if p.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, p.StatusCode, p.Body)
		}
		if reached := f.service.last; reached != nil && (c.status != 200 || reached.Method != c.method || reached.Header.Get("X-Http-Method-Override") != "") {
			t.Errorf("%s: the service was asked %s %v", name, reached.Method, reached.Header)
		}
		f.service.last = nil
	}
	// N2: nobody is signed out by a link on another page; the person is asked.
	p := f.send(b, "GET", "/.gatehouse/sign-out", page, http.Header{"Sec-Fetch-Site": {"cross-site"}})
	if p.StatusCode != http.StatusForbidden || len(f.cookies(b)) == 0 || !strings.Contains(string(p.Body), `href="/.gatehouse/sign-out"`) {
		t.Errorf("signed out by another site: %d %s", p.StatusCode, p.Body)
	}
}

// The answer of a sign-in counts once, in the browser that began it, from our issuer,
// and for as long as anybody needs.
func TestSignIn_ForeignAnswers(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	answered := func(b *webtest.Browser) url.Values {
		p := f.send(b, http.MethodGet, "/agents", page)
		return agree(b, p.Header.Get("Location"))
	}
	for name, c := range map[string]struct {
		change func(url.Values)
		mine   bool
		status int
	}{
		"as it is":                {func(url.Values) {}, true, 302},
		"in another browser":      {func(url.Values) {}, false, 400},
		"another state":           {func(q url.Values) { q.Set("state", "x") }, true, 400},
		"no state":                {func(q url.Values) { q.Del("state") }, true, 400},
		"two states":              {func(q url.Values) { q.Add("state", q.Get("state")) }, true, 400},
		"another issuer":          {func(q url.Values) { q.Set("iss", "https://evil.example") }, true, 502},
		"no issuer":               {func(q url.Values) { q.Del("iss") }, true, 502},
		"two issuers":             {func(q url.Values) { q.Add("iss", "https://evil.example") }, true, 502},
		"another code":            {func(q url.Values) { q.Set("code", "x") }, true, 400},
		"an error":                {func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, true, 403},
		"an error of a stranger":  {func(q url.Values) { q.Del("iss"); q.Set("error", "access_denied") }, true, 502},
		"markup instead of error": {func(q url.Values) { q.Set("error", "<script>") }, true, 403},
	} {
		b := f.h.Browser()
		q := answered(b)
		c.change(q)
		if !c.mine {
			b = f.h.Browser()
			f.send(b, http.MethodGet, "/agents", page)
		}
		p := f.send(b, http.MethodGet, "/.gatehouse/callback?"+q.Encode(), page)
		if _, in := f.cookies(b)["gatehouse-guard"]; p.StatusCode != c.status || in != (c.status == 302) || strings.Contains(string(p.Body), "<script>") {
			t.Errorf("%s: %d, signed in: %v\n%s", name, p.StatusCode, in, p.Body)
		}
	}
	b := f.h.Browser()
	q := answered(b)
	if p := f.send(b, http.MethodGet, "/.gatehouse/callback?"+q.Encode(), page); p.StatusCode != http.StatusFound {
		t.Fatalf("%d", p.StatusCode)
	}
	if p := f.send(b, http.MethodGet, "/.gatehouse/callback?"+q.Encode(), page); p.StatusCode != http.StatusBadRequest {
		t.Errorf("a second time: %d", p.StatusCode)
	}
	b = f.h.Browser()
	q = answered(b)
	f.advance(31 * time.Minute)
	if p := f.send(b, http.MethodGet, "/.gatehouse/callback?"+q.Encode(), page); p.StatusCode != http.StatusBadRequest {
		t.Errorf("half an hour later: %d", p.StatusCode)
	}
}

// agree walks ann through the house, to the parameters of the callback.
func agree(b *webtest.Browser, address string) url.Values {
	b.T.Helper()
	p := b.Get(address)
	for range 4 {
		switch {
		case p.Left != nil:
			return p.Left.Query()
		case strings.Contains(string(p.Body), `id="sign-in"`):
			p = b.SignIn(p, "ann")
		case strings.Contains(string(p.Body), `id="accept"`):
			p = b.Press(p, "accept", nil)
		}
	}
	b.T.Fatalf("%d %s", p.StatusCode, p.Body)
	return nil
}

// N4: whoever signs in returns to a path of the service, or to none.
func TestN4_ReturnsToTheServiceAlone(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	for _, path := range []string{
		"//evil.example", "/\\evil.example", "/%2f%2fevil.example", "/%5cevil.example", "/agents/..//evil.example", "/;@evil.example", "http://evil.example/agents", "/agents%0d%0aLocation:x",
		"/agents//evil.example", "///evil.example/agents", "/.gatehouse/callback?return=//evil.example", "/agents/%2e%2e//evil.example",
	} {
		address := strings.TrimPrefix(f.base, "http://")
		if status := raw(t, address, "GET "+path, "Accept: text/html\r\n"); strings.Contains(status, " 30") || strings.Contains(status, " 200") {
			t.Errorf("%s: %s", path, status)
		}
	}
	long := "/agents?x=" + strings.Repeat("y", 3000)
	b := f.h.Browser()
	if p, _ := f.visit(b, long, "ann"); p.Request.URL.String() != f.base+"/" {
		t.Errorf("from a long address to %s", p.Request.URL)
	}
}
