package oidc_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// E8: guessing ends for the one who guesses, at one client, and for nobody else.
func TestE8_GuessedSecrets(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *web.Config, _ *postgres.Options) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	})
	h.Machine("robot")
	ask := func(from, client, secret string) webtest.Answer {
		t.Helper()
		body := url.Values{"grant_type": {"client_credentials"}}.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+"/oauth2/token", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", from)
		r.SetBasicAuth(client, secret)
		return h.Send(r)
	}
	const guesser, other = "192.0.2.7", "192.0.2.8"
	refused := map[int]int{}
	for range 500 {
		refused[ask(guesser, "robot", "gth_cs_wrong").Status]++
	}
	if refused[http.StatusUnauthorized] > 12 || refused[http.StatusTooManyRequests] < 488 {
		t.Errorf("five hundred guesses were answered with %v", refused)
	}
	if a := ask(guesser, "robot", webtest.ClientSecret); a.Status != http.StatusTooManyRequests {
		t.Errorf("the right secret after too many wrong ones: %d %s", a.Status, a.Raw)
	}
	if a := ask(other, "robot", webtest.ClientSecret); a.Status != http.StatusOK {
		t.Errorf("the client from elsewhere: %d %s", a.Status, a.Raw)
	}
	if a := ask(guesser, "rs", webtest.ClientSecret); a.Status != http.StatusOK {
		t.Errorf("another client from there: %d %s", a.Status, a.Raw)
	}
	h.Advance(2 * time.Minute)
	if a := ask(guesser, "robot", webtest.ClientSecret); a.Status != http.StatusOK {
		t.Errorf("later: %d %s", a.Status, a.Raw)
	}
}
