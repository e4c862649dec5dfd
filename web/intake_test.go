package web_test

import (
	"compress/gzip"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// takesForms are the endpoints that clients post forms to.
var takesForms = []string{"/oauth2/token", "/oauth2/par", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/device_authorization"}

// TestO3_EncryptedTokensCostNothing: we decrypt nothing that is sent to us, so a
// header that asks for two thousand million rounds of PBKDF2 is not obeyed anywhere.
func TestO3_EncryptedTokensCostNothing(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	for id, algorithm := range map[string]string{"desk": "ES256", "till": ""} {
		_, set := newForeignKey(t, "ES256", "sig")
		h.Client(id, func(c *storage.Client) {
			c.RedirectURIs, c.GrantTypes, c.JWKS = nil, []string{storage.GrantCIBA}, set
			c.Metadata.BackChannelDelivery, c.Metadata.BackChannelRequestAlg = "poll", algorithm
		})
	}
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, header := range map[string]string{
		"PBES2":         `{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":2147483647,"p2s":"c2FsdHNhbHQ"}`,
		"compressed":    `{"alg":"dir","enc":"A256GCM","zip":"DEF"}`,
		"a nested JWT":  `{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`,
		"PBES2 and JWS": `{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","typ":"at+jwt","p2c":2147483647}`,
	} {
		sealed := strings.Join([]string{part(header), part("key"), part("iv"), part(strings.Repeat("x", 200)), part("tag")}, ".")
		doors := map[string]func() int{
			"userinfo": func() int {
				r, _ := http.NewRequest(http.MethodGet, h.Socket()+"/oauth2/userinfo", nil)
				r.Header.Set("Authorization", "Bearer "+sealed)
				return h.Send(r).Status
			},
			"client assertion": func() int {
				return h.Call("/oauth2/token", "", "", url.Values{"grant_type": {"client_credentials"}, "client_assertion": {sealed},
					"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}).Status
			},
			"request object": func() int {
				return h.Call("/oauth2/par", "web", webtest.ClientSecret, url.Values{"client_id": {"web"}, "request": {sealed}}).Status
			},
			"backchannel request": func() int {
				return h.Call("/oauth2/bc-authorize", "desk", webtest.ClientSecret, url.Values{"request": {sealed}}).Status
			},
			"hint of a backchannel request": func() int {
				return h.Call("/oauth2/bc-authorize", "till", webtest.ClientSecret, url.Values{"scope": {"openid"}, "id_token_hint": {sealed}}).Status
			},
			"subject token": func() int {
				return h.Token("web", url.Values{"grant_type": {storage.GrantTokenExchange}, "subject_token": {sealed},
					"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}}).Status
			},
			"logout hint": func() int {
				return get(h.Browser(), h.Socket()+"/oauth2/logout?id_token_hint="+sealed, nil).StatusCode
			},
		}
		for door, try := range doors {
			// The least of five, and of more while others use the machine: that does not count as work.
			least := time.Hour
			for n := 0; n < 5 || n < 50 && least > 50*time.Millisecond; n++ {
				begun := time.Now()
				// A logout with a hint of no worth asks the person; everything else is refused.
				if status := try(); (status < 400 || status > 401) && door != "logout hint" {
					t.Errorf("%s as %s: %d", name, door, status)
				}
				least = min(least, time.Since(begun))
			}
			// What the header asks for takes minutes, and the whole request a few milliseconds.
			if least > 50*time.Millisecond {
				t.Errorf("%s as %s: looked at for %v", name, door, least)
			}
		}
		if a := h.Introspect("rs", sealed); a.Status != http.StatusOK || a.Raw != `{"active":false}` {
			t.Errorf("%s at introspection: %d %s", name, a.Status, a.Raw)
		}
	}
}

func TestO8_OtherBodiesAreRefused(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Client("web")
	send := func(path, media, encoding, body string) webtest.Answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("web", webtest.ClientSecret)
		r.Header.Set("Content-Type", media)
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		return h.Send(r)
	}
	const form = "application/x-www-form-urlencoded"
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("grant_type=client_credentials&token=x&client_id=web"))
	_ = z.Close()
	for _, path := range takesForms {
		for name, a := range map[string]webtest.Answer{
			"multipart":     send(path, "multipart/form-data; boundary=x", "", "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--\r\n"),
			"JSON":          send(path, "application/json", "", `{"grant_type":"client_credentials"}`),
			"no type":       send(path, "", "", "grant_type=client_credentials"),
			"gzip":          send(path, form, "gzip", packed.String()),
			"said identity": send(path, form, "identity", "grant_type=client_credentials"),
		} {
			if a.Status != http.StatusBadRequest || a.Text("error") != "invalid_request" {
				t.Errorf("%s at %s: %d %s", name, path, a.Status, a.Raw)
			}
		}
	}
}

// TestO11_NamesAreOnlyNames: a parameter's name is no path into anything.
func TestO11_NamesAreOnlyNames(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Machine("robot")
	plain := h.Token("robot", url.Values{"grant_type": {"client_credentials"}})
	for _, name := range []string{"a[999999999]", "a[999999999].b[999999999]", "a.999999999.b", "scope[0]", "grant_type[]", "__proto__", "a[b][c][d]"} {
		least := time.Hour
		for n := 0; n < 2 || n < 50 && least > 50*time.Millisecond; n++ {
			begun := time.Now()
			a := h.Token("robot", url.Values{"grant_type": {"client_credentials"}, name: {"1"}})
			if a.Status != http.StatusOK || a.Text("scope") != plain.Text("scope") {
				t.Fatalf("%s: %d %s", name, a.Status, a.Raw)
			}
			least = min(least, time.Since(begun))
		}
		if least > 50*time.Millisecond {
			t.Errorf("%s took %v", name, least)
		}
	}
	many := url.Values{"grant_type": {"client_credentials"}}
	for _, name := range strings.Fields(strings.Repeat("a b c d e f g h ", 20)) {
		many.Set(name+strings.Repeat("x", len(many)), "1")
	}
	if a := h.Token("robot", many); a.Status != http.StatusBadRequest {
		t.Errorf("%d parameters: %d %s", len(many), a.Status, a.Raw)
	}
}

// TestP7_NothingToLookInsideWith: profiles and metrics are on the operators' listener alone.
func TestP7_NothingToLookInsideWith(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	b := h.Browser()
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1", "/debug/vars", "/metrics", "/api/v1/metrics",
		"/actuator/health", "/server-status", "/.git/config", "/console/debug", "//debug/pprof/", "/login/../debug/pprof/"} {
		if p := b.Get(h.URL + path); p.StatusCode != http.StatusNotFound && p.Request.URL.Path != "/login" && p.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d at %s", path, p.StatusCode, p.Request.URL)
		}
	}
}

// TestP8_LinesAreOurs: whatever a caller sends stays within the one line of its
// request, and no field of that line is of their making.
func TestP8_LinesAreOurs(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Client("web")
	b := h.Browser()
	const forged = "level=ERROR msg=forged"
	for _, path := range []string{"/x%0a" + url.PathEscape(forged), "/x%0d%0a" + url.PathEscape(forged), "/x%e2%80%a8" + url.PathEscape(forged), `/x%22%20` + url.PathEscape(forged)} {
		get(b, h.URL+path, http.Header{"User-Agent": {"curl\t" + forged}, "X-Request-Id": {forged}})
	}
	h.Call("/oauth2/token", "web\n"+forged, "x\n"+forged, url.Values{"grant_type": {"client_credentials"}, "scope": {"a\n" + forged}})
	h.Token("web", url.Values{"grant_type": {"x\n" + forged}})
	b.PostRaw("/login", url.Values{"username": {"ann\n" + forged}, "password": {"x"}}, nil)
	lines := strings.Split(strings.TrimSpace(h.Log.String()), "\n")
	if n := len(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.Contains(l, "msg=request ") })); n < 7 {
		t.Fatalf("%d requests were logged:\n%s", n, h.Log)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "time=") || strings.Contains(line, " "+forged) && !strings.Contains(line, `path="`) {
			t.Errorf("a line of somebody else's: %q", line)
		}
		if strings.ContainsRune(line, '\u2028') || strings.ContainsRune(line, '\r') {
			t.Errorf("a line within a line: %q", line)
		}
	}
}
