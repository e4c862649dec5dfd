package web_test

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
	"github.com/gatehouse/gatehouse/web/webtest/chrome"
)

// formTo is a form that posts fields somewhere, for a page of somebody else.
func formTo(address, button string, fields url.Values) string {
	var text strings.Builder
	fmt.Fprintf(&text, `<form method="post" action="%s">`, html.EscapeString(address))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&text, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(fields.Get(name)))
	}
	fmt.Fprintf(&text, `<button id="%s">%s</button></form>`, button, button)
	return text.String()
}

// OpenID Connect Core §3.1.2.1 and RP-Initiated Logout §2: both endpoints take a POST, to which
// a browser adds no cookie of ours when another site makes it. Whoever is signed in must be so all the
// same: in the end nobody is told that they are signed out while they are not.
func TestBrowser_PostsOfAnotherSite(t *testing.T) {
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.User("ann")
	var forms string
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><p id="at-` + strings.Trim(r.URL.Path, "/") + `">Here</p>` + forms))
	}))
	t.Cleanup(app.Close)
	h.Client("app", func(c *storage.Client) {
		c.FirstParty, c.SkipConsent, c.RedirectURIs = true, true, []string{app.URL + "/callback"}
		c.PostLogoutRedirectURIs = []string{app.URL + "/bye"}
	})
	request := webtest.NewProof().Authorization("app", url.Values{"redirect_uri": {app.URL + "/callback"}, "prompt": {"none"}})
	_, query, _ := strings.Cut(request, "?")
	fields, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	forms = formTo(h.URL+"/oauth2/authorize", "authorize", fields) +
		formTo(h.URL+"/oauth2/logout", "log-out", url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {app.URL + "/bye"}})
	b := chrome.Start(t).Tab(t)
	b.Open(h.URL + "/login")
	b.Fill("#username", "ann")
	b.Fill("#password", webtest.Password)
	b.Click("#sign-in")
	b.See("#sign-out")
	b.Open(app.URL)
	b.Click("#authorize")
	b.See("#at-callback")
	if q := b.Location().Query(); q.Get("code") == "" {
		t.Errorf("who is signed in gets %v", q)
	}
	b.Click("#log-out")
	b.See("#confirm-sign-out")
	b.Click("#confirm-sign-out")
	b.See("#at-bye")
	b.Open(h.URL + "/account")
	b.See("#sign-in")
}

// A browser without any cookie of ours may have kept them back, so it is given none that
// would take their place before it has come again.
func TestPostsWithoutCookies(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Client("web")
	for _, path := range []string{"/oauth2/authorize", "/oauth2/logout"} {
		fields := url.Values{"client_id": {"web"}, "state": {"é&x=1"}, "redirect_uri": {webtest.RedirectURI}}
		p := h.Browser().PostRaw(path, fields, http.Header{"Origin": {"https://app.example"}})
		to, err := p.Location()
		if err != nil || p.StatusCode != http.StatusSeeOther || to.Path != path || to.RawQuery != fields.Encode() || p.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d to %v with %q, %v", path, p.StatusCode, to, p.Header["Set-Cookie"], err)
		}
		// What does not fit into an address is judged as it is.
		fields.Set("state", strings.Repeat("s", 9<<10))
		if p := h.Browser().PostRaw(path, fields, nil); p.StatusCode == http.StatusSeeOther && strings.Contains(p.Header.Get("Location"), path) {
			t.Errorf("%s: a long form led to %.100s", path, p.Header.Get("Location"))
		}
	}
}

// A session that is remembered outlives the cookie that forms are bound to. The page that asks
// is bound to the one that it is sent with.
func TestSignOutAfterTheBrowserWasClosed(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	b := signedIn(h, "ann")
	restarted := h.Browser()
	setCookie(t, h, restarted, "gatehouse", cookie(t, h, b, "gatehouse"))
	p := restarted.Get("/oauth2/logout")
	if got := len(p.Header["Set-Cookie"]); got != 1 {
		t.Errorf("%d cookies: %q", got, p.Header["Set-Cookie"])
	}
	contains(t, restarted.Press(p, "confirm-sign-out", nil), http.StatusOK, "signed out")
}
