package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

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
		{"client credentials", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, 230},
		{"introspection", "/oauth2/introspect", url.Values{"token": {token}}, 122},
	} {
		body := c.form.Encode()
		allocations := testing.AllocsPerRun(200, func() {
			r := httptest.NewRequest(http.MethodPost, h.URL+c.path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("rs", webtest.ClientSecret)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", c.name, w.Code, w.Body)
			}
		})
		t.Logf("%s: %.0f allocations", c.name, allocations)
		if allocations > c.ceiling {
			t.Errorf("%s: %.0f allocations; the ceiling is %.0f", c.name, allocations, c.ceiling)
		}
	}
}
