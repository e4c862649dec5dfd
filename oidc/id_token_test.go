package oidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestIDToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := h.User("bob")
	for _, algorithm := range []string{"ES256", "RS256"} {
		h.Client(algorithm, func(c *storage.Client) { c.IDTokenAlg = algorithm })
		tokens := h.Tokens(algorithm, "bob", nil)
		id, access := claimsOf(t, tokens.Text("id_token")), claimsOf(t, tokens.Text("access_token"))
		for name, want := range map[string]any{"iss": h.URL, "sub": user.String(), "aud": algorithm, "nonce": "nonce-1", "acr": "aal1", "sid": access["sid"], "auth_time": access["auth_time"]} {
			if id[name] != want {
				t.Errorf("%s: %s is %v, want %v", algorithm, name, id[name], want)
			}
		}
		if amr, _ := id["amr"].([]any); len(amr) != 1 || amr[0] != "pwd" {
			t.Errorf("%s: amr is %v (RFC 8176)", algorithm, id["amr"])
		}
		if id["exp"].(float64)-id["iat"].(float64) != 600 {
			t.Errorf("%s: lives from %v to %v", algorithm, id["iat"], id["exp"])
		}
		// OpenID Connect Core §3.1.3.6: both algorithms hash with SHA-256.
		sum := sha256.Sum256([]byte(tokens.Text("access_token")))
		if want := base64.RawURLEncoding.EncodeToString(sum[:16]); id["at_hash"] != want {
			t.Errorf("%s: at_hash is %v, want %s", algorithm, id["at_hash"], want)
		}
		header := headerOf(t, tokens.Text("id_token"))
		if header["alg"] != algorithm || header["typ"] != "JWT" || header["kid"] == "" {
			t.Errorf("%s: header %v", algorithm, header)
		}
		// RFC 9068 §2.1 and §2.2.
		header = headerOf(t, tokens.Text("access_token"))
		if header["typ"] != "at+jwt" || access["client_id"] != algorithm || access["jti"] == "" {
			t.Errorf("%s: access token %v %v", algorithm, header, access)
		}
	}
}

func TestB10_Nonce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.Browser()
	for _, nonce := range []string{
		"n", strings.Repeat("é漢😀", 85), "\u202e %26&=+\"\\<>'", strings.Repeat("x", 255), " leading and trailing ", "\t\n",
	} {
		proof := webtest.NewProof()
		code := b.Authorize(proof, "web", "ann", url.Values{"nonce": {nonce}}).Get("code")
		tokens := mustGrant(t, nonce, h.Exchange("web", code, proof))
		if got := claimsOf(t, tokens.Text("id_token"))["nonce"]; got != nonce {
			t.Errorf("nonce %q came back as %q", nonce, got)
		}
	}
	proof := webtest.NewProof()
	code := b.Authorize(proof, "web", "ann", url.Values{"nonce": nil}).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier}, "nonce": {"injected"}}
	if got, has := claimsOf(t, mustGrant(t, "no nonce", h.Token("web", form)).Text("id_token"))["nonce"]; has {
		t.Errorf("nonce %q was never sent to the authorization endpoint", got)
	}
}

func TestIDTokenHint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.User("bob")
	b, anns := signedIn(h, "web", "ann", nil)
	own, others, bobs := anns.Text("id_token"), h.Tokens("other", "ann", nil).Text("id_token"), h.Tokens("web", "bob", nil).Text("id_token")
	h.Advance(20 * time.Minute) // they lived for ten
	for _, c := range []struct{ name, hint, prompt, want string }{
		{"own, expired", own, "", "code"},
		{"own, expired", own, "none", "code"},
		{"own, by another client", others, "none", "code"},
		{"another user's", bobs, "none", "login_required"},
		{"another user's", bobs, "", "sign-in"},
		{"of another issuer", resign(t, h, own, keys.TypeIDToken, map[string]any{"iss": "https://issuer.example"}), "none", "invalid_request"},
		{"of nobody", resign(t, h, own, keys.TypeIDToken, map[string]any{"sub": "nobody"}), "none", "login_required"},
		{"an access token", anns.Text("access_token"), "none", "invalid_request"},
		{"a refresh token", anns.Text("refresh_token"), "none", "invalid_request"},
		{"nonsense", "x.y.z", "", "invalid_request"},
	} {
		p := b.Get(webtest.NewProof().Authorization("web", url.Values{"id_token_hint": {c.hint}, "prompt": {c.prompt}}))
		if got := shows(p); got != c.want {
			t.Errorf("%s, prompt %q: %s, want %s", c.name, c.prompt, got, c.want)
		}
	}
	// Whoever signs in instead must be the one the hint names.
	ask := webtest.NewProof().Authorization("web", url.Values{"id_token_hint": {bobs}})
	if got := shows(b.SignIn(b.Get(ask), "ann")); got != "sign-in" {
		t.Errorf("ann signs in where bob was meant: %s", got)
	}
	if got := shows(b.SignIn(b.Get(ask), "bob")); got != "code" {
		t.Errorf("bob signs in where bob was meant: %s", got)
	}
}
