package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/cmd/internal/guard"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const pages = `
routes:
  - path: /health
    security: [{}]
  - path: /welcome
    security: [{}, oauth2: [user]]
    sign_in: true
  - prefix: /agents
    security: [oauth2: [user]]
    sign_in: true
  - prefix: /tools
    security: [oauth2: [user, "agents:read"]]
    sign_in: true
  - prefix: /admin
    security: [oauth2: [admin]]
    sign_in: true
  - prefix: /vault
    security: [oauth2: [user]]
    sign_in: true
    max_age: 5m
  - prefix: /strong
    security: [oauth2: [user]]
    sign_in: true
    acr_values: [aal2]
  - prefix: /api
    security: [oauth2: [user]]
`

// keyFile holds cookie keys, each given or made anew.
func keyFile(t *testing.T, keys ...string) string {
	t.Helper()
	if len(keys) == 0 {
		keys = []string{newCookieKey()}
	}
	file := filepath.Join(t.TempDir(), "cookie.keys")
	if err := os.WriteFile(file, []byte("# the newest first\n"+strings.Join(keys, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func newCookieKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// front is a guard where people sign in, before a service.
type front struct {
	*httptest.Server
	h       *webtest.House
	service *service
	// base and keys are for a second guard that stands for the same service.
	base, keys string
	made       *guard.Guard
}

// advance moves the clock, and waits until the guard has heard of the feed since.
func (f *front) advance(d time.Duration) {
	f.h.Advance(d)
	for begun := time.Now(); f.made.Silence() > 10*time.Second && time.Since(begun) < 30*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
}

func newFront(t *testing.T, lines string, change ...func(*storage.Client)) *front {
	t.Helper()
	h, _ := house(t)
	f := &front{h: h, service: newService(t), keys: keyFile(t)}
	server := httptest.NewUnstartedServer(nil)
	f.base = "http://" + server.Listener.Addr().String()
	h.Client("guard", append([]func(*storage.Client){func(c *storage.Client) {
		c.Introspect, c.RedirectURIs = true, []string{f.base + "/.gatehouse/callback"}
		c.PostLogoutRedirectURIs = []string{f.base + "/health"}
	}}, change...)...)
	f.made = f.guard(t, f.keys, lines)
	server.Config.Handler = f.made
	server.Start()
	t.Cleanup(server.Close)
	f.Server = server
	return f
}

func (f *front) guard(t *testing.T, keys, lines string) *guard.Guard {
	text := fmt.Sprintf("upstream: %s\nsign_in: {base_url: %q, cookie_keys_file: %q, after_sign_out: /health}\n%s%s", f.service.URL, f.base, keys, lines, pages)
	if !strings.Contains(lines, "client:") {
		text += "client: {id: guard, secret_file: " + secretFile(t) + "}\n"
	}
	return open(t, f.h, text)
}

// page is what a browser sends when a person opens a page.
var page = http.Header{"Accept": {"text/html,*/*;q=0.8"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"}}

// script is what it sends for a script of the service's page.
var script = http.Header{"Accept": {"*/*"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Site": {"same-origin"}}

// send sends one request with the browser's cookies, and follows nothing.
func (f *front) send(b *webtest.Browser, method, path string, headers ...http.Header) *webtest.Page {
	b.T.Helper()
	if strings.HasPrefix(path, "/") {
		path = f.base + path
	}
	r, err := http.NewRequestWithContext(b.T.Context(), method, path, nil)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, all := range headers {
		for name, values := range all {
			r.Header[name] = values
		}
	}
	return b.Do(r)
}

// visit opens a page as a person does, who signs in when asked to. asked is the
// authorization requests that it took.
func (f *front) visit(b *webtest.Browser, path, username string) (p *webtest.Page, asked []url.Values) {
	b.T.Helper()
	p = f.send(b, http.MethodGet, path, page)
	for range 20 {
		location := p.Header.Get("Location")
		switch {
		case location != "":
			to, err := p.Request.URL.Parse(location)
			if err != nil {
				b.T.Fatal(err)
			}
			if to.Path == "/oauth2/authorize" && strings.HasPrefix(p.Request.URL.String(), f.base) {
				asked = append(asked, to.Query())
			}
			p = f.send(b, http.MethodGet, to.String(), page)
		case strings.Contains(string(p.Body), `id="sign-in"`):
			form := p.Form(b.T, "sign-in", url.Values{"username": {username}, "password": {webtest.Password}})
			p = b.PostRaw(form.Action, form.Values, nil)
		case strings.Contains(string(p.Body), `id="accept"`):
			form := p.Form(b.T, "accept", nil)
			p = b.PostRaw(form.Action, form.Values, nil)
		default:
			return p, asked
		}
	}
	b.T.Fatalf("no end of redirects, last to %s", p.Header.Get("Location"))
	return nil, nil
}

func (f *front) cookies(b *webtest.Browser) map[string]string {
	at, _ := url.Parse(f.base)
	all := map[string]string{}
	for _, c := range b.Jar.Cookies(at) {
		if strings.HasPrefix(c.Name, "gatehouse-guard") {
			all[c.Name] = c.Value
		}
	}
	return all
}

func TestSignIn_AndOut(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	b := f.h.Browser()
	p, asked := f.visit(b, "/agents/7?x=1&y=a%20b", "ann")
	if p.StatusCode != http.StatusOK || string(p.Body) != "served" || f.service.last.URL.String() != "/agents/7?x=1&y=a%20b" {
		t.Fatalf("%d %s %v", p.StatusCode, p.Body, f.service.last)
	}
	if len(asked) != 1 || asked[0].Get("scope") != "openid offline_access user" || asked[0].Get("resource") != audience ||
		asked[0].Get("code_challenge_method") != "S256" || asked[0].Get("nonce") == "" {
		t.Errorf("asked: %v", asked)
	}
	if got := f.service.last.Header; got.Get("X-Gatehouse-Subject") == "" || got.Get("X-Gatehouse-Client") != "guard" || got.Get("Authorization") != "" || strings.Contains(got.Get("Cookie"), "gatehouse-guard") {
		t.Errorf("the service was told %v", got)
	}
	// A script of the page is let in by the same cookie, a stranger's is not.
	if p := f.send(b, http.MethodGet, "/agents", script); p.StatusCode != http.StatusOK {
		t.Errorf("a script: %d", p.StatusCode)
	}
	if p := f.send(b, http.MethodPost, "/agents", script); p.StatusCode != http.StatusOK {
		t.Errorf("a script that posts: %d", p.StatusCode)
	}
	// Where browsers are not spoken of, a cookie says nothing.
	if p := f.send(b, http.MethodGet, "/api", page); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("by a cookie where only tokens count: %d", p.StatusCode)
	}
	// Whoever need not sign in is not sent to, and is known when they have.
	if f.send(f.h.Browser(), http.MethodGet, "/welcome", page); f.service.last.Header.Get("X-Gatehouse-Subject") != "" {
		t.Error("a stranger has a name")
	}
	if f.send(b, http.MethodGet, "/welcome", page); f.service.last.Header.Get("X-Gatehouse-Subject") == "" {
		t.Error("whoever signed in has no name")
	}

	kept := f.cookies(b)
	out, _ := f.visit(b, "/.gatehouse/sign-out", "ann")
	if out.Request.URL.String() != f.base+"/health" || len(f.cookies(b)) > 0 {
		t.Errorf("signed out to %s with %v", out.Request.URL, f.cookies(b))
	}
	if p := f.send(b, http.MethodGet, "/agents", page); p.StatusCode != http.StatusFound {
		t.Errorf("afterwards: %d", p.StatusCode)
	}
	// H3: a copy of the cookie is worth nothing any more.
	copied := http.Header{"Cookie": {"gatehouse-guard=" + kept["gatehouse-guard"]}}
	signedOut := time.Now()
	for {
		asked := time.Now()
		p := f.send(f.h.Browser(), http.MethodGet, "/agents", script, copied)
		if p.StatusCode == http.StatusUnauthorized {
			break
		}
		if asked.Sub(signedOut) > time.Second {
			t.Fatalf("a copy of the cookie, a second after the sign-out: %d", p.StatusCode)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Who cannot be sent anywhere gets the words of a refusal.
func TestSignIn_OnlyPeopleAreSentAway(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	for name, c := range map[string]struct {
		method  string
		headers http.Header
		status  int
	}{
		"a person":             {"GET", page, 302},
		"an older browser":     {"GET", http.Header{"Accept": {"text/html"}}, 302},
		"a script":             {"GET", script, 401},
		"a frame":              {"GET", http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, 401},
		"a form":               {"POST", page, 401},
		"a program":            {"GET", http.Header{"Accept": {"application/json"}}, 401},
		"a program with words": {"GET", http.Header{"Accept": {"text/html"}, "Authorization": {"Bearer x"}}, 401},
		"a socket":             {"GET", http.Header{"Accept": {"text/html"}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, 401},
	} {
		p := f.send(f.h.Browser(), c.method, "/agents", c.headers)
		if p.StatusCode != c.status || (p.Header.Get("WWW-Authenticate") != "") != (c.status == 401) || c.status == 302 && p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", name, p.StatusCode, p.Header)
		}
	}
}

// A route that needs more asks for it, with what is held already; who cannot have it is
// told, and not sent in a circle.
func TestSignIn_StepsUp(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	b := f.h.Browser()
	f.visit(b, "/agents", "ann")
	p, asked := f.visit(b, "/tools", "ann")
	if p.StatusCode != http.StatusOK || len(asked) != 1 || asked[0].Get("scope") != "openid offline_access user agents:read" {
		t.Errorf("more scopes: %d %v", p.StatusCode, asked)
	}
	if p, asked := f.visit(b, "/agents", "ann"); p.StatusCode != http.StatusOK || len(asked) != 0 {
		t.Errorf("what was held before: %d %v", p.StatusCode, asked)
	}
	if p := f.send(b, http.MethodGet, "/admin", script); p.StatusCode != http.StatusForbidden || !strings.Contains(p.Header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("a script: %d %v", p.StatusCode, p.Header)
	}
	p, asked = f.visit(b, "/admin", "ann")
	if p.StatusCode != http.StatusForbidden || len(asked) != 1 || !strings.Contains(string(p.Body), "does not have the right") {
		t.Errorf("what ann may never: %d %v\n%s", p.StatusCode, asked, p.Body)
	}
	if p, _ := f.visit(b, "/agents", "ann"); p.StatusCode != http.StatusOK {
		t.Errorf("what ann may still: %d", p.StatusCode)
	}

	if p, asked := f.visit(b, "/vault", "ann"); p.StatusCode != http.StatusOK || len(asked) != 0 {
		t.Errorf("a sign-in of a moment ago: %d %v", p.StatusCode, asked)
	}
	f.advance(6 * time.Minute)
	if p := f.send(b, http.MethodGet, "/vault", script); p.StatusCode != http.StatusUnauthorized || !strings.Contains(p.Header.Get("WWW-Authenticate"), `max_age="300"`) {
		t.Errorf("a script, with an older sign-in: %d %v", p.StatusCode, p.Header)
	}
	if p, asked := f.visit(b, "/vault", "ann"); p.StatusCode != http.StatusOK || len(asked) != 1 || asked[0].Get("max_age") != "300" {
		t.Errorf("an older sign-in: %d %v %s", p.StatusCode, asked, p.Body)
	}
	p, asked = f.visit(b, "/strong", "ann")
	if p.StatusCode != http.StatusForbidden || len(asked) != 1 || asked[0].Get("acr_values") != "aal2" {
		t.Errorf("a second factor that ann has not: %d %v %s", p.StatusCode, asked, p.Body)
	}
}

// Tokens are refreshed before they expire: once, however many requests come at once.
func TestSignIn_RefreshesOnce(t *testing.T) {
	t.Parallel()
	f := newFront(t, "forward_authorization: true\n")
	b := f.h.Browser()
	f.visit(b, "/agents", "ann")
	first := f.service.last.Header.Get("Authorization")
	held := f.cookies(b)["gatehouse-guard"]
	f.advance(9*time.Minute + 30*time.Second)

	var together sync.WaitGroup
	fresh := make(chan string, 50)
	for range 50 {
		together.Go(func() {
			r, _ := get(t, f.base+"/agents", "", http.Header{"Cookie": {"gatehouse-guard=" + held}})
			if r.StatusCode != http.StatusOK || len(r.Cookies()) != 1 || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v", r.StatusCode, r.Header)
				return
			}
			fresh <- r.Cookies()[0].Value
		})
	}
	together.Wait()
	var refreshes int
	f.h.World.Get(`select count(*) from platform.grants where client_id = 'guard'`, nil, &refreshes)
	if refreshes != 1 {
		t.Errorf("%d grants", refreshes)
	}
	newest := ""
	for range len(fresh) {
		newest = <-fresh
	}
	get(t, f.base+"/agents", "", http.Header{"Cookie": {"gatehouse-guard=" + newest}})
	if second := f.service.last.Header.Get("Authorization"); second == first || second == "" {
		t.Error("the token is the old one")
	}
	// A minute later the older cookie is that of a thief, or of a backup.
	f.advance(9*time.Minute + 30*time.Second)
	r, _ := get(t, f.base+"/agents", "", http.Header{"Cookie": {"gatehouse-guard=" + held}})
	if r.StatusCode != http.StatusUnauthorized {
		t.Errorf("the cookie of before: %d", r.StatusCode)
	}
}

// Whoever signs out at the issuer, or elsewhere, is out here within a second.
func TestG8_SessionsOfTheGuardEndWithTheIssuers(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	b := f.h.Browser()
	f.visit(b, "/agents", "ann")
	b.Press(b.Get("/oauth2/logout"), "confirm-sign-out", nil)
	signedOut := time.Now()
	for {
		asked := time.Now()
		p := f.send(b, http.MethodGet, "/agents", script)
		if p.StatusCode == http.StatusUnauthorized {
			break
		}
		if asked.Sub(signedOut) > time.Second {
			t.Fatalf("a second after the sign-out: %d", p.StatusCode)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if left := f.cookies(b); left["gatehouse-guard"] != "" {
		t.Error("the browser keeps the cookie of a session that is over")
	}
}

// A guard that proves itself by a key signs people in, hears of revocations and
// introspects.
func TestSignIn_ClientWithAKey(t *testing.T) {
	t.Parallel()
	for _, check := range []string{"offline", "introspect"} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			key := jose.JSONWebKey{Key: private, KeyID: "guard-1", Algorithm: "ES256", Use: "sig"}
			document, err := key.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "client.jwk")
			if err := os.WriteFile(file, document, 0o600); err != nil {
				t.Fatal(err)
			}
			f := newFront(t, "check: "+check+"\nclient: {id: guard, key_file: "+file+"}\n", func(c *storage.Client) {
				c.AuthMethod, c.JWKS = storage.AuthMethodPrivateKeyJWT, public
			})
			b := f.h.Browser()
			if p, _ := f.visit(b, "/agents", "ann"); p.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", p.StatusCode, p.Body)
			}
			before := f.cookies(b)["gatehouse-guard"]
			f.advance(9*time.Minute + 30*time.Second)
			if p := f.send(b, http.MethodGet, "/agents", script); p.StatusCode != http.StatusOK || f.cookies(b)["gatehouse-guard"] == before {
				t.Errorf("refreshed: %d %s", p.StatusCode, p.Body)
			}
			f.visit(b, "/.gatehouse/sign-out", "ann")
			copied := http.Header{"Cookie": {"gatehouse-guard=" + before}}
			signedOut := time.Now()
			for {
				asked := time.Now()
				if p := f.send(f.h.Browser(), http.MethodGet, "/agents", script, copied); p.StatusCode == http.StatusUnauthorized {
					break
				}
				if asked.Sub(signedOut) > 2*time.Second {
					t.Fatal("a copy of the cookie counts after the sign-out")
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}
