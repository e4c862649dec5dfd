package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestClocksApart runs a replica on a machine whose clock is five minutes ahead or behind.
// Nothing of it is seen: a person signs in at either, a code is spent and a family
// rotated across the two, what is revoked or replayed stays dead on both.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	for name, apart := range map[string]time.Duration{"ahead": 5 * time.Minute, "behind": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			wrong := h.Replica(func(c *web.Config, o *postgres.Options) {
				o.Clock = postgres.NewClock(func() time.Time { return time.Now().Add(apart) })
				c.Now = o.Clock.Now
			})
			refresh := func(at *webtest.House, token string) webtest.Answer {
				return at.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
			}
			for _, pair := range [][2]*webtest.House{{h, wrong}, {wrong, h}} {
				one, other := pair[0], pair[1]
				token := must(t, one.Token("rs", url.Values{"grant_type": {"client_credentials"}})).Text("access_token")
				if a := must(t, other.Introspect("rs", token)); a.JSON["active"] != true {
					t.Errorf("a token of the other replica is not active: %s", a.Raw)
				}
				if a := one.Call("/oauth2/revoke", "rs", webtest.ClientSecret, url.Values{"token": {token}}); a.Status != http.StatusOK {
					t.Fatalf("revoke: %d %s", a.Status, a.Raw)
				}
				revoked := time.Now()
				for asked := revoked; isActive(t, other, token); asked = time.Now() {
					if asked.Sub(revoked) > time.Second {
						t.Fatal("revoked on one replica, and active on the other a second later")
					}
				}

				proof := webtest.NewProof()
				code := one.Browser().Authorize(proof, "web", "ann", nil).Get("code")
				first := must(t, other.Exchange("web", code, proof))
				if a := one.Exchange("web", code, proof); a.Status != http.StatusBadRequest {
					t.Errorf("the code a second time: %d %s", a.Status, a.Raw)
				}
				if a := refresh(one, first.Text("refresh_token")); a.Status != http.StatusBadRequest {
					t.Errorf("the family of a code that was replayed: %d %s", a.Status, a.Raw)
				}

				proof = webtest.NewProof()
				code = one.Browser().Authorize(proof, "web", "ann", nil).Get("code")
				first = must(t, one.Exchange("web", code, proof))
				second := must(t, refresh(other, first.Text("refresh_token")))
				third := must(t, refresh(one, second.Text("refresh_token")))
				if a := refresh(other, first.Text("refresh_token")); a.Status != http.StatusBadRequest {
					t.Errorf("a refresh token of the past: %d %s", a.Status, a.Raw)
				}
				if a := refresh(one, third.Text("refresh_token")); a.Status != http.StatusBadRequest {
					t.Errorf("the leaf of a family that was replayed: %d %s", a.Status, a.Raw)
				}
			}
		})
	}
}
