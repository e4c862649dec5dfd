package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// framesOf is the address of every frame of a page.
func framesOf(t testing.TB, p *webtest.Page) []string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(p.Body)))
	noError(t, err)
	var all []string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "iframe" {
			all = append(all, attribute(n, "src"))
			if attribute(n, "sandbox") != "allow-scripts allow-same-origin" {
				t.Errorf("a frame may %q", attribute(n, "sandbox"))
			}
		}
	}
	slices.Sort(all)
	return all
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func frameSources(p *webtest.Page) string {
	_, sources, _ := strings.Cut(p.Header.Get("Content-Security-Policy"), "frame-src ")
	sources, _, _ = strings.Cut(sources, ";")
	return sources
}

// OpenID Connect Front-Channel Logout 1.0: the page at the end frames each client of
// the session that asked for it, and goes on.
func TestFrontChannelLogout(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("framed", func(c *storage.Client) {
		c.Metadata.FrontChannelLogoutURI = "https://app.example/out?tenant=a%20b&x"
		c.PostLogoutRedirectURIs = []string{afterLogout}
	})
	h.Client("beside", func(c *storage.Client) { c.Metadata.FrontChannelLogoutURI = "https://other.example:8443/out" })
	h.Client("unused", func(c *storage.Client) { c.Metadata.FrontChannelLogoutURI = "https://unused.example/out" })
	b, tokens := signedIn(h, "framed", "ann", nil)
	id := tokens.Text("id_token")
	b.Authorize(webtest.NewProof(), "beside", "ann", nil)
	told := url.Values{"iss": {h.URL}, "sid": {claimsOf(t, id)["sid"].(string)}}.Encode()
	want := []string{"https://app.example/out?tenant=a%20b&x&" + told, "https://other.example:8443/out?" + told}

	values := url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}}
	p := b.Get(logout(values))
	if got := framesOf(t, p); p.StatusCode != http.StatusOK || !slices.Equal(got, want) {
		t.Errorf("%d: frames %q, want %q", p.StatusCode, got, want)
	}
	if got := frameSources(p); got != "https://app.example https://other.example:8443" {
		t.Errorf("frame-src %q", got)
	}
	if got := p.Header.Get("Refresh"); got != "3; url="+afterLogout+"?state=s" {
		t.Errorf("Refresh: %q", got)
	}
	if !strings.Contains(string(p.Body), `id="back" rel="noreferrer" href="`+afterLogout+`?state=s"`) || strings.Contains(string(p.Body), "<script") {
		t.Errorf("the page has no link, or needs a script: %s", p.Body)
	}
	if isIn(b) {
		t.Error("still signed in")
	}
	// Nobody is signed in any more: there is nobody to tell.
	if p := b.Get(logout(values)); p.Left == nil {
		t.Errorf("a second time: %d", p.StatusCode)
	}

	b, _ = signedIn(h, "beside", "ann", nil)
	p = b.Press(b.Get("/oauth2/logout"), "confirm-sign-out", nil)
	if got := framesOf(t, p); len(got) != 1 || p.Header.Get("Refresh") != "" {
		t.Errorf("with nowhere to go: frames %q, Refresh %q", got, p.Header.Get("Refresh"))
	}
	b, _ = signedIn(h, "beside", "ann", nil)
	form := b.Get("/account").Form(t, "sign-out", nil)
	if got := framesOf(t, b.Post("/logout", form.Values)); len(got) != 1 {
		t.Errorf("from the account page: frames %q", got)
	}
}

// N6: what is framed is what was registered, escaped, and nothing of the request.
func TestN6_FramesAreRegisteredAndEscaped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	payload := `https://app.example/out?a="><script>alert(1)</script>&b='`
	h.Client("framed", func(c *storage.Client) { c.Metadata.FrontChannelLogoutURI = payload })
	h.Client("script", func(c *storage.Client) { c.Metadata.FrontChannelLogoutURI = "javascript:alert(1)" })
	b, _ := signedIn(h, "framed", "ann", nil)
	b.Authorize(webtest.NewProof(), "script", "ann", nil)
	p := b.Press(b.Get("/oauth2/logout?frontchannel_logout_uri="+url.QueryEscape("https://evil.example/")), "confirm-sign-out", nil)
	frames := framesOf(t, p)
	if len(frames) != 1 {
		t.Errorf("the page frames %q, want the one that is registered and an address", frames)
	}
	for _, frame := range frames {
		if !strings.HasPrefix(frame, "https://app.example/out?") {
			t.Errorf("a frame of %q", frame)
		}
	}
	for _, never := range []string{"<script", "evil.example", "javascript:"} {
		if strings.Contains(string(p.Body), never) {
			t.Errorf("the page has %q", never)
		}
	}
}
