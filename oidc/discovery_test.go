package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// document reads the discovery document.
func document(t testing.TB, h *webtest.House) map[string]any {
	t.Helper()
	var d map[string]any
	noError(t, json.Unmarshal(h.Browser().Get("/.well-known/openid-configuration").Body, &d))
	return d
}

// listed is a member of the document that is a list.
func listed(t testing.TB, d map[string]any, name string) []string {
	t.Helper()
	values, ok := d[name].([]any)
	if !ok || len(values) == 0 {
		t.Fatalf("%s is %v, want a list", name, d[name])
	}
	var all []string
	for _, v := range values {
		all = append(all, v.(string))
	}
	return all
}

func TestDiscoveryAtBothAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.Browser().Get("/.well-known/openid-configuration"), h.Browser().Get("/.well-known/oauth-authorization-server")
	if string(one.Body) != string(two.Body) {
		t.Error("the two documents differ")
	}
	for _, p := range []*webtest.Page{one, two} {
		if p.Header.Get("Content-Type") != "application/json" || p.StatusCode != http.StatusOK {
			t.Errorf("%d %s", p.StatusCode, p.Header.Get("Content-Type"))
		}
	}
	d := document(t, h)
	if d["issuer"] != h.URL {
		t.Errorf("issuer is %v, want %s", d["issuer"], h.URL)
	}
	// H12: nothing a caller says about where they are changes the document.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Socket()+"/.well-known/openid-configuration", nil)
	noError(t, err)
	r.Host = "evil.example"
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Host"} {
		r.Header.Set(name, "evil.example")
	}
	if a := h.Send(r); a.Raw != string(one.Body) {
		t.Errorf("the document follows the Host header: %s", a.Raw)
	}
}

func TestDiscoveryEveryEndpointAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, value := range document(t, h) {
		address, isText := value.(string)
		if !isText || name == "issuer" {
			continue
		}
		path, ours := strings.CutPrefix(address, h.URL)
		if !ours {
			t.Errorf("%s leads to %s", name, address)
			continue
		}
		if name == "grant_management_endpoint" {
			path += "/id"
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, h.Socket()+path, nil)
		noError(t, err)
		if a := h.Send(r); a.Status != http.StatusNoContent && a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: there is nothing at %s (%d)", name, path, a.Status)
		}
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "introspection_endpoint",
		"revocation_endpoint", "pushed_authorization_request_endpoint", "end_session_endpoint"} {
		if document(t, h)[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestDiscoveryAuthorizationIsTrue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := document(t, h)
	b, _ := signedIn(h, "web", "ann", url.Values{"scope": {"openid profile email phone address offline_access user agents:read"}})
	ask := func(change url.Values) string { return shows(b.Get(webtest.NewProof().Authorization("web", change))) }
	for _, v := range listed(t, d, "response_types_supported") {
		if got := ask(url.Values{"response_type": {v}}); got != "code" {
			t.Errorf("response_type %s: %s", v, got)
		}
	}
	for _, v := range listed(t, d, "code_challenge_methods_supported") {
		if got := ask(url.Values{"code_challenge_method": {v}}); got != "code" {
			t.Errorf("code_challenge_method %s: %s", v, got)
		}
	}
	for _, v := range listed(t, d, "response_modes_supported") {
		p := b.Get(webtest.NewProof().Authorization("web", url.Values{"response_mode": {v}}))
		if p.Left == nil && !strings.Contains(string(p.Body), `id="form-post"`) {
			t.Errorf("response_mode %s: %s", v, p.Status)
		}
	}
	for _, v := range listed(t, d, "prompt_values_supported") {
		if got := ask(url.Values{"prompt": {v}}); got == "invalid_request" {
			t.Errorf("prompt %s: %s", v, got)
		}
	}
	for _, v := range listed(t, d, "scopes_supported") {
		if got := ask(url.Values{"scope": {v}}); got != "code" {
			t.Errorf("scope %s: %s", v, got)
		}
	}
	// What is said not to be supported is refused, not ignored.
	for parameter, code := range map[string]string{"request": "invalid_request_object", "request_uri": "request_uri_not_supported", "registration": "registration_not_supported"} {
		if got := ask(url.Values{parameter: {"https://app.example/x"}}); got != code {
			t.Errorf("%s: %s, want %s", parameter, got, code)
		}
	}
	if d["authorization_response_iss_parameter_supported"] != true {
		t.Error("RFC 9207 is not announced")
	}
}

func TestDiscoveryAuthenticationIsTrue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := document(t, h)
	all := signingKeys(t)
	for _, method := range listed(t, d, "token_endpoint_auth_methods_supported") {
		h.Client(method, func(c *storage.Client) { c.AuthMethod, c.JWKS = method, all[0].jwks(t) })
	}
	for _, endpoint := range []string{"token", "introspection", "revocation"} {
		address, _ := d[endpoint+"_endpoint"].(string)
		path := strings.TrimPrefix(address, h.URL)
		for _, method := range listed(t, d, endpoint+"_endpoint_auth_methods_supported") {
			for _, way := range waysOf(t, h, method, all[0]) {
				if way.method != method {
					continue
				}
				form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "token": {"x"}}
				for name, values := range way.form {
					form[name] = values
				}
				if a := post(t, h, path, form, way.header...); a.Text("error") == "invalid_client" {
					t.Errorf("%s at the %s endpoint: %d %s", method, endpoint, a.Status, a.Raw)
				}
			}
		}
		var algorithms []string
		for _, key := range all {
			algorithms = append(algorithms, key.Algorithm)
		}
		announced := listed(t, d, endpoint+"_endpoint_auth_signing_alg_values_supported")
		slices.Sort(algorithms)
		slices.Sort(announced)
		if !slices.Equal(algorithms, announced) {
			t.Errorf("the %s endpoint announces %v; TestAssertionAlgorithms walks with %v", endpoint, announced, algorithms)
		}
	}
}

func TestDiscoveryGrantsAndClaimsAreTrue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := document(t, h)
	for _, grant := range listed(t, d, "grant_types_supported") {
		a := h.Token("web", url.Values{"grant_type": {grant}})
		if a.Text("error") == "unsupported_grant_type" {
			t.Errorf("%s is announced and refused", grant)
		}
	}
	for _, algorithm := range listed(t, d, "id_token_signing_alg_values_supported") {
		h.Client(algorithm, func(c *storage.Client) { c.IDTokenAlg = algorithm })
		token := h.Tokens(algorithm, "ann", nil).Text("id_token")
		if got := headerOf(t, token)["alg"]; got != algorithm {
			t.Errorf("the ID token for a client of %s is signed by %v", algorithm, got)
		}
	}
	h.World.Exec(`update platform.users set phone = '+4930123456', address = '{"country":"Germany"}'`)
	tokens := h.Tokens("web", "ann", url.Values{"scope": {strings.Join(listed(t, d, "scopes_supported"), " ")}})
	given := claimsOf(t, tokens.Text("id_token"))
	for name := range userInfo(t, h, tokens.Text("access_token")).JSON {
		given[name] = true
	}
	claims := listed(t, d, "claims_supported")
	for name := range given {
		if !slices.Contains(claims, name) && !slices.Contains([]string{"jti", "tenant_id"}, name) {
			t.Errorf("the claim %s is given and not announced", name)
		}
	}
	for _, name := range claims {
		if given[name] == nil && name != "picture" { // ann has none
			t.Errorf("the claim %s is announced and not given", name)
		}
	}
	if !slices.Contains(listed(t, d, "acr_values_supported"), given["acr"].(string)) {
		t.Errorf("acr %v is not announced", given["acr"])
	}
	for _, acr := range listed(t, d, "acr_values_supported") {
		if !authz.ACR(acr).Satisfies("aal1") {
			t.Errorf("acr %s is unheard of", acr)
		}
	}
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	get := func(etag string) webtest.Answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Socket()+"/oauth2/jwks", nil)
		noError(t, err)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		return h.Send(r)
	}
	first := get("")
	etag := first.Header.Get("ETag")
	if first.Status != http.StatusOK || etag == "" || first.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("%d %v", first.Status, first.Header)
	}
	if again := get(etag); again.Status != http.StatusNotModified || again.Raw != "" {
		t.Errorf("with its ETag: %d %s", again.Status, again.Raw)
	}
	if other := get(`"other"`); other.Status != http.StatusOK || other.Raw != first.Raw {
		t.Errorf("with another ETag: %d", other.Status)
	}
	var set jose.JSONWebKeySet
	noError(t, json.Unmarshal([]byte(first.Raw), &set))
	tokens := h.Tokens("web", "ann", nil)
	for _, kind := range []string{"access_token", "id_token"} {
		jws, err := jose.ParseSigned(tokens.Text(kind), []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
		noError(t, err)
		found := set.Key(jws.Signatures[0].Header.KeyID)
		if len(found) != 1 {
			t.Fatalf("%s: %d keys have its kid", kind, len(found))
		}
		if _, err := jws.Verify(found[0]); err != nil {
			t.Errorf("%s by a foreign library: %v", kind, err)
		}
	}
	for _, key := range set.Keys {
		if !key.IsPublic() {
			t.Errorf("key %s is private", key.KeyID)
		}
	}
}
