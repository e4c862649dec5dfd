package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestO10_PoolStarvation: while both connections that there are wait for a lock, whoever
// needs one is told after two seconds to come again, what needs none is answered as ever,
// and those who had them get their answers.
func TestO10_PoolStarvation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(_ *web.Config, o *postgres.Options) { o.MaxConns = 2 })
	tokens := []string{h.Tokens("web", "ann", nil).Text("refresh_token"), h.Tokens("web", "ann", nil).Text("refresh_token"), h.Tokens("web", "ann", nil).Text("refresh_token")}
	known := mustGrant(t, "token", h.Token("rs", url.Values{"grant_type": {"client_credentials"}})).Text("access_token")
	h.World.Exec(`begin`)
	h.World.Exec(`lock table platform.grants`)
	held := make(chan webtest.Answer, 2)
	for _, token := range tokens[:2] {
		go func() { held <- refresh(h, "web", token, nil) }()
	}
	for begun := time.Now(); h.Store.Figures().InUse < 2; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			t.Fatal("the connections are not taken")
		}
	}
	waited := make([]time.Duration, 20)
	starved := make(chan []webtest.Answer)
	go func() {
		starved <- atOnce(len(waited), func(i int) webtest.Answer {
			begun := time.Now()
			a := refresh(h, "web", tokens[2], nil)
			waited[i] = time.Since(begun)
			return a
		})
	}()
	// Both connections are held until the end: whoever needs one is refused.
	took := make([]time.Duration, 9)
	for i := range took {
		begun := time.Now()
		if a := h.Introspect("rs", known); a.JSON["active"] != true {
			t.Errorf("introspection without a connection: %d %s", a.Status, a.Raw)
		}
		mustGrant(t, "a token without a connection", h.Token("rs", url.Values{"grant_type": {"client_credentials"}}))
		took[i] = time.Since(begun)
	}
	if slices.Sort(took); took[len(took)/2] > time.Second {
		t.Errorf("what needs no connection took %v at the median", took[len(took)/2])
	}
	for _, a := range <-starved {
		mustRefuse(t, "without a connection", a, http.StatusServiceUnavailable, "temporarily_unavailable")
		if a.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
	slices.Sort(waited)
	if median := waited[len(waited)/2]; waited[0] < 1500*time.Millisecond || median > 4*time.Second || waited[len(waited)-1] > 10*time.Second {
		t.Errorf("twenty who waited for a connection were told after %v at the least, %v at the median and %v at the most, want two seconds", waited[0], median, waited[len(waited)-1])
	}
	h.World.Exec(`rollback`)
	for range 2 {
		mustGrant(t, "with a connection", <-held)
	}
}
