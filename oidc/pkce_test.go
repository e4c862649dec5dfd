package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestB5_B6_ChallengeIsRequiredOfEveryClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("spa", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientSPA, storage.AuthMethodNone })
	proof := webtest.NewProof()
	for _, client := range []string{"web", "spa"} {
		for name, change := range map[string]url.Values{
			"no challenge":              {"code_challenge": nil},
			"neither":                   {"code_challenge": nil, "code_challenge_method": nil},
			"plain":                     {"code_challenge": {proof.Verifier}, "code_challenge_method": {"plain"}},
			"no method, which is plain": {"code_challenge_method": nil},
			"lower case":                {"code_challenge_method": {"s256"}},
			"unknown method":            {"code_challenge_method": {"S512"}},
			"too short":                 {"code_challenge": {proof.Challenge[1:]}},
			"too long":                  {"code_challenge": {proof.Challenge + "A"}},
			"not base64url":             {"code_challenge": {strings.Repeat("=", 43)}},
		} {
			got := h.Browser().Authorize(proof, client, "ann", change)
			if got.Get("error") != "invalid_request" || got.Get("code") != "" {
				t.Errorf("%s, %s: %v, want invalid_request", client, name, got)
			}
		}
	}
}

func TestB7_B8_B9_Verifier(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
	exchange := func(verifier []string) webtest.Answer {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}}
		if verifier != nil {
			form["code_verifier"] = verifier
		}
		return h.Token("web", form)
	}
	// B8: the wrong one comes first, then none at all.
	for _, attempt := range []struct {
		name     string
		verifier []string
	}{
		{"wrong", []string{webtest.NewProof().Verifier}},
		{"none after a wrong one", nil},
		{"empty", []string{""}},
		{"the challenge itself", []string{proof.Challenge}},
		{"one byte short of 43", []string{proof.Verifier[:42]}},
		{"129 characters", []string{strings.Repeat("a", 129)}},
		{"longer", []string{proof.Verifier + "A"}},
		{"not ASCII", []string{strings.Repeat("é", 43)}},
		{"another case", []string{strings.ToLower(proof.Verifier)}},
		{"none at the end", nil},
	} {
		mustRefuse(t, attempt.name, exchange(attempt.verifier), http.StatusBadRequest, "invalid_grant")
	}
	mustGrant(t, "the right one", exchange([]string{proof.Verifier}))
}

func TestB9_LongestVerifier(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.Browser()
	for _, verifier := range []string{strings.Repeat("a", 43), strings.Repeat("-._~", 32)} {
		proof := webtest.ProofOf(verifier)
		code := b.Authorize(proof, "web", "ann", nil).Get("code")
		mustGrant(t, verifier, h.Exchange("web", code, proof))
	}
}
