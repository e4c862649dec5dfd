package oidc_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/storagetest"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// shows says which page stands before the person, or what reached the client.
func shows(p *webtest.Page) string {
	body := string(p.Body)
	switch {
	case p.Left != nil && p.Left.Query().Has("code"):
		return "code"
	case p.Left != nil:
		return p.Left.Query().Get("error")
	case strings.Contains(body, `id="sign-in"`):
		return "sign-in"
	case strings.Contains(body, `id="accept"`):
		return "consent"
	}
	return p.Status
}

func TestPromptOfAStranger(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for prompt, want := range map[string]string{"": "sign-in", "login": "sign-in", "consent": "sign-in", "select_account": "sign-in", "none": "login_required"} {
		if got := shows(h.Browser().Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {prompt}}))); got != want {
			t.Errorf("prompt %q shows %s, want %s", prompt, got, want)
		}
	}
}

// A session that ends while its request is answered is none.
func TestD5_SessionEndsBeforeTheCodeIsMade(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for prompt, want := range map[string]string{"": "sign-in", "none": "login_required"} {
		b, _ := signedIn(h, "web", "ann", nil)
		ends := storagetest.NewWorld(t, h.DSN)
		ends.Exec(`begin`)
		ends.Exec(`update platform.user_sessions set revoked_at = now()`)
		page := make(chan *webtest.Page, 1)
		go func() { page <- b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {prompt}})) }()
		for waits := 0; waits == 0 && len(page) == 0; time.Sleep(5 * time.Millisecond) {
			h.World.Get(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`, nil, &waits)
		}
		ends.Exec(`commit`)
		if got := shows(<-page); got != want {
			t.Errorf("prompt %q shows %s, want %s", prompt, got, want)
		}
	}
}

func TestPrompt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	ask := func(client, prompt string) *webtest.Page {
		return b.Get(webtest.NewProof().Authorization(client, url.Values{"prompt": {prompt}}))
	}
	for _, c := range []struct{ client, prompt, want string }{
		{"web", "", "code"},
		{"web", "none", "code"},
		{"web", "login", "sign-in"},
		{"web", "consent", "consent"},
		{"web", "select_account", "sign-in"},
		{"web", "login consent", "sign-in"},
		{"web", "consent select_account", "sign-in"},
		{"web", "none login", "invalid_request"},
		{"web", "none consent", "invalid_request"},
		{"web", "create", "invalid_request"},
		{"web", "LOGIN", "invalid_request"},
		{"other", "", "consent"},
		{"other", "none", "consent_required"},
		{"other", "login", "sign-in"},
	} {
		if got := shows(ask(c.client, c.prompt)); got != c.want {
			t.Errorf("%s, prompt %q shows %s, want %s", c.client, c.prompt, got, c.want)
		}
	}
	// Both are obeyed, one after the other, and once each.
	p := b.SignIn(ask("web", "login consent"), "ann")
	if got := shows(p); got != "consent" {
		t.Fatalf("after the sign-in of prompt=login consent: %s", got)
	}
	if got := shows(b.Press(p, "accept", nil)); got != "code" {
		t.Errorf("after the consent of prompt=login consent: %s", got)
	}
	if got := shows(b.Press(ask("web", "consent"), "deny", nil)); got != "access_denied" {
		t.Errorf("after no: %s", got)
	}
}

func TestH11_PromptLoginMovesAuthTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, first := signedIn(h, "web", "ann", nil)
	h.Advance(10 * time.Second)
	proof := webtest.NewProof()
	silent := mustGrant(t, "silent", h.Exchange("web", b.Authorize(proof, "web", "ann", nil).Get("code"), proof))
	again := mustGrant(t, "again", h.Exchange("web", b.Authorize(proof, "web", "ann", url.Values{"prompt": {"login"}}).Get("code"), proof))
	at := func(a webtest.Answer) float64 {
		id, access := claimsOf(t, a.Text("id_token"))["auth_time"].(float64), claimsOf(t, a.Text("access_token"))["auth_time"].(float64)
		if id != access {
			t.Errorf("auth_time is %v in the ID token and %v in the access token", id, access)
		}
		return id
	}
	if at(silent) != at(first) {
		t.Error("auth_time moved without a sign-in")
	}
	if at(again) < at(first)+10 {
		t.Errorf("auth_time is %v after signing in anew, and was %v", at(again), at(first))
	}
}

func TestH11_PromptLoginIsNotSatisfiedByGoingBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	p := b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"login"}}))
	flow := p.Request.URL.Query().Get("flow")
	for _, path := range []string{"/oauth2/authorize", "/consent"} {
		if got := shows(b.Get(path + "?flow=" + flow)); got != "sign-in" {
			t.Errorf("%s skips the sign-in: %s", path, got)
		}
	}
}

func TestH11_MaxAge(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	h.Advance(100 * time.Second)
	ask := func(change url.Values) *webtest.Page { return b.Get(webtest.NewProof().Authorization("web", change)) }
	for maxAge, want := range map[string]string{
		"": "code", "1000": "code", "90": "sign-in", "0": "sign-in", "1": "sign-in",
		"-1": "invalid_request", "1.5": "invalid_request", "x": "invalid_request", "99999999999999999999": "invalid_request",
	} {
		if got := shows(ask(url.Values{"max_age": {maxAge}})); got != want {
			t.Errorf("max_age %q shows %s, want %s", maxAge, got, want)
		}
	}
	if got := shows(ask(url.Values{"max_age": {"90"}, "prompt": {"none"}})); got != "login_required" {
		t.Errorf("max_age 90 with prompt none: %s", got)
	}
	if got := shows(b.SignIn(ask(url.Values{"max_age": {"0"}}), "ann")); got != "code" {
		t.Errorf("after the sign-in of max_age 0: %s", got)
	}
	// In the very second of that sign-in.
	if got := shows(ask(url.Values{"max_age": {"0"}})); got != "sign-in" {
		t.Errorf("max_age 0 right after a sign-in: %s", got)
	}
}

func TestLoginHint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, hint := range []string{"ann", "ann@example.com", `"><svg onload=alert(1)>`} {
		b := h.Browser()
		p := b.Get(webtest.NewProof().Authorization("web", url.Values{"login_hint": {hint}}))
		if got := p.Form(t, "sign-in", nil).Values.Get("username"); got != hint {
			t.Errorf("login_hint %q prefills %q", hint, got)
		}
		if strings.Contains(string(p.Body), "<svg onload") {
			t.Error("the hint is not escaped")
		}
	}
	// A hint is no proof: whoever is signed in goes on.
	b, _ := signedIn(h, "web", "ann", nil)
	if got := shows(b.Get(webtest.NewProof().Authorization("web", url.Values{"login_hint": {"bob"}}))); got != "code" {
		t.Errorf("login_hint of another: %s", got)
	}
}

func TestSignInAgainNamesWhoMustProve(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	for prompt, want := range map[string]string{"login": "ann", "select_account": ""} {
		p := b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {prompt}}))
		if got := p.Form(t, "sign-in", nil).Values.Get("username"); got != want {
			t.Errorf("prompt %s asks %q, want %q", prompt, got, want)
		}
	}
}
