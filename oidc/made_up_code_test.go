package oidc_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
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

func TestB11_GuessedCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	answers := map[int]int{}
	for i := range 1000 {
		guess := make([]byte, 48)
		_, _ = rand.Read(guess)
		if i%2 == 0 { // the id of a grant is no secret: half of them have the form of one
			id := authz.NewID[authz.GrantID](h.Now())
			copy(guess, id[:])
		}
		answers[h.Exchange("web", "gth_ac_"+base64.RawURLEncoding.EncodeToString(guess), proof).Status]++
	}
	if answers[http.StatusBadRequest] > 70 || answers[http.StatusTooManyRequests] < 900 || len(answers) != 2 {
		t.Errorf("a thousand guesses were answered with %v", answers)
	}
	h.Advance(61e9)
	if a := h.Exchange("web", h.Browser().Authorize(proof, "web", "ann", nil).Get("code"), proof); a.Status != http.StatusOK {
		t.Errorf("a minute later: %d %s", a.Status, a.Raw)
	}
}
