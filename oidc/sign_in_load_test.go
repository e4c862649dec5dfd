package oidc_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestSignInsAreNotFelt: a sign-in costs an argon2id hash, and two hundred at once are
// many; whoever checks tokens meanwhile waits hardly longer. It is not parallel.
func TestSignInsAreNotFelt(t *testing.T) {
	h := newHouse(t, func(c *web.Config, _ *postgres.Options) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	introspections := func(until func(n int) bool) (p99 time.Duration) {
		var took []time.Duration
		for !until(len(took)) {
			begun := time.Now()
			must(t, h.Introspect("rs", token))
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		t.Logf("%d introspections: %v at the median, %v at p99", len(took), took[len(took)/2], took[len(took)*99/100])
		return took[len(took)*99/100]
	}
	alone := introspections(func(n int) bool { return n == 300 })

	type attempt struct {
		browser *webtest.Browser
		form    webtest.Form
	}
	attempts := make([]attempt, 200)
	for i := range attempts {
		h.User(fmt.Sprintf("person-%d", i))
		b := h.Browser()
		attempts[i] = attempt{b, b.Get("/login").Form(t, "sign-in", url.Values{"username": {fmt.Sprintf("person-%d", i)}, "password": {webtest.Password}})}
	}
	var hashed, refused atomic.Int64
	var measured atomic.Bool
	var wg sync.WaitGroup
	for i, a := range attempts {
		// From many addresses: one alone would be asked to wait.
		from := http.Header{"X-Forwarded-For": {fmt.Sprintf("192.0.2.%d", i)}}
		wg.Go(func() {
			for ; !measured.Load(); time.Sleep(time.Second) { // who is asked to wait does so, and comes again
				switch a.browser.PostRaw(a.form.Action, a.form.Values, from).StatusCode {
				case http.StatusSeeOther, http.StatusFound:
					hashed.Add(1)
					return
				}
				refused.Add(1)
			}
		})
	}
	begun := time.Now()
	beside := introspections(func(n int) bool { return n >= 500 && hashed.Load() >= 10 || time.Since(begun) > time.Minute })
	measured.Store(true)
	wg.Wait()
	t.Logf("%d signed in, %d were asked to wait", hashed.Load(), refused.Load())
	if hashed.Load() < 10 {
		t.Errorf("%d have signed in: too few to be felt", hashed.Load())
	}
	// On a machine that others load as well, what it takes alone counts too; and under the
	// race detector everything takes several times as long, the hashes most.
	if limit := max(100*time.Millisecond*slowness, 5*alone); beside > limit {
		t.Errorf("introspection takes %v at p99 beside sign-ins and %v alone; want at most %v", beside, alone, limit)
	}
}
