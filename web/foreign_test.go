package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// foreignScope is what the foreign clients ask for.
const foreignScope = "openid profile email offline_access agents:read"

// newForeignHouse is a house as a foreign client finds it: a user and itself.
func newForeignHouse(t *testing.T, idTokenAlg string, options ...webtest.Option) (*webtest.House, string) {
	t.Helper()
	h := webtest.Boot(t, options...)
	ann := h.User("ann")
	h.Client("foreign", func(c *storage.Client) {
		c.IDTokenAlg, c.Introspect = idTokenAlg, true
		c.PostLogoutRedirectURIs = []string{"https://app.example/bye"}
	})
	return h, ann.String()
}

// visit walks a person through the pages that an authorization URL leads to, and
// gives the address to which the browser is sent back.
func visit(t *testing.T, b *webtest.Browser, authorizationURL string) *url.URL {
	t.Helper()
	p := b.Get(authorizationURL)
	for range 4 {
		switch {
		case p.Left != nil:
			return p.Left
		case strings.Contains(string(p.Body), `id="sign-in"`):
			p = b.SignIn(p, "ann")
		case strings.Contains(string(p.Body), `id="accept"`):
			p = b.Press(p, "accept", nil)
		default:
			t.Fatalf("unexpected page (status %d):\n%s", p.StatusCode, p.Body)
		}
	}
	t.Fatal("sign-in and consent did not lead out of the house")
	return nil
}

// signsOut follows a sign-out that an ID token vouches for: nothing is asked.
func signsOut(t *testing.T, b *webtest.Browser, endSessionURL string) {
	t.Helper()
	if p := b.Get(endSessionURL); p.Left == nil || p.Left.String() != "https://app.example/bye" {
		t.Errorf("sign-out: %d, left %v", p.StatusCode, p.Left)
	}
	if p := b.Get("/account"); p.StatusCode != http.StatusOK || p.Request.URL.Path != "/login" {
		t.Errorf("after signing out /account leads to %s", p.Request.URL)
	}
}
