package oidc_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// Codes carry 32 bytes of a system's randomness: no two are alike, and every bit is
// as often set as not.
func TestB11_CodesAreRandom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, proof := h.Browser(), webtest.NewProof()
	const codes, secret = 200, 32
	seen := map[string]bool{}
	var set [secret * 8]int
	for range codes {
		code := b.Authorize(proof, "web", "ann", nil).Get("code")
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(code, "gth_ac_"))
		noError(t, err)
		random := raw[len(raw)-secret:]
		if len(raw) < secret || seen[string(random)] {
			t.Fatalf("%q came twice or is too short", code)
		}
		seen[string(random)] = true
		for i := range set {
			set[i] += int(random[i/8] >> (i % 8) & 1)
		}
	}
	for i, n := range set {
		// Six standard deviations of a fair coin: once in half a billion bits.
		if off := float64(n) - codes/2; off*off > 36*codes/4 {
			t.Errorf("bit %d is set in %d of %d codes", i, n, codes)
		}
	}
}

// Guessing ends for who guesses at a public client. A confidential one sends codes for
// everybody from one address: nobody can have it shut out.
func TestB11_GuessedCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("spa", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientSPA, storage.AuthMethodNone })
	proof := webtest.NewProof()
	guess := func(client, secret string, i int) int {
		code := make([]byte, 48)
		_, _ = rand.Read(code)
		if i%2 == 0 { // the id of a grant is no secret: half of them have the form of one
			id := authz.NewID[authz.GrantID](h.Now())
			copy(code, id[:])
		}
		return h.Call("/oauth2/token", client, secret, url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {webtest.RedirectURI},
			"code": {"gth_ac_" + base64.RawURLEncoding.EncodeToString(code)}, "code_verifier": {proof.Verifier}, "client_id": {client}}).Status
	}
	answers, ofConfidential := map[int]int{}, map[int]int{}
	begun := time.Now()
	for i := range 1000 {
		answers[guess("spa", "", i)]++
	}
	// Sixty at once, and one more for each second that it took.
	most := 62 + int(time.Since(begun).Seconds())
	if answers[http.StatusBadRequest] > most || answers[http.StatusTooManyRequests] != 1000-answers[http.StatusBadRequest] {
		t.Errorf("a thousand guesses were answered with %v", answers)
	}
	for i := range 200 {
		ofConfidential[guess("web", webtest.ClientSecret, i)]++
	}
	if ofConfidential[http.StatusBadRequest] != 200 {
		t.Errorf("codes that others had a client send were answered with %v", ofConfidential)
	}
	if a := h.Exchange("web", h.Browser().Authorize(proof, "web", "ann", nil).Get("code"), proof); a.Status != http.StatusOK {
		t.Errorf("a person of that client meanwhile: %d %s", a.Status, a.Raw)
	}
	h.Advance(61e9)
	if status := guess("spa", "", 0); status != http.StatusBadRequest {
		t.Errorf("a minute later: %d", status)
	}
}
