package oidc_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// newApp is a house where ann has an authenticator app, in a browser where she
// signed in by password alone.
func newApp(t *testing.T) (*webtest.House, *webtest.Browser, func() string) {
	t.Helper()
	h := newHouse(t)
	first := h.Browser()
	first.SignIn(first.Get("/login"), "ann")
	p := first.Get("/account/authenticator-app")
	_, rest, _ := strings.Cut(string(p.Body), `id="secret">`)
	secret, _, _ := strings.Cut(rest, "<")
	code := func() string {
		text, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), h.Now())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first.Press(p, "set-up-app", url.Values{"code": {code()}})
	h.Advance(time.Minute)
	return h, first, code
}

func stepUpOrCode(p *webtest.Page) string {
	if strings.Contains(string(p.Body), `id="verify"`) {
		return "step-up"
	}
	return shows(p)
}

func TestH11_ACRValuesLeadToStepUp(t *testing.T) {
	t.Parallel()
	h, b, code := newApp(t)
	ask := func(change url.Values) *webtest.Page { return b.Get(webtest.NewProof().Authorization("web", change)) }
	b.Press(ask(nil), "accept", nil)
	for acr, want := range map[string]string{
		"": "code", "aal1": "code", "aal2": "step-up", "phr aal2": "step-up", "aal2 aal1": "code", "aal1 aal2": "code",
		"phr": "code", "urn:of:another:house": "code", "urn:of:another:house aal2": "step-up",
	} {
		if got := stepUpOrCode(ask(url.Values{"acr_values": {acr}})); got != want {
			t.Errorf("acr_values %q shows %s, want %s", acr, got, want)
		}
	}
	// Nothing may be shown, and the wish is none that must be met.
	if got := shows(ask(url.Values{"acr_values": {"aal2"}, "prompt": {"none"}})); got != "code" {
		t.Errorf("acr_values with prompt none: %s", got)
	}
	// Who does not want to goes on with what there is.
	if got := shows(b.Press(ask(url.Values{"acr_values": {"aal2"}}), "skip", nil)); got != "code" {
		t.Errorf("after no: %s", got)
	}
	proof := webtest.NewProof()
	p := b.Get(proof.Authorization("web", url.Values{"acr_values": {"aal2"}}))
	p = b.Press(p, "verify", url.Values{"code": {code()}})
	if p.Left == nil {
		t.Fatalf("after the code: %s", p.Body)
	}
	tokens := mustGrant(t, "exchange", h.Exchange("web", p.Left.Query().Get("code"), proof))
	for _, token := range []string{"id_token", "access_token"} {
		claims := claimsOf(t, tokens.Text(token))
		amr, _ := claims["amr"].([]any)
		if claims["acr"] != "aal2" || len(amr) != 3 || amr[0] != "pwd" || amr[1] != "otp" || amr[2] != "mfa" {
			t.Errorf("the %s says %v by %v", token, claims["acr"], claims["amr"])
		}
	}
	if got := stepUpOrCode(ask(url.Values{"acr_values": {"aal2"}})); got != "code" {
		t.Errorf("once more: %s", got)
	}
}

// A scope that needs more asks for the step where the user can take it, and is left
// out where they cannot or will not.
func TestH11_ScopeThatNeedsMoreAsksForTheStep(t *testing.T) {
	t.Parallel()
	h, b, code := newApp(t)
	h.User("bob")
	h.World.Exec(`update platform.scopes set needs_acr = 'aal2' where name = 'agents:read'`)
	scopes := url.Values{"scope": {"openid agents:read"}}
	alone := url.Values{"scope": {"agents:read"}}
	soon(t, "the step", func() bool {
		return stepUpOrCode(b.Get(webtest.NewProof().Authorization("web", scopes))) == "step-up"
	})
	bob := h.Browser()
	p := bob.SignIn(bob.Get(webtest.NewProof().Authorization("web", scopes)), "bob")
	if got := stepUpOrCode(p); got != "consent" || !strings.Contains(string(p.Body), "It needs a stronger sign-in") {
		t.Errorf("bob, who has a password alone, sees %s", got)
	}
	if got := stepUpOrCode(bob.Get(webtest.NewProof().Authorization("web", alone))); got != "invalid_scope" {
		t.Errorf("bob asks for that scope alone: %s", got)
	}
	p = b.Get(webtest.NewProof().Authorization("web", alone))
	if got := stepUpOrCode(p); got != "step-up" {
		t.Fatalf("ann asks for that scope alone: %s", got)
	}
	if got := stepUpOrCode(b.Press(p, "skip", nil)); got != "invalid_scope" {
		t.Errorf("ann will not: %s", got)
	}
	if got := stepUpOrCode(b.Press(p, "verify", url.Values{"code": {code()}})); got != "consent" {
		t.Errorf("ann has shown her code: %s", got)
	}
}
