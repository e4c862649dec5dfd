package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const grace = 10 * time.Second

func TestRotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	seen := map[string]bool{tokens.Text("refresh_token"): true}
	current := tokens
	for range 20 {
		h.Advance(time.Hour)
		current = mustGrant(t, "refresh", refresh(h, "web", current.Text("refresh_token"), nil))
		if seen[current.Text("refresh_token")] {
			t.Fatal("a refresh token was issued twice")
		}
		seen[current.Text("refresh_token")] = true
		if !isActive(t, h, current.Text("access_token")) {
			t.Fatal("the access token of a refresh is not active")
		}
	}
	var rows int
	h.World.Get(`select count(*) from platform.grants`, nil, &rows)
	if rows != 1 {
		t.Errorf("twenty refreshes made %d rows", rows)
	}
	before, after := claimsOf(t, tokens.Text("access_token")), claimsOf(t, current.Text("access_token"))
	for _, claim := range []string{"sub", "grant_id", "sid", "client_id", "tenant_id", "auth_time", "acr"} {
		if before[claim] != after[claim] {
			t.Errorf("%s changed at refresh from %v to %v", claim, before[claim], after[claim])
		}
	}
	if before["jti"] == after["jti"] {
		t.Error("two access tokens have one jti")
	}
}

func TestD1_ReuseAfterTheGraceKillsTheFamily(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.Tokens("web", "ann", nil)
	second := mustGrant(t, "rotation", refresh(h, "web", first.Text("refresh_token"), nil))
	h.Advance(grace + time.Second)
	mustRefuse(t, "reuse", refresh(h, "web", first.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	mustRefuse(t, "successor", refresh(h, "web", second.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	for name, a := range map[string]webtest.Answer{"first": first, "second": second} {
		if isActive(t, h, a.Text("access_token")) {
			t.Errorf("the %s access token outlived the theft", name)
		}
	}
}

func TestD1_TwoBehindIsTheftAlsoWithinTheGrace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.Tokens("web", "ann", nil)
	second := mustGrant(t, "rotation", refresh(h, "web", first.Text("refresh_token"), nil))
	third := mustGrant(t, "rotation", refresh(h, "web", second.Text("refresh_token"), nil))
	mustRefuse(t, "two behind", refresh(h, "web", first.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	mustRefuse(t, "the newest", refresh(h, "web", third.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
}

func TestD9_ReuseWithinTheGraceAnswersTheSameSuccessor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.Tokens("web", "ann", nil)
	lost := mustGrant(t, "the answer that was lost", refresh(h, "web", first.Text("refresh_token"), nil))
	h.Advance(grace - 2*time.Second)
	again := mustGrant(t, "asked again", refresh(h.Replica(), "web", first.Text("refresh_token"), nil))
	if again.Text("refresh_token") != lost.Text("refresh_token") {
		t.Error("the successor is not byte-identical")
	}
	if again.Text("access_token") == lost.Text("access_token") {
		t.Error("the access token is not fresh")
	}
	// The second answer was no rotation: it does not prolong the grace, and the
	// successor is still the current one.
	h.Advance(grace)
	mustGrant(t, "the successor", refresh(h, "web", again.Text("refresh_token"), nil))
}

func TestD2_ParallelRefresh(t *testing.T) {
	t.Parallel()
	h := newHouse(t, webtest.Wide)
	replicas, rounds := h.Three(), webtest.Rounds(t, 5)
	current := h.Tokens("web", "ann", nil).Text("refresh_token")
	for round := range rounds {
		answers := atOnce(100, func(i int) webtest.Answer { return refresh(replicas[i%3], "web", current, nil) })
		successors := map[string]int{}
		for _, a := range answers {
			if a.Status == http.StatusOK {
				successors[a.Text("refresh_token")]++
				continue
			}
			mustRefuse(t, "loser", a, http.StatusBadRequest, "invalid_grant")
		}
		if len(successors) != 1 {
			t.Fatalf("round %d: %d refresh tokens came of one", round, len(successors))
		}
		for successor, times := range successors {
			if times != 100 {
				t.Errorf("round %d: %d of 100 were answered within the grace", round, times)
			}
			current = successor
		}
	}
	var generation, rows int
	h.World.Get(`select max(generation), count(*) from platform.grants`, nil, &generation, &rows)
	if generation != rounds || rows != 1 {
		t.Errorf("generation %d in %d rows, want %d in 1", generation, rows, rounds)
	}
}

func TestD3_AnotherClientsRefreshToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	mustRefuse(t, "another client", refresh(h, "other", tokens.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	mustGrant(t, "its own client afterwards", refresh(h, "web", tokens.Text("refresh_token"), nil))
}

func TestD3_ForgedTokenKillsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	token := tokens.Text("refresh_token")
	for i := len("gth_rt_"); i < len(token); i++ {
		altered := []byte(token)
		if altered[i] = 'A'; token[i] == 'A' {
			altered[i] = 'B'
		}
		mustRefuse(t, "altered", refresh(h, "web", string(altered), nil), http.StatusBadRequest, "invalid_grant")
	}
	mustGrant(t, "the token itself", refresh(h, "web", token, nil))
}

func TestD6_AbsoluteAndIdleExpiry(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	idle := h.Tokens("web", "ann", nil)
	kept := h.Tokens("web", "ann", nil)
	const day = 24 * time.Hour
	for age := 13 * day; age < 90*day; age += 13 * day {
		h.Advance(13 * day)
		kept = mustGrant(t, age.String(), refresh(h, "web", kept.Text("refresh_token"), nil))
		if age == 26*day {
			mustRefuse(t, "idle for longer than 14 days", refresh(h, "web", idle.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
		}
	}
	// 78 days by now, refreshed a moment ago; the chain ends at 90.
	h.Advance(12*day - time.Minute)
	kept = mustGrant(t, "90 days less a minute", refresh(h, "web", kept.Text("refresh_token"), nil))
	h.Advance(time.Minute)
	mustRefuse(t, "90 days", refresh(h, "web", kept.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	if introspected := h.Introspect("web", kept.Text("refresh_token")); introspected.Raw != inactive {
		t.Errorf("an expired refresh token is %s", introspected.Raw)
	}
}

func TestD7_NotIssued(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("short", func(c *storage.Client) { c.GrantTypes = []string{storage.GrantAuthorizationCode} })
	h.Client("narrow", func(c *storage.Client) { c.Scopes = c.Scopes[:3] })
	for name, tokens := range map[string]webtest.Answer{
		"without offline_access":                     h.Tokens("web", "ann", url.Values{"scope": {"openid profile"}}),
		"to a client without the grant type":         h.Tokens("short", "ann", nil),
		"to a client that may not ask for the scope": h.Tokens("narrow", "ann", nil),
	} {
		if tokens.Text("refresh_token") != "" {
			t.Errorf("a refresh token was issued %s", name)
		}
	}
}

func TestC14_ScopeAtRefresh(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", url.Values{"scope": {"openid offline_access user"}})
	for _, more := range []string{"openid offline_access user admin", "agents:read", "email", "*", "user billing"} {
		mustRefuse(t, more, refresh(h, "web", tokens.Text("refresh_token"), url.Values{"scope": {more}}), http.StatusBadRequest, "invalid_scope")
	}
	mustRefuse(t, "malformed", refresh(h, "web", tokens.Text("refresh_token"), url.Values{"scope": {"a\"b"}}), http.StatusBadRequest, "invalid_scope")
	narrowed := mustGrant(t, "narrowed", refresh(h, "web", tokens.Text("refresh_token"), url.Values{"scope": {"user"}}))
	if narrowed.Text("scope") != "user" || claimsOf(t, narrowed.Text("access_token"))["scope"] != "user" {
		t.Errorf("narrowed to user: %s", narrowed.Raw)
	}
	if got := h.Introspect("rs", narrowed.Text("access_token")).Text("scope"); got != "user" {
		t.Errorf("introspection of the narrowed token says %q", got)
	}
	// RFC 6749 §6: the refresh token keeps the scope of the grant.
	again := mustGrant(t, "all again", refresh(h, "web", narrowed.Text("refresh_token"), nil))
	if again.Text("scope") != "openid offline_access user" {
		t.Errorf("after narrowing once, the grant has %q", again.Text("scope"))
	}
	mustRefuse(t, "more, after narrowing", refresh(h, "web", again.Text("refresh_token"), url.Values{"scope": {"user admin"}}), http.StatusBadRequest, "invalid_scope")
}

func TestIDTokenAtRefreshIsForThoseRegistered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("eager", func(c *storage.Client) { c.IDTokenAtRefresh = true })
	plain := h.Tokens("web", "ann", nil)
	if a := mustGrant(t, "plain", refresh(h, "web", plain.Text("refresh_token"), nil)); a.Text("id_token") != "" {
		t.Error("an ID token came without being registered for")
	}
	eager := h.Tokens("eager", "ann", nil)
	h.Advance(2 * time.Second)
	a := mustGrant(t, "eager", refresh(h, "eager", eager.Text("refresh_token"), url.Values{"nonce": {"of the caller"}}))
	before, after := claimsOf(t, eager.Text("id_token")), claimsOf(t, a.Text("id_token"))
	// OpenID Connect Core §12.2.
	for _, claim := range []string{"iss", "sub", "aud", "auth_time", "sid"} {
		if before[claim] != after[claim] {
			t.Errorf("%s changed from %v to %v", claim, before[claim], after[claim])
		}
	}
	if after["iat"].(float64) <= before["iat"].(float64) {
		t.Error("iat does not say when the new ID token was issued")
	}
	if nonce, has := after["nonce"]; has && nonce != before["nonce"] {
		t.Errorf("the nonce of the refreshed ID token is %v", nonce)
	}
	if a := mustGrant(t, "without openid", refresh(h, "eager", a.Text("refresh_token"), url.Values{"scope": {"user"}})); a.Text("id_token") != "" {
		t.Error("an ID token came without openid")
	}
}
