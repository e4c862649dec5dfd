package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const afterLogout = "https://app.example/bye"

// leaving is a house whose clients have somewhere to go afterwards.
func leaving(t testing.TB) *webtest.House {
	t.Helper()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("bob")
	h.Client("web", func(c *storage.Client) {
		c.PostLogoutRedirectURIs = []string{afterLogout, "https://app.example/bye?lang=de"}
	})
	h.Client("other", func(c *storage.Client) { c.PostLogoutRedirectURIs = []string{"https://other.example/bye"} })
	return h
}

func logout(values url.Values) string { return "/oauth2/logout?" + values.Encode() }

// isIn reports whether the browser is signed in.
func isIn(b *webtest.Browser) bool {
	p := b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"none"}}))
	return shows(p) != "login_required"
}

func asks(p *webtest.Page) bool { return strings.Contains(string(p.Body), `id="confirm-sign-out"`) }

func TestLogoutWithTheHintOfThisSession(t *testing.T) {
	t.Parallel()
	h := leaving(t)
	for _, post := range []bool{false, true} {
		b, tokens := signedIn(h, "web", "ann", nil)
		values := url.Values{"id_token_hint": {tokens.Text("id_token")}, "post_logout_redirect_uri": {afterLogout}, "state": {"é&x=1"}}
		var p *webtest.Page
		if post {
			p = b.Post("/oauth2/logout", values)
		} else {
			p = b.Get(logout(values))
		}
		if p.Left == nil || p.Left.String() != afterLogout+"?state=%C3%A9%26x%3D1" {
			t.Errorf("led to %v (%d)", p.Left, p.StatusCode)
		}
		if isIn(b) {
			t.Error("still signed in")
		}
		// N3: again, by the hint of a session that is over: there is nothing to end.
		if p := b.Get(logout(values)); p.Left == nil {
			t.Errorf("a second time: %d", p.StatusCode)
		}
	}
	b, tokens := signedIn(h, "web", "ann", nil)
	p := b.Get(logout(url.Values{"id_token_hint": {tokens.Text("id_token")}, "client_id": {"web"}, "post_logout_redirect_uri": {"https://app.example/bye?lang=de"}, "state": {"s"}}))
	if p.Left == nil || p.Left.String() != "https://app.example/bye?lang=de&state=s" {
		t.Errorf("a registered query: %v", p.Left)
	}
	b, tokens = signedIn(h, "web", "ann", nil)
	p = b.Get(logout(url.Values{"id_token_hint": {tokens.Text("id_token")}}))
	if p.Left != nil || p.StatusCode != http.StatusOK || isIn(b) {
		t.Errorf("without a way back: %d %v", p.StatusCode, p.Left)
	}
}

func TestN2_NobodyIsSignedOutUnasked(t *testing.T) {
	t.Parallel()
	h := leaving(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	_, elsewhere := signedIn(h, "web", "ann", nil)
	_, bobs := signedIn(h, "web", "bob", nil)
	for name, values := range map[string]url.Values{
		"nothing":                               {},
		"client_id alone":                       {"client_id": {"web"}},
		"client_id and a way back":              {"client_id": {"web"}, "post_logout_redirect_uri": {afterLogout}},
		"N3: hint of another session":           {"id_token_hint": {elsewhere.Text("id_token")}},
		"N3: hint of another user":              {"id_token_hint": {bobs.Text("id_token")}},
		"a decision without a question":         {"decision": {"sign-out"}},
		"N3: hint without a session":            {"id_token_hint": {resign(t, h, tokens.Text("id_token"), keys.TypeIDToken, map[string]any{"sid": ""})}},
		"N3: another user in our session's sid": {"id_token_hint": {resign(t, h, tokens.Text("id_token"), keys.TypeIDToken, map[string]any{"sub": claimsOf(t, bobs.Text("id_token"))["sub"]})}},
	} {
		if p := b.Get(logout(values)); !asks(p) || p.StatusCode != http.StatusOK {
			t.Errorf("%s by GET: %d %v", name, p.StatusCode, p.Left)
		}
		if p := b.PostRaw("/oauth2/logout", values, http.Header{"Origin": {"https://evil.example"}}); !asks(p) {
			t.Errorf("%s by POST from elsewhere: %d", name, p.StatusCode)
		}
		if !isIn(b) {
			t.Fatalf("%s signed ann out", name)
		}
	}
}

func TestLogoutConfirmation(t *testing.T) {
	t.Parallel()
	h := leaving(t)
	b, _ := signedIn(h, "web", "ann", nil)
	ask := func() *webtest.Page {
		return b.Get(logout(url.Values{"client_id": {"web"}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}}))
	}
	if p := b.Press(ask(), "stay", nil); p.Request.URL.Path != "/account" || !isIn(b) {
		t.Errorf("after choosing to stay: %s, signed in %t", p.Request.URL.Path, isIn(b))
	}
	question := ask().Form(t, "confirm-sign-out", nil)
	// The answer is worth nothing in another browser.
	stranger, _ := signedIn(h, "web", "bob", nil)
	if p := stranger.Post(question.Action, question.Values); p.StatusCode != http.StatusBadRequest || !isIn(stranger) {
		t.Errorf("in another browser: %d", p.StatusCode)
	}
	p := b.Post(question.Action, question.Values)
	if p.Left == nil || p.Left.String() != afterLogout+"?state=s" || isIn(b) {
		t.Errorf("after yes: %v, signed in %t", p.Left, isIn(b))
	}
	late, _ := signedIn(h, "web", "ann", nil)
	question = late.Get(logout(url.Values{})).Form(t, "confirm-sign-out", nil)
	h.Advance(29 * time.Minute)
	if !isIn(late) {
		t.Fatal("the session is over too early for this test")
	}
	h.Advance(2 * time.Minute)
	if p := late.Post(question.Action, question.Values); p.StatusCode != http.StatusBadRequest {
		t.Errorf("after half an hour: %d", p.StatusCode)
	}
}

func TestN1_PostLogoutRedirectURI(t *testing.T) {
	t.Parallel()
	h := leaving(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	for _, uri := range []string{
		"https://evil.example/", "https://app.example/", "https://app.example/bye/", "https://app.example/bye?x=1", "https://app.example/bye#x", "HTTPS://app.example/bye",
		"https://app.example/Bye", "http://app.example/bye", "https://app.example:443/bye", "https://app.example@evil.example/bye", "//app.example/bye", "/bye",
		"javascript:alert(1)", "data:text/html,x", webtest.RedirectURI, "https://other.example/bye", "https://app.example/bye%00", "https://app.example/bye\r\nX: y", " " + afterLogout,
	} {
		for _, values := range []url.Values{
			{"id_token_hint": {tokens.Text("id_token")}, "post_logout_redirect_uri": {uri}},
			{"client_id": {"web"}, "post_logout_redirect_uri": {uri}},
		} {
			if p := b.Get(logout(values)); p.StatusCode != http.StatusBadRequest || p.Left != nil {
				t.Errorf("%q: %d %v", uri, p.StatusCode, p.Left)
			}
		}
	}
	for name, values := range map[string]url.Values{
		"whose is not said":           {"post_logout_redirect_uri": {afterLogout}},
		"of an unknown client":        {"client_id": {"nobody"}, "post_logout_redirect_uri": {afterLogout}},
		"of another client":           {"client_id": {"other"}, "post_logout_redirect_uri": {afterLogout}},
		"of another than the hint's":  {"client_id": {"other"}, "id_token_hint": {tokens.Text("id_token")}, "post_logout_redirect_uri": {"https://other.example/bye"}},
		"with a hint of somebody":     {"id_token_hint": {"x"}, "post_logout_redirect_uri": {afterLogout}},
		"with a hint that is access":  {"id_token_hint": {tokens.Text("access_token")}, "post_logout_redirect_uri": {afterLogout}},
		"with a hint of elsewhere":    {"id_token_hint": {resign(t, h, tokens.Text("id_token"), keys.TypeIDToken, map[string]any{"iss": "https://issuer.example"})}, "post_logout_redirect_uri": {afterLogout}},
		"said twice":                  {"client_id": {"web"}, "post_logout_redirect_uri": {afterLogout, afterLogout}},
		"of a client that says it is": {"client_id": {"web", "other"}, "post_logout_redirect_uri": {afterLogout}},
	} {
		if p := b.Get(logout(values)); p.StatusCode != http.StatusBadRequest || p.Left != nil {
			t.Errorf("%s: %d %v", name, p.StatusCode, p.Left)
		}
	}
	if !isIn(b) {
		t.Error("a refused request signed ann out")
	}
}

func TestN3_ExpiredHint(t *testing.T) {
	t.Parallel()
	h := leaving(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	h.Advance(20 * time.Minute) // the ID token lived for ten
	p := b.Get(logout(url.Values{"id_token_hint": {tokens.Text("id_token")}, "post_logout_redirect_uri": {afterLogout}}))
	if p.Left == nil || p.Left.String() != afterLogout || isIn(b) {
		t.Errorf("led to %v, signed in %t", p.Left, isIn(b))
	}
}

func TestA15_SealedQuestionIsNoAnswerToAnother(t *testing.T) {
	t.Parallel()
	h := leaving(t)
	b, _ := signedIn(h, "web", "ann", nil)
	consent := b.Get(webtest.NewProof().Authorization("other", nil)).Form(t, "accept", nil).Values
	if p := b.Post("/oauth2/logout", url.Values{"flow": {consent.Get("flow")}, "decision": {"sign-out"}}); p.StatusCode != http.StatusBadRequest || !isIn(b) {
		t.Errorf("a paused authorization request signs out: %d", p.StatusCode)
	}
	request, err := url.Parse(webtest.NewProof().Authorization("web", nil))
	noError(t, err)
	signOut := b.Get(logout(request.Query())).Form(t, "confirm-sign-out", nil).Values
	for _, path := range []string{"/oauth2/authorize", "/consent", "/login"} {
		if p := b.Get(path + "?flow=" + signOut.Get("flow")); p.StatusCode != http.StatusBadRequest || p.Left != nil {
			t.Errorf("a paused sign-out at %s: %d %v", path, p.StatusCode, p.Left)
		}
	}
}
