package resource

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestMetadataURLs(t *testing.T) {
	for issuer, want := range map[string][]string{
		"https://id.example.com": {
			"https://id.example.com/.well-known/oauth-authorization-server",
			"https://id.example.com/.well-known/openid-configuration",
		},
		"https://id.example.com/": {
			"https://id.example.com/.well-known/oauth-authorization-server",
			"https://id.example.com/.well-known/openid-configuration",
		},
		"https://id.example.com/tenant/a": {
			"https://id.example.com/.well-known/oauth-authorization-server/tenant/a",
			"https://id.example.com/tenant/a/.well-known/openid-configuration",
		},
	} {
		u, err := url.Parse(issuer)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, metadataURLs(*u)); diff != "" {
			t.Errorf("%s: %s", issuer, diff)
		}
	}
}

func TestDiscovery(t *testing.T) {
	keys := newIssuer(t, newKey(t, "k1", jose.ES256))
	metadata := func(server, keys string) string { return `{"issuer":"` + server + `","jwks_uri":"` + keys + `/jwks"}` }
	for name, test := range map[string]struct {
		// answers is what is served under each well-known path; the server's own
		// URL stands for {}.
		answers map[string]string
		status  int
		ok      bool
	}{
		"RFC 8414":                {map[string]string{"oauth-authorization-server": metadata("{}", keys.URL)}, 200, true},
		"OpenID Connect":          {map[string]string{"openid-configuration": metadata("{}", keys.URL)}, 200, true},
		"neither":                 {nil, 200, false},
		"the first is broken":     {map[string]string{"oauth-authorization-server": "{", "openid-configuration": metadata("{}", keys.URL)}, 200, false},
		"an error":                {map[string]string{"oauth-authorization-server": metadata("{}", keys.URL)}, 500, false},
		"another issuer":          {map[string]string{"oauth-authorization-server": metadata("https://evil.example.com", keys.URL)}, 200, false},
		"the issuer with a slash": {map[string]string{"oauth-authorization-server": metadata("{}/", keys.URL)}, 200, false},
		"the issuer twice":        {map[string]string{"oauth-authorization-server": `{"issuer":"https://evil.example.com",` + metadata("{}", keys.URL)[1:]}, 200, false},
		"keys over plain http":    {map[string]string{"oauth-authorization-server": metadata("{}", "http://keys.example.com")}, 200, false},
		"keys in a file":          {map[string]string{"oauth-authorization-server": metadata("{}", "file:///etc")}, 200, false},
		"no keys":                 {map[string]string{"oauth-authorization-server": `{"issuer":"{}"}`}, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			var own string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer, known := test.answers[strings.TrimPrefix(r.URL.Path, "/.well-known/")]
				if !known {
					http.NotFound(w, r)
					return
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(strings.ReplaceAll(answer, "{}", own)))
			}))
			defer server.Close()
			own = server.URL
			if _, err := NewVerifier(t.Context(), Config{Issuer: own, Audience: testAudience}); (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSettingsAreCheckedAtTheStart(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	for name, c := range map[string]Config{
		"no issuer":               {Audience: testAudience, JWKSURI: i.URL + "/jwks"},
		"no audience":             {Issuer: i.URL},
		"plain http":              {Issuer: "http://id.example.com", Audience: testAudience, JWKSURI: i.URL + "/jwks"},
		"plain http, look-alike":  {Issuer: "http://localhost.example.com", Audience: testAudience, JWKSURI: i.URL + "/jwks"},
		"an issuer with a query":  {Issuer: i.URL + "?a=b", Audience: testAudience, JWKSURI: i.URL + "/jwks"},
		"an issuer with a user":   {Issuer: "https://user@id.example.com", Audience: testAudience, JWKSURI: i.URL + "/jwks"},
		"keys over plain http":    {Issuer: i.URL, Audience: testAudience, JWKSURI: "http://keys.example.com/jwks"},
		"keys that are not there": {Issuer: i.URL, Audience: testAudience, JWKSURI: i.URL + "/nothing"},
	} {
		if _, err := NewVerifier(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	v, err := NewVerifier(t.Context(), Config{Issuer: i.URL, Audience: testAudience, JWKSURI: i.URL + "/jwks", Now: newClock().Now})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, v, "keys by their address", i.token(t, nil))
}
