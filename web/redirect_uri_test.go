package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// mutations are what an attacker makes of https://app.example/callback.
var mutations = []string{
	// Case.
	"HTTPS://app.example/callback", "https://APP.example/callback", "https://app.example/Callback", "https://app.example/CALLBACK", "https://App.Example/callback",
	// Path.
	"https://app.example/callback/", "https://app.example/callback//", "https://app.example//callback", "https://app.example/", "https://app.example",
	"https://app.example/callbac", "https://app.example/callback2", "https://app.example/callback/../callback", "https://app.example/./callback",
	"https://app.example/callback/..", "https://app.example/callback/%2e%2e", "https://app.example/callback%2f", "https://app.example/callback;a=b",
	"https://app.example/%63allback", "https://app.example/callback%00", "https://app.example/callback%20", "https://app.example/callback.evil", "https://app.example/*",
	// Query and fragment.
	"https://app.example/callback?", "https://app.example/callback?a=b", "https://app.example/callback?code=x", "https://app.example/callback&a=b",
	"https://app.example/callback#", "https://app.example/callback#x", "https://app.example/callback?a=b#x", "https://app.example/callback%23",
	// Port.
	"https://app.example:443/callback", "https://app.example:8443/callback", "https://app.example:/callback", "https://app.example:80/callback",
	// Scheme.
	"http://app.example/callback", "//app.example/callback", "app.example/callback", "/callback", "javascript:alert(1)//https://app.example/callback",
	"data:text/html,https://app.example/callback", "ftp://app.example/callback", "https:app.example/callback", "https:/app.example/callback", "https:///app.example/callback",
	"wss://app.example/callback", "vbscript:x", "file:///app.example/callback",
	// Host.
	"https://evil.example/callback", "https://evil.app.example/callback", "https://app.example.evil.example/callback", "https://evilapp.example/callback",
	"https://app.example./callback", "https://app.exampl/callback", "https://app.example%2eevil.example/callback", "https://127.0.0.1/callback",
	// White space, and the whole twice.
	" https://app.example/callback", "https://app.example/callback ", "https://app.example/callback\t", "https://app.example/callback\n", "https://app.example/callback\x00",
	"https://app.example/callbackhttps://app.example/callback", "https://app.example/callback https://evil.example/", "https://app.example/callback,https://evil.example/",
}

// confusions make two parsers disagree on whose host it is.
var confusions = []string{
	"https://app.example@evil.example/callback", "https://app.example:x@evil.example/callback", "https://user@app.example/callback", "https://:@app.example/callback", "https://@app.example/callback",
	`https://app.example\@evil.example/callback`, `https://evil.example\@app.example/callback`, `https://app.example\callback`, `https:\\app.example/callback`, `https://evil.example\.app.example/callback`,
	"https://app.example%00.evil.example/callback", "https://app.example\x00.evil.example/callback", "https://app.example%0d%0a.evil.example/callback",
	"https://app.exam\tple/callback", "https://app\n.example/callback", "https://\tapp.example/callback",
	"https://app。example/callback", "https://app．example/callback", "https://app｡example/callback", "https://аpp.example/callback", "https://app.ex\u200bample/callback", "https://app.example\u2044callback",
	"https://app.example%40evil.example/callback", "https://evil.example#@app.example/callback", "https://evil.example?@app.example/callback", "https://evil.example/https://app.example/callback",
	"https://[app.example]/callback", "https://evil.example%252f@app.example/callback",
}

func refusesRedirectURIs(t *testing.T, client string, uris []string, change url.Values, registered ...string) {
	t.Helper()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client(client, func(c *storage.Client) {
		if registered != nil {
			c.RedirectURIs = registered
		}
	})
	// Signed in, so that nothing but the redirect URI stands between the client and a code.
	b := signedIn(h, "ann")
	for _, uri := range uris {
		t.Run(fmt.Sprintf("%q", uri), func(t *testing.T) {
			query := url.Values{"redirect_uri": {uri}}
			for name, values := range change {
				query[name] = values
			}
			b.T = t
			p := get(b, h.URL+webtest.NewProof().Authorization(client, query), nil)
			isErrorPage(t, p, http.StatusBadRequest)
			if strings.Contains(string(p.Body), "evil.example") {
				t.Error("the page repeats the address")
			}
		})
	}
}

func TestA1_RedirectURIMutations(t *testing.T) {
	t.Parallel()
	if len(mutations) < 60 {
		t.Fatalf("%d mutations, want 60", len(mutations))
	}
	refusesRedirectURIs(t, "web", mutations, nil)
}

func TestA2_HostConfusion(t *testing.T) {
	t.Parallel()
	refusesRedirectURIs(t, "web", confusions, nil)
}

func TestA8_PromptNoneValidatesTheSame(t *testing.T) {
	t.Parallel()
	refusesRedirectURIs(t, "web", append(mutations, confusions...), url.Values{"prompt": {"none"}})
}

func TestA3_LoopbackPortException(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("native", func(c *storage.Client) {
		c.Kind, c.AuthMethod = storage.ClientNative, storage.AuthMethodNone
		c.RedirectURIs = []string{"http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"}
	})
	for uri, trusted := range map[string]bool{
		"http://127.0.0.1/cb": true, "http://127.0.0.1:1/cb": true, "http://127.0.0.1:51004/cb": true, "http://[::1]:51004/cb": true, "http://localhost/cb": true,

		"http://127.0.0.1:51004/cb/": false, "http://127.0.0.1:51004/cb?a=b": false, "http://127.0.0.1:51004/cb?": false, "http://127.0.0.1:51004/cb#x": false, "http://127.0.0.1:51004/cb#": false,
		"http://127.0.0.1:51004/": false, "http://127.0.0.1:51004/CB": false, "http://127.0.0.1:51004/%63b": false, "http://127.0.0.1:51004//cb": false, "http://127.0.0.1:51004/x/../cb": false,
		"http://localhost:51004/cb": false, "http://127.0.0.2:51004/cb": false, "http://127.1:51004/cb": false, "http://2130706433:51004/cb": false, "http://0.0.0.0:51004/cb": false,
		"http://[::ffff:127.0.0.1]:51004/cb": false, "http://[0:0:0:0:0:0:0:1]:51004/cb": false, "http://[::1%25lo]:51004/cb": false,
		"https://127.0.0.1:51004/cb": false, "HTTP://127.0.0.1:51004/cb": false, "http://127.0.0.1:/cb": false, "http://127.0.0.1:99999/cb": false, "http://127.0.0.1:0/cb": false, "http://127.0.0.1:051004/cb": false,
		"http://127.0.0.1:x/cb": false, "http://127.0.0.1:80:80/cb": false, "http://user@127.0.0.1:51004/cb": false, "http://127.0.0.1:51004@evil.example/cb": false, "http://127.0.0.1.evil.example:51004/cb": false,
	} {
		t.Run(uri, func(t *testing.T) {
			b := h.Browser()
			b.T = t
			p := get(b, h.URL+webtest.NewProof().Authorization("native", url.Values{"redirect_uri": {uri}, "prompt": {"none"}}), nil)
			if !trusted {
				isErrorPage(t, p, http.StatusBadRequest)
				return
			}
			// With prompt=none the one who is not signed in is sent back at once.
			if back := p.Header.Get("Location"); !strings.HasPrefix(back, uri+"?") || !strings.Contains(back, "error=login_required") {
				t.Errorf("status %d, Location %q", p.StatusCode, back)
			}
		})
	}
}

func TestA4_RedirectURIIsNeverAssumed(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Client("one")
	h.Client("several", func(c *storage.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://app.example/other") })
	b := h.Browser()
	for _, client := range []string{"one", "several"} {
		for _, given := range [][]string{nil, {""}, {webtest.RedirectURI, webtest.RedirectURI}, {webtest.RedirectURI, "https://evil.example/"}} {
			isErrorPage(t, get(b, h.URL+webtest.NewProof().Authorization(client, url.Values{"redirect_uri": given}), nil), http.StatusBadRequest)
		}
	}
}

func TestA5_UnknownClientIsNoOpenRedirector(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Client("web")
	h.Client("gone")
	h.World.Exec(`update platform.clients set disabled_at = now() where id = 'gone'`)
	b := h.Browser()
	for _, client := range []string{"nobody", "gone", "WEB", "web ", "web\x00", "\x00", "%00", "\xff", "web'--", "https://evil.example/", strings.Repeat("x", 4000), ""} {
		for _, uri := range []string{"https://evil.example/", webtest.RedirectURI} {
			for _, prompt := range []string{"", "none"} {
				p := get(b, h.URL+webtest.NewProof().Authorization(client, url.Values{"redirect_uri": {uri}, "prompt": {prompt}}), nil)
				isErrorPage(t, p, http.StatusBadRequest)
				if t.Failed() {
					t.Fatalf("client_id %.40q, redirect_uri %q:\n%s", client, uri, p.Body)
				}
			}
		}
	}
}

func TestA9_RedirectURIAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web", func(c *storage.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://app.example/other") })
	for name, uri := range map[string][]string{
		"another registered one": {"https://app.example/other"}, "an evil one": {"https://evil.example/"}, "left out": nil, "empty": {""}, "with a slash": {webtest.RedirectURI + "/"},
	} {
		t.Run(name, func(t *testing.T) {
			proof := webtest.NewProof()
			code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
			form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {proof.Verifier}}
			if uri != nil {
				form["redirect_uri"] = uri
			}
			if a := h.Token("web", form); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_grant" {
				t.Errorf("%d %s", a.Status, a.Raw)
			}
		})
	}
}

// breaks are line breaks as parsers of several layers know them.
var breaks = []string{"\r\n", "\n", "\r", "%0d%0a", "%0D%0ASet-Cookie:+a=b", "\u010d\u010a", "\u2028", "\x00\r\n", "\r\n\r\n<script>alert(1)</script>"}

func TestH13_NoResponseSplitting(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web", func(c *storage.Client) {
		c.FirstParty, c.SkipConsent = true, true
		c.PostLogoutRedirectURIs = []string{"https://app.example/bye"}
	})
	b := signedIn(h, "ann")
	check := func(t *testing.T, p *webtest.Page) {
		t.Helper()
		if p.Header.Get("Injected") != "" {
			t.Errorf("a header was injected: %v", p.Header)
		}
		for _, c := range p.Cookies() {
			if c.Name != "gatehouse" && c.Name != "gatehouse-browser" && c.Name != "gatehouse-state" {
				t.Errorf("a cookie was injected: %v", c)
			}
		}
		if strings.ContainsAny(p.Header.Get("Location"), "\r\n") {
			t.Errorf("Location: %q", p.Header.Get("Location"))
		}
	}
	for _, lineBreak := range breaks {
		attack := "x" + lineBreak + "Injected: yes"
		for _, name := range []string{"state", "nonce", "scope", "redirect_uri", "client_id", "response_mode", "response_type", "prompt", "login_hint", "code_challenge"} {
			check(t, get(b, h.URL+webtest.NewProof().Authorization("web", url.Values{name: {attack}}), nil))
		}
		for _, path := range []string{"/login?flow=", "/login/tenant?flow=", "/consent?flow=", "/oauth2/authorize?flow=", "/account?done=", "/oauth2/logout?post_logout_redirect_uri="} {
			check(t, get(b, h.URL+path+url.QueryEscape(attack), nil))
		}
		csrf := csrfOf(t, b)
		for _, path := range []string{"/login/tenant", "/login/switch"} {
			check(t, b.PostRaw(path, url.Values{"csrf": {csrf}, "flow": {attack}, "tenant_id": {h.Tenant.String()}}, nil))
		}
		b.SignIn(b.Get("/login"), "ann")
	}
	// And where the client asked for it, state comes back unchanged.
	if got := b.Authorize(webtest.NewProof(), "web", "ann", url.Values{"state": {"a\r\nb"}}).Get("state"); got != "a\r\nb" {
		t.Errorf("state %q", got)
	}
}

func TestN4_NothingLeadsElsewhere(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	b := signedIn(h, "ann")
	payloads := []string{
		"https://evil.example", "http://evil.example/", "//evil.example", "///evil.example", "////evil.example/", `/\evil.example`, `\/evil.example`, `\\evil.example`, `/\/evil.example`,
		"/%2fevil.example", "%2f%2fevil.example", "/%5cevil.example", "/%09/evil.example", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "https:evil.example", "https:/evil.example",
		"javascript:alert(1)", "data:text/html,x", "//evil.example/%2e%2e", "/..//evil.example", "/.//evil.example", "/;//evil.example", "@evil.example", "//@evil.example", "//app.example@evil.example",
		"?//evil.example", "#//evil.example", "/ /evil.example", "/%00/evil.example", "//evil%E3%80%82example", "//evil。example", "/login/../..//evil.example", ".evil.example", "evil.example", "//1113982867", "/%0d%0aLocation:%20//evil.example",
		"//[::1]", "\u00a0//evil.example", "device://evil.example", "device:\r\nLocation: //evil.example",
	}
	for _, payload := range payloads {
		escaped := url.QueryEscape(payload)
		for _, name := range []string{"flow", "return_to", "next", "redirect", "url", "continue", "done", "post_logout_redirect_uri"} {
			for _, path := range []string{"/", "/login", "/login/tenant", "/consent", "/account", "/oauth2/authorize", "/oauth2/logout"} {
				staysInside(t, h, get(b, h.Socket()+path+"?"+name+"="+escaped, nil))
			}
		}
		csrf := csrfOf(t, b)
		form := url.Values{"csrf": {csrf}, "username": {"ann"}, "password": {webtest.Password}, "tenant_id": {h.Tenant.String()}}
		for _, name := range []string{"flow", "return_to", "next"} {
			form.Set(name, payload)
			for _, path := range []string{"/login/tenant", "/login"} {
				staysInside(t, h, b.PostRaw(path, form, nil))
			}
			form.Del(name)
		}
		if u, err := url.Parse(h.Socket()); err == nil && strings.HasPrefix(payload, "/") {
			// As the path itself: what tidies paths up must not make a host of one.
			u.Opaque = "//" + u.Host + strings.Map(func(c rune) rune {
				if c <= ' ' || c > '~' {
					return -1
				}
				return c
			}, payload)
			staysInside(t, h, get(b, u.String(), nil))
		}
	}
}
