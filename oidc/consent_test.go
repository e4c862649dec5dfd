package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestL3_ConsentIsRememberedForWhatWasGiven(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", url.Values{"scope": {"openid profile user"}})
	ask := func(b *webtest.Browser, client, scope string) string {
		return shows(b.Get(webtest.NewProof().Authorization(client, url.Values{"scope": {scope}})))
	}
	for _, c := range []struct{ client, scope, want string }{
		{"web", "openid profile user", "code"},
		{"web", "user", "code"},
		{"web", "openid profile user agents:read", "consent"},
		{"web", "email", "consent"},
		{"other", "openid", "consent"},
		// What ann does not hold is not granted, so there is nothing to ask about.
		{"web", "openid user admin", "code"},
	} {
		if got := ask(b, c.client, c.scope); got != c.want {
			t.Errorf("%s for %s: %s, want %s", c.client, c.scope, got, c.want)
		}
	}
	h.User("bob")
	bobs, _ := signedIn(h, "other", "bob", nil)
	if got := ask(bobs, "web", "openid"); got != "consent" {
		t.Errorf("ann's consent counts for bob: %s", got)
	}
	// What is widened is remembered beside what was there.
	b.Press(b.Get(webtest.NewProof().Authorization("web", url.Values{"scope": {"email"}})), "accept", nil)
	if got := ask(b, "web", "openid profile user email"); got != "code" {
		t.Errorf("after widening: %s", got)
	}
	// In another browser of the same person too.
	elsewhere := h.Browser()
	if got := shows(elsewhere.SignIn(elsewhere.Get(webtest.NewProof().Authorization("web", url.Values{"scope": {"openid email"}})), "ann")); got != "code" {
		t.Errorf("in another browser: %s", got)
	}
}

func TestConsentThatWasDeniedIsNotRemembered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	for range 2 {
		p := b.Get(webtest.NewProof().Authorization("other", nil))
		if got := shows(p); got != "consent" {
			t.Fatalf("%s, want consent", got)
		}
		if got := shows(b.Press(p, "deny", nil)); got != "access_denied" {
			t.Errorf("after no: %s", got)
		}
	}
	var grants int
	h.World.Get(`select count(*) from platform.grants where client_id = 'other'`, nil, &grants)
	if grants != 0 {
		t.Errorf("a denied request left %d grants", grants)
	}
}

func TestFirstPartySkipsConsentOnlyWhenToldTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("ours", func(c *storage.Client) { c.FirstParty = true })
	h.Client("trusted", func(c *storage.Client) { c.FirstParty, c.SkipConsent = true, true })
	h.Client("foreign", func(c *storage.Client) { c.SkipConsent = true })
	b, _ := signedIn(h, "web", "ann", nil)
	for client, want := range map[string]string{"ours": "consent", "trusted": "code", "foreign": "consent"} {
		if got := shows(b.Get(webtest.NewProof().Authorization(client, nil))); got != want {
			t.Errorf("%s: %s, want %s", client, got, want)
		}
	}
	if got := shows(b.Get(webtest.NewProof().Authorization("trusted", url.Values{"prompt": {"consent"}}))); got != "consent" {
		t.Errorf("prompt=consent of a trusted client: %s", got)
	}
}

func TestL2_ImpersonableClientsAreAskedForEachTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	public := func(uris ...string) func(*storage.Client) {
		return func(c *storage.Client) {
			c.Kind, c.AuthMethod, c.RedirectURIs = storage.ClientNative, storage.AuthMethodNone, uris
		}
	}
	h.Client("loopback", public("http://127.0.0.1/callback"))
	h.Client("scheme", public("com.example.app:/callback"))
	h.Client("claimed", public(webtest.RedirectURI))
	h.Client("selfmade", func(c *storage.Client) { c.SelfRegistered = true })
	b, _ := signedIn(h, "web", "ann", nil)
	for _, c := range []struct {
		client, uri string
		always      bool
	}{
		{"loopback", "http://127.0.0.1:51004/callback", true},
		{"scheme", "com.example.app:/callback", true},
		{"claimed", webtest.RedirectURI, false},
		{"selfmade", webtest.RedirectURI, true},
	} {
		change := url.Values{"redirect_uri": {c.uri}}
		p := b.Get(webtest.NewProof().Authorization(c.client, change))
		if got := shows(p); got != "consent" {
			t.Fatalf("%s at first: %s", c.client, got)
		}
		if strings.Contains(string(p.Body), "Did you just start this yourself?") != c.always {
			t.Errorf("%s: the warning is wrong", c.client)
		}
		if got := shows(b.Press(p, "accept", nil)); got != "code" {
			t.Fatalf("%s after yes: %s", c.client, got)
		}
		var remembered bool
		h.World.Get(`select exists (select from platform.consents where client_id = $1)`, []any{c.client}, &remembered)
		if remembered == c.always {
			t.Errorf("%s: remembered is %t", c.client, remembered)
		}
		// Nor does one count that was given while the client was another kind.
		h.World.Exec(`insert into platform.consents select user_id, $1, tenant_id, scopes, granted_at from platform.consents where client_id = 'web' on conflict do nothing`, c.client)
		want := map[bool][2]string{true: {"consent", "consent_required"}, false: {"code", "code"}}[c.always]
		if got := shows(b.Get(webtest.NewProof().Authorization(c.client, change))); got != want[0] {
			t.Errorf("%s the second time: %s, want %s", c.client, got, want[0])
		}
		change.Set("prompt", "none")
		if got := shows(b.Get(webtest.NewProof().Authorization(c.client, change))); got != want[1] {
			t.Errorf("%s silently: %s, want %s", c.client, got, want[1])
		}
	}
}

func TestL1_ConsentTakesNothingFromTheForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "other", "ann", nil)
	proof := webtest.NewProof()
	question := b.Get(proof.Authorization("web", url.Values{"scope": {"openid"}})).Form(t, "accept", nil)
	for name, value := range map[string]string{"scope": "openid user tools:execute", "scopes": "user", "client_id": "other", "redirect_uri": "https://evil.example/", "state": "x", "nonce": "x", "prompt": "none"} {
		question.Values.Set(name, value)
	}
	p := b.Post(question.Action, question.Values)
	if p.Left == nil || p.Left.Query().Get("state") != "state-1" || !strings.HasPrefix(p.Left.String(), webtest.RedirectURI+"?") {
		t.Fatalf("%d %v", p.StatusCode, p.Left)
	}
	tokens := mustGrant(t, "exchange", h.Exchange("web", p.Left.Query().Get("code"), proof))
	if tokens.Text("scope") != "openid" || claimsOf(t, tokens.Text("id_token"))["nonce"] != "nonce-1" {
		t.Errorf("the form added something: %s", tokens.Raw)
	}
	consents := h.World.Text(`select scopes from platform.consents where client_id = 'web'`)
	if consents != "({openid})" {
		t.Errorf("remembered is %s", consents)
	}
}

func TestL1_ApprovalReplayed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "other", "ann", nil)
	question := b.Get(webtest.NewProof().Authorization("web", nil)).Form(t, "accept", nil)
	first := b.PostRaw(question.Action, question.Values, nil)
	approved := first.Header.Get("Location")
	if got := shows(b.Get(approved)); got != "code" {
		t.Fatalf("approved: %s", got)
	}
	for name, p := range map[string]*webtest.Page{
		"the approved request":             b.Get(approved),
		"the answer":                       b.Post(question.Action, question.Values),
		"the request that was asked about": b.Get("/oauth2/authorize?flow=" + question.Values.Get("flow")),
	} {
		if got := shows(p); got != "invalid_request" {
			t.Errorf("%s once more: %s", name, got)
		}
	}
	var grants int
	h.World.Get(`select count(*) from platform.grants where client_id = 'web'`, nil, &grants)
	if grants != 1 {
		t.Errorf("one request led to %d grants", grants)
	}
}

func TestL1_ApprovalInParallel(t *testing.T) {
	t.Parallel()
	h := newHouse(t, webtest.Wide)
	replicas := h.Three()
	b, _ := signedIn(h, "other", "ann", nil)
	question := b.Get(webtest.NewProof().Authorization("web", nil)).Form(t, "accept", nil)
	codes := make(chan string, 100)
	atOnce(100, func(i int) webtest.Answer {
		p := b.Before(replicas[i%3]).Post(question.Action, question.Values)
		if got := shows(p); got != "code" && got != "invalid_request" {
			t.Errorf("%s", got)
		}
		if p.Left != nil && p.Left.Query().Has("code") {
			codes <- p.Left.Query().Get("code")
		}
		return webtest.Answer{}
	})
	if len(codes) != 1 {
		t.Errorf("one approval gave %d codes", len(codes))
	}
}

func TestB12_B15_ApprovalIsOnePersonsInOneBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.User("bob")
	b, _ := signedIn(h, "other", "ann", nil)
	question := b.Get(webtest.NewProof().Authorization("web", nil)).Form(t, "accept", nil)
	approved := b.PostRaw(question.Action, question.Values, nil).Header.Get("Location")
	// B15: a stolen handle is worth nothing without the browser it was made for.
	clean := h.Browser()
	stranger, _ := signedIn(h, "other", "bob", nil)
	for name, p := range map[string]*webtest.Page{
		"without cookies": clean.Get(approved), "of another": stranger.Get(approved),
		"the question without cookies": clean.Get("/consent?flow=" + question.Values.Get("flow")), "the question of another": stranger.Get("/consent?flow=" + question.Values.Get("flow")),
		"sign-in of another": stranger.Get("/login?flow=" + question.Values.Get("flow")),
	} {
		if p.StatusCode != http.StatusBadRequest || p.Left != nil {
			t.Errorf("%s: %d %v", name, p.StatusCode, p.Left)
		}
	}
	// B12: nor for another person in the same browser.
	b.SignIn(b.Get(webtest.NewProof().Authorization("other", url.Values{"prompt": {"select_account"}})), "bob")
	if got := shows(b.Get(approved)); got != "consent" {
		t.Errorf("ann's approval, with bob signed in: %s", got)
	}
	// Tampered with, it opens nowhere.
	for i := len("/oauth2/authorize?flow="); i < len(approved); i += 41 {
		altered := []byte(approved)
		if altered[i] = 'A'; approved[i] == 'A' {
			altered[i] = 'B'
		}
		if p := b.Get(string(altered)); p.StatusCode != http.StatusBadRequest || p.Left != nil {
			t.Errorf("altered at %d: %d %v", i, p.StatusCode, p.Left)
		}
	}
}

func TestA15_NothingBesideAPausedRequestCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	p := b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"login"}}))
	flow := p.Request.URL.Query().Get("flow")
	beside := url.Values{"flow": {flow}, "prompt": {"none"}, "redirect_uri": {"https://evil.example/"}, "response_type": {"token"}, "response_mode": {"form_post"}, "state": {"x"}, "scope": {"admin"}}
	if got := shows(b.Get("/oauth2/authorize?" + beside.Encode())); got != "sign-in" {
		t.Errorf("parameters beside the paused request: %s", got)
	}
	h.Advance(31 * time.Minute)
	if p := b.Get("/oauth2/authorize?flow=" + flow); p.StatusCode != http.StatusBadRequest || p.Left != nil {
		t.Errorf("after half an hour: %d %v", p.StatusCode, p.Left)
	}
}

func TestL4_WithdrawnConsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	others := h.Tokens("other", "ann", nil)
	form := b.Get("/account").Form(t, "sign-out", url.Values{"client_id": {"web"}})
	b.Post("/account/apps/withdraw", form.Values)
	if isActive(t, h, tokens.Text("access_token")) {
		t.Error("an access token outlived the consent")
	}
	mustRefuse(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	if got := shows(b.Get(webtest.NewProof().Authorization("web", nil))); got != "consent" {
		t.Errorf("afterwards: %s", got)
	}
	if !isActive(t, h, others.Text("access_token")) {
		t.Error("another client's token died with it")
	}
}

func TestL5_ConsentPageSaysWhoAsks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.World.Exec(`update platform.clients set name = '<b>Bank</b>' where id = 'web'`)
	soon(t, "the name", func() bool {
		c, err := h.Store.Client(t.Context(), "web")
		return err == nil && strings.Contains(c.Name, "Bank")
	})
	b, _ := signedIn(h, "other", "ann", nil)
	body := string(b.Get(webtest.NewProof().Authorization("web", nil)).Body)
	for _, want := range []string{"&lt;b&gt;Bank&lt;/b&gt;", "app.example", "ann", "acme", "Not run by this operator"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(body, "<b>Bank") {
		t.Error("the client's name is markup")
	}
	// The badge is the operator's word, not the client's.
	h.Client("vouched", func(c *storage.Client) { c.Name, c.FirstParty = "Bank", true })
	body = string(b.Get(webtest.NewProof().Authorization("vouched", url.Values{"prompt": {"consent"}})).Body)
	if !strings.Contains(body, "Run by this operator") || strings.Contains(body, "Not run by") {
		t.Errorf("a client that the operator vouches for:\n%s", body)
	}
}
