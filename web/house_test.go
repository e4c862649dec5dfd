package web_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// behindProxy believes the X-Forwarded-For of this machine, so that a test can
// come from many addresses.
func behindProxy(c *web.Config, _ *postgres.Options) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// from is the header of a request that a trusted proxy took from an address.
func from(address string) http.Header { return http.Header{"X-Forwarded-For": {address}} }

// bootWithConfig boots a house and keeps what it was made of.
func bootWithConfig(t *testing.T, options ...webtest.Option) (*webtest.House, *web.Config) {
	t.Helper()
	var config *web.Config
	h := webtest.Boot(t, append(options, func(c *web.Config, _ *postgres.Options) { config = c })...)
	return h, config
}

// get sends one GET with headers and follows nothing.
func get(b *webtest.Browser, address string, headers http.Header) *webtest.Page {
	b.T.Helper()
	r, err := http.NewRequestWithContext(b.T.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.T.Fatal(err)
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	if host := headers.Get("Host"); host != "" {
		for _, c := range b.Jar.Cookies(r.URL) {
			r.AddCookie(c) // the jar has none for that host
		}
		r.Host = host
	}
	return b.Do(r)
}

// signedIn is a browser in which a user has signed in, without any client.
func signedIn(h *webtest.House, username string) *webtest.Browser {
	h.T.Helper()
	b := h.Browser()
	if p := b.SignIn(b.Get("/login"), username); p.StatusCode != http.StatusOK || p.Request.URL.Path != "/account" {
		h.T.Fatalf("sign-in of %s ended at %s with %d:\n%s", username, p.Request.URL, p.StatusCode, p.Body)
	}
	return b
}

// newTelevision is a client without a browser, which asks by device code.
func newTelevision(h *webtest.House) {
	h.T.Helper()
	h.Client("tv", func(c *storage.Client) {
		c.Name, c.Kind, c.AuthMethod, c.RedirectURIs = "Television", storage.ClientNative, storage.AuthMethodNone, nil
		c.GrantTypes = []string{"urn:ietf:params:oauth:grant-type:device_code", storage.GrantRefreshToken}
	})
}

// cookie is the value of one of the browser's cookies, "" for none.
func cookie(t *testing.T, h *webtest.House, b *webtest.Browser, name string) string {
	t.Helper()
	for _, c := range b.Jar.Cookies(parse(t, h.URL)) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func setCookie(t *testing.T, h *webtest.House, b *webtest.Browser, name, value string) {
	t.Helper()
	b.Jar.SetCookies(parse(t, h.URL), []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// copyOf is a second browser with the same cookies: a thief's.
func copyOf(t *testing.T, h *webtest.House, b *webtest.Browser) *webtest.Browser {
	t.Helper()
	thief := h.Browser()
	thief.Jar.(*cookiejar.Jar).SetCookies(parse(t, h.URL), b.Jar.Cookies(parse(t, h.URL)))
	return thief
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// staysInside fails when an answer leads anywhere but to the house itself.
func staysInside(t *testing.T, h *webtest.House, p *webtest.Page) {
	t.Helper()
	for _, location := range p.Header.Values("Location") {
		target, err := p.Request.URL.Parse(location)
		if err != nil {
			t.Errorf("Location %q is not an address: %v", location, err)
			continue
		}
		if base := target.Scheme + "://" + target.Host; base != h.URL && base != h.Socket() {
			t.Errorf("led out of the house to %q", location)
		}
	}
	if refresh := p.Header.Get("Refresh"); refresh != "" {
		t.Errorf("Refresh: %q", refresh)
	}
}

// isErrorPage fails unless the answer is a page of ours with this status that
// leads nowhere.
func isErrorPage(t *testing.T, p *webtest.Page, status int) {
	t.Helper()
	if p.StatusCode != status {
		t.Errorf("status %d, want %d", p.StatusCode, status)
	}
	if location := p.Header.Get("Location"); location != "" {
		t.Errorf("Location: %q", location)
	}
	if kind := p.Header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		t.Errorf("Content-Type: %q", kind)
	}
	if !strings.Contains(string(p.Body), "<!doctype html>") {
		t.Errorf("no page: %s", p.Body)
	}
}
