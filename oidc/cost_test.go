package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestAllocations holds the requests that come most often to a number of allocations,
// everything that stands around them included. The ceilings are a fifth above what was
// measured: raise one only with the reason.
func TestAllocations(t *testing.T) {
	h := newHouse(t)
	token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	for _, c := range []struct {
		name, path string
		form       url.Values
		ceiling    float64
	}{
		{"client credentials", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, 200},
		{"introspection", "/oauth2/introspect", url.Values{"token": {token}}, 110},
	} {
		ask := asking(t, h, c.path, c.form)
		allocations := testing.AllocsPerRun(200, ask)
		t.Logf("%s: %.0f allocations", c.name, allocations)
		if allocations > c.ceiling {
			t.Errorf("%s: %.0f allocations; the ceiling is %.0f", c.name, allocations, c.ceiling)
		}
	}
}

// asking is one request of the machine rs, with everything that stands around it.
func asking(t *testing.T, h *webtest.House, path string, form url.Values) func() {
	body := form.Encode()
	return func() {
		r := httptest.NewRequest(http.MethodPost, h.URL+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("rs", webtest.ClientSecret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestTokensCostTheSameInALargeDeployment: what is looked up for a token does not take longer
// the more scopes, resource servers and banned networks there are.
func TestTokensCostTheSameInALargeDeployment(t *testing.T) {
	small, large := newHouse(t), newHouse(t)
	large.World.Exec(`insert into platform.scopes (name, title, needs_acr) select 'thing' || n || ':read', 'Thing', 'phr' from generate_series(1, 3000) n`)
	large.World.Exec(`insert into platform.resources (identifier, scopes, created_at)
		select 'https://api' || n || '.example', array['thing' || n || ':read', 'thing' || n + 1000 || ':read'], now() from generate_series(1, 1000) n`)
	large.World.Exec(`insert into platform.ip_bans (network, created_at) select set_masklen('10.0.0.0'::inet + n * 256, 24)::cidr, now() from generate_series(1, 20000) n`)
	soon(t, "the resources are known", func() bool {
		c, err := large.Store.Catalogue(t.Context())
		return err == nil && len(c.Resources) == 1000
	})
	soon(t, "the bans are known", func() bool {
		banned, err := large.Store.Banned(t.Context(), netip.MustParseAddr("10.1.2.3"), time.Now())
		return err == nil && banned
	})
	least := map[*webtest.House]time.Duration{}
	for range 20 {
		for _, h := range []*webtest.House{small, large} {
			ask := asking(t, h, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
			begun := time.Now()
			for range 20 {
				ask()
			}
			if took := time.Since(begun) / 20; least[h] == 0 || took < least[h] {
				least[h] = took
			}
		}
	}
	t.Logf("%v with few, %v with many", least[small], least[large])
	if least[large] > 2*least[small] {
		t.Errorf("a token takes %v where there are many scopes, resources and bans, and %v where there are few", least[large], least[small])
	}
}
