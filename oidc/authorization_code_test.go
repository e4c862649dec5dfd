package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestB1_ReplayedCodeKillsItsGrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
	tokens := mustGrant(t, "first use", h.Exchange("web", code, proof))
	if !isActive(t, h, tokens.Text("access_token")) {
		t.Fatal("a fresh access token is not active")
	}
	mustRefuse(t, "second use", h.Exchange("web", code, proof), http.StatusBadRequest, "invalid_grant")
	if isActive(t, h, tokens.Text("access_token")) {
		t.Error("the access token outlived the replay of its code")
	}
	mustRefuse(t, "refresh after the replay", refresh(h, "web", tokens.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	if info := userInfo(t, h, tokens.Text("access_token")); info.Status != http.StatusUnauthorized {
		t.Errorf("userinfo after the replay: %d", info.Status)
	}
}

func TestB1_ReplayLongAfterExpiryStillKills(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
	tokens := mustGrant(t, "first use", h.Exchange("web", code, proof))
	h.Advance(5 * time.Minute)
	mustRefuse(t, "late replay", h.Exchange("web", code, proof), http.StatusBadRequest, "invalid_grant")
	if isActive(t, h, tokens.Text("access_token")) {
		t.Error("the access token outlived the late replay of its code")
	}
}

func TestB2_ParallelRedemption(t *testing.T) {
	t.Parallel()
	h := newHouse(t, webtest.Wide)
	replicas := h.Three()
	b := h.Browser()
	for round := range webtest.Rounds(t, 5) {
		proof := webtest.NewProof()
		code := b.Authorize(proof, "web", "ann", nil).Get("code")
		answers := atOnce(100, func(i int) webtest.Answer { return replicas[i%3].Exchange("web", code, proof) })
		var winners []webtest.Answer
		for _, a := range answers {
			if a.Status == http.StatusOK {
				winners = append(winners, a)
				continue
			}
			mustRefuse(t, "loser", a, http.StatusBadRequest, "invalid_grant")
		}
		if len(winners) != 1 {
			t.Fatalf("round %d: %d of 100 redemptions succeeded, want 1", round, len(winners))
		}
		// A code that was presented twice is worth nothing, to the winner either.
		h.Store.CatchUp(t.Context()) // with what the other replica did
		if isActive(t, h, winners[0].Text("access_token")) {
			t.Errorf("round %d: the winner's access token is active", round)
		}
		mustRefuse(t, "the winner's refresh token", refresh(h, "web", winners[0].Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	}
}

// Two alone, many times: now and then both have read the code before either spends it.
func TestB2_TwoAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replicas := []*webtest.House{h, h.Replica()}
	b := h.Browser()
	for round := range 30 {
		proof := webtest.NewProof()
		code := b.Authorize(proof, "web", "ann", nil).Get("code")
		won := 0
		answers := atOnce(2, func(i int) webtest.Answer { return replicas[i].Exchange("web", code, proof) })
		h.Store.CatchUp(t.Context())
		for _, a := range answers {
			if a.Status != http.StatusOK {
				mustRefuse(t, "loser", a, http.StatusBadRequest, "invalid_grant")
				continue
			}
			won++
			if isActive(t, h, a.Text("access_token")) {
				t.Errorf("round %d: the winner's access token is active", round)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d of 2 redemptions succeeded, want 1", round, won)
		}
	}
}

func TestB3_CodeOfAnotherClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
	mustRefuse(t, "another client", h.Exchange("other", code, proof), http.StatusBadRequest, "invalid_grant")
	mustGrant(t, "its own client afterwards", h.Exchange("web", code, proof))
}

func TestB4_ExpiredCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.Browser()
	for _, c := range []struct {
		age  time.Duration
		live bool
	}{{55 * time.Second, true}, {60 * time.Second, false}, {61 * time.Second, false}, {time.Hour, false}} {
		proof := webtest.NewProof()
		code := b.Authorize(proof, "web", "ann", nil).Get("code")
		h.Advance(c.age)
		a := h.Exchange("web", code, proof)
		if c.live {
			mustGrant(t, c.age.String(), a)
			continue
		}
		mustRefuse(t, c.age.String(), a, http.StatusBadRequest, "invalid_grant")
	}
}

func TestA9_RedirectURIAtExchange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
	for name, uri := range map[string][]string{"omitted": nil, "empty": {""}, "another": {"https://app.example/callback2"}, "longer": {webtest.RedirectURI + "/"}} {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {proof.Verifier}}
		if uri != nil {
			form["redirect_uri"] = uri
		}
		mustRefuse(t, name, h.Token("web", form), http.StatusBadRequest, "invalid_grant")
	}
	mustGrant(t, "the same", h.Exchange("web", code, proof))
}

func TestB14_FailedAuthenticationBurnsNoCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
	form := func() url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier}}
	}
	mustRefuse(t, "wrong secret", h.Call("/oauth2/token", "web", "wrong", form()), http.StatusUnauthorized, "invalid_client")
	mustRefuse(t, "no secret", h.Call("/oauth2/token", "web", "", form()), http.StatusUnauthorized, "invalid_client")
	// Nor does anything that is not the code's own client with its own verifier.
	mustRefuse(t, "another client", h.Exchange("other", code, proof), http.StatusBadRequest, "invalid_grant")
	mustRefuse(t, "another verifier", h.Exchange("web", code, webtest.NewProof()), http.StatusBadRequest, "invalid_grant")
	mustGrant(t, "right secret", h.Exchange("web", code, proof))
}

func TestMalformedCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
	other := []byte(code)
	other[len(other)-5] ^= 1
	for name, text := range map[string]string{
		"none": "", "prefix alone": "gth_ac_", "no prefix": code[7:], "cut": code[:len(code)-1], "longer": code + "A", "altered": string(other),
		"refresh prefix": "gth_rt_" + code[7:], "another spelling": code + "=", "line break": code[:20] + "\n" + code[20:], "binary": "gth_ac_\x01\x02",
	} {
		a := h.Exchange("web", text, proof)
		if a.Status != http.StatusBadRequest || a.Text("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	mustGrant(t, "the code itself", h.Exchange("web", code, proof))
}
