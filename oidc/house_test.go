package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// newHouse is a deployment with a user "ann", a client "web" that she may use, a
// second one "other", and a resource server "rs" that may introspect.
func newHouse(t testing.TB, options ...webtest.Option) *webtest.House {
	t.Helper()
	h := webtest.Boot(t, options...)
	h.User("ann")
	h.Client("web")
	h.Client("other")
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	return h
}

// atOnce calls do n times as nearly at the same time as can be.
func atOnce(n int, do func(i int) webtest.Answer) []webtest.Answer {
	answers := make([]webtest.Answer, n)
	begin := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-begin
			answers[i] = do(i)
		})
	}
	close(begin)
	done.Wait()
	return answers
}

// refresh presents a refresh token.
func refresh(h *webtest.House, client, token string, more url.Values) webtest.Answer {
	h.T.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for name, values := range more {
		form[name] = values
	}
	return h.Token(client, form)
}

// mustRefuse is an OAuth error of exactly this status and code, and no token.
func mustRefuse(t testing.TB, what string, a webtest.Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Text("error") != code || a.Text("access_token") != "" {
		t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Raw, status, code)
	}
}

// mustGrant is a successful answer of the token endpoint.
func mustGrant(t testing.TB, what string, a webtest.Answer) webtest.Answer {
	t.Helper()
	if a.Status != http.StatusOK || a.Text("access_token") == "" {
		t.Fatalf("%s: %d %s, want tokens", what, a.Status, a.Raw)
	}
	return a
}

const inactive = `{"active":false}`

// isActive asks the resource server's question.
func isActive(t testing.TB, h *webtest.House, token string) bool {
	t.Helper()
	a := h.Introspect("rs", token)
	switch {
	case a.Status == http.StatusOK && a.Raw == inactive:
		return false
	case a.Status == http.StatusOK && a.JSON["active"] == true:
		return true
	}
	t.Fatalf("introspection: %d %s", a.Status, a.Raw)
	return false
}

// userInfo presents an access token at the UserInfo endpoint.
func userInfo(t testing.TB, h *webtest.House, token string) webtest.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Socket()+"/oauth2/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return h.Send(r)
}

// claimsOf reads the payload of a JWT without proving anything.
func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	var claims map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatalf("payload of %q: %v", token, err)
	}
	return claims
}

// soon waits for what travels to a replica by a notification.
func soon(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within half a minute", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
