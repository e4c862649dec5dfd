package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// listener is a client's back-channel logout endpoint; it answers with the statuses
// given, one after the other, and then with 204.
func listener(t *testing.T, statuses ...int) (address string, heard chan string) {
	t.Helper()
	heard = make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard <- r.PostFormValue("logout_token")
		status := http.StatusNoContent
		if len(statuses) > 0 {
			status, statuses = statuses[0], statuses[1:]
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/logout", heard
}

func hear(t *testing.T, heard chan string) string {
	t.Helper()
	select {
	case token := <-heard:
		return token
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was told")
		return ""
	}
}

// OpenID Connect Back-Channel Logout 1.0: each client of the session that asked for
// it is told, whichever way the session ends.
func TestBackChannelLogout(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	h.Work()
	address, heard := listener(t)
	elsewhere, others := listener(t)
	h.Client("told", func(c *storage.Client) {
		c.Metadata.BackChannelLogoutURI, c.PostLogoutRedirectURIs = address, []string{"https://app.example/bye"}
	})
	h.Client("unused", func(c *storage.Client) { c.Metadata.BackChannelLogoutURI = elsewhere })
	for name, end := range map[string]func(b *webtest.Browser, id string){
		"the client signs out": func(b *webtest.Browser, id string) {
			b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {"https://app.example/bye"}}.Encode())
		},
		"another device ends it": func(_ *webtest.Browser, id string) {
			h.World.Exec(`insert into platform.revoked_tokens (jti, user_id, reason, revoked_at, expires_at)
				select token_jti::text, user_id, 'test', now(), now() + interval '1 hour' from platform.user_sessions where token_jti = $1::uuid`, claimsOf(t, id)["sid"])
		},
	} {
		proof := webtest.NewProof()
		b := h.Browser()
		code := b.Authorize(proof, "told", "ann", nil).Get("code")
		id := h.Exchange("told", code, proof).Text("id_token")
		end(b, id)
		token := hear(t, heard)
		c, of := openToken(t, h, token, keys.TypeLogoutToken), claimsOf(t, id)
		events, _ := c["events"].(map[string]any)
		if c["iss"] != h.URL || c["aud"] != "told" || c["sub"] != of["sub"] || c["sid"] != of["sid"] || c["jti"] == nil || c["iat"] == nil || c["exp"] == nil || c["nonce"] != nil {
			t.Errorf("%s: the token says %v", name, c)
		}
		if _, present := events["http://schemas.openid.net/event/backchannel-logout"]; !present || headerOf(t, token)["typ"] != "logout+jwt" {
			t.Errorf("%s: events %v, header %v", name, events, headerOf(t, token))
		}
	}
	select {
	case token := <-others:
		t.Errorf("a client that nobody signed in to was told: %s", token)
	case token := <-heard:
		t.Errorf("told twice: %s", token)
	case <-time.After(300 * time.Millisecond):
	}
}

// N5: telling happens behind the request, is tried again, and never reaches inside.
func TestN5_BackChannelLogoutIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	h.Work()
	address, heard := listener(t, http.StatusInternalServerError)
	h.Client("told", func(c *storage.Client) { c.Metadata.BackChannelLogoutURI = address })
	b, _ := signedIn(h, "told", "ann", nil)
	began := time.Now()
	p := b.Get("/oauth2/logout")
	b.Press(p, "confirm-sign-out", nil)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("signing out took %v", took)
	}
	first, second := hear(t, heard), hear(t, heard)
	if first == second {
		t.Error("the same token was sent again: it may have expired by then")
	}
	for _, token := range []string{first, second} {
		if typ := headerOf(t, token)["typ"]; typ != "logout+jwt" {
			t.Errorf("the token is a %v", typ)
		}
	}
	if tries := strings.TrimSpace(h.World.Text(`select max_attempts >= 3 from river.river_job where kind = 'backchannel_logout'`)); tries != "(t)" {
		t.Errorf("it is not tried three times: %s", tries)
	}
}

func TestN5_BackChannelLogoutStaysOutside(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	address, heard := listener(t)
	h.Client("inside", func(c *storage.Client) { c.Metadata.BackChannelLogoutURI = address })
	h.Work()
	b, _ := signedIn(h, "inside", "ann", nil)
	b.Press(b.Get("/oauth2/logout"), "confirm-sign-out", nil)
	soon(t, "the job fails", func() bool {
		return h.World.Text(`select 1 from river.river_job where kind = 'backchannel_logout' and array_length(errors, 1) > 0`) != ""
	})
	if len(heard) != 0 {
		t.Error("an address inside was reached")
	}
}
