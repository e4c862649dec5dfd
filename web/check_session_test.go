package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
	"github.com/gatehouse/gatehouse/web/webtest/chrome"
)

// H5: the page for clients' frames is the one that may be framed, and has nothing to click.
func TestH5_OnePageMayBeFramed(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	p := h.Browser().Get("/oauth2/session")
	policy := policyOf(t, p)
	if _, bound := policy["frame-ancestors"]; bound || p.Header.Get("X-Frame-Options") != "" || p.StatusCode != http.StatusOK {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if len(policy["default-src"]) != 1 || policy["default-src"][0] != "'none'" || policy["form-action"][0] != "'none'" {
		t.Errorf("policy %v", policy)
	}
	nothingInline(t, p)
}

// A browser that lost the state of its session is given it with the next answer, so
// that its clients do not see a change for ever.
func TestCheckSession_LostState(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web", func(c *storage.Client) { c.FirstParty, c.SkipConsent = true, true })
	b := signedIn(h, "ann")
	const name = "gatehouse-state"
	was := cookie(t, h, b, name)
	setCookie(t, h, b, name, "lost")
	if p := b.Get(webtest.NewProof().Authorization("web", nil)); p.Left == nil || p.Left.Query().Get("session_state") == "" {
		t.Fatalf("%d %v", p.StatusCode, p.Left)
	}
	if got := cookie(t, h, b, name); got != was || was == "" {
		t.Errorf("the state is %q, was %q", got, was)
	}
}

// OpenID Connect Session Management 1.0: a client's page in a real browser asks our
// frame, and hears that the session is the same, then that it is not.
func TestBrowser_CheckSession(t *testing.T) {
	h := webtest.Boot(t)
	h.User("ann")
	var frame string
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><p id="application">The application</p><iframe id="op" src="%s"></iframe>
			<script>const ask = (q) => new Promise((done) => { addEventListener("message", (e) => done(e.origin + " " + e.data), {once: true});
			document.getElementById("op").contentWindow.postMessage(q, "*"); });</script>`, frame)
	}))
	t.Cleanup(app.Close)
	frame = h.URL + "/oauth2/session"
	h.Client("app", func(c *storage.Client) {
		c.FirstParty, c.SkipConsent, c.RedirectURIs = true, true, []string{app.URL + "/callback"}
	})
	b := chrome.Start(t).Tab(t)
	b.Open(h.URL + webtest.NewProof().Authorization("app", url.Values{"redirect_uri": {app.URL + "/callback"}}))
	b.Fill("#username", "ann")
	b.Fill("#password", webtest.Password)
	b.Click("#sign-in")
	b.See("#application")
	state := b.Location().Query().Get("session_state")
	if state == "" {
		t.Fatalf("no session_state in %s", b.Location())
	}
	ask := func(question string) string {
		t.Helper()
		return chrome.Observe(b, chromedp.Evaluate[string](fmt.Sprintf("ask(%q)", question), chromedp.EvalAwaitPromise))
	}
	for question, want := range map[string]string{
		"app " + state: "unchanged", "other " + state: "changed", "app " + state + "x": "changed", "nonsense": "error", "app x": "error", "": "error",
	} {
		if got := ask(question); got != h.URL+" "+want {
			t.Errorf("%q: %s, want %s", question, got, want)
		}
	}
	b.Open(h.URL + "/account")
	b.Click("#sign-out")
	b.See(`.actions a[href="/login"]`)
	b.Open(app.URL + "/callback")
	b.See("#application")
	if got := ask("app " + state); got != h.URL+" changed" {
		t.Errorf("after signing out: %s", got)
	}
}
