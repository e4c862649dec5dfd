package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func register(h *webtest.House, token, metadata string) webtest.Answer {
	h.T.Helper()
	r, err := http.NewRequestWithContext(h.T.Context(), http.MethodPost, h.Socket()+"/oauth2/register", strings.NewReader(metadata))
	if err != nil {
		h.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return h.Send(r)
}

// TestF9_RegistrationNeedsAnAdministrator: nobody registers a client on their own.
func TestF9_RegistrationNeedsAnAdministrator(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann")
	const metadata = `{"client_name":"x","redirect_uris":["https://app.example/cb"]}`
	if a := register(h, "", metadata); a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("anonymous: %d %s", a.Status, a.Raw)
	}
	if a := register(h, token(h, "ann", "openid user"), metadata); a.Status != http.StatusForbidden {
		t.Errorf("ordinary user: %d %s", a.Status, a.Raw)
	}
}

// TestRegistration_ThenSignIn: what was registered is open to nobody, and works once
// it has been opened.
func TestRegistration_ThenSignIn(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("root", authz.RoleOwner)
	h.User("ann")
	admin := token(h, "root", "openid admin user agents:read")
	a := register(h, admin, `{"client_name":"New app","redirect_uris":["`+webtest.RedirectURI+`"],"scope":"openid profile agents:read","software_id":"ignored"}`)
	if a.Status != http.StatusCreated || a.Text("client_id") == "" || a.Text("client_secret") == "" || a.JSON["client_secret_expires_at"] != 0.0 {
		t.Fatalf("register: %d %s", a.Status, a.Raw)
	}
	if a.Text("token_endpoint_auth_method") != "client_secret_basic" || a.Text("id_token_signed_response_alg") != "RS256" {
		t.Errorf("defaults of RFC 7591 and OpenID Connect: %s", a.Raw)
	}
	proof := webtest.NewProof()
	authorize := func() url.Values {
		return h.Browser().Authorize(proof, a.Text("client_id"), "ann", url.Values{"scope": {"openid agents:read"}})
	}
	if got := authorize(); got.Get("error") != "access_denied" || got.Get("code") != "" {
		t.Errorf("nobody has opened it yet, and the answer is %v", got)
	}
	h.World.Exec(`update platform.clients set open_to = 'tenant' where id = $1`, a.Text("client_id"))
	var code string
	for begun := time.Now(); code == "" && time.Since(begun) < 30*time.Second; { // the word that it has changed is on its way
		code = authorize().Get("code")
	}
	tokens := h.Call("/oauth2/token", a.Text("client_id"), a.Text("client_secret"), url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier},
	})
	if tokens.Status != http.StatusOK || tokens.Text("scope") != "openid agents:read" {
		t.Errorf("tokens: %d %s", tokens.Status, tokens.Raw)
	}
	machine := register(h, admin, `{"grant_types":["client_credentials"],"scope":"agents:read"}`)
	if machine.Status != http.StatusCreated {
		t.Fatalf("service: %d %s", machine.Status, machine.Raw)
	}
	if got := h.Call("/oauth2/token", machine.Text("client_id"), machine.Text("client_secret"), url.Values{"grant_type": {"client_credentials"}}); got.Status != http.StatusOK {
		t.Errorf("service token: %d %s", got.Status, got.Raw)
	}
}

// TestF10_A6_RegistrationRefuses: privileges by name are ignored, and what cannot be
// had is refused with the RFC's codes.
func TestF10_A6_RegistrationRefuses(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("root", authz.RoleOwner)
	admin := token(h, "root", "openid admin user agents:read")
	for name, c := range map[string]struct {
		metadata, code string
		status         int
	}{
		"javascript":      {`{"redirect_uris":["javascript:alert(1)"]}`, "invalid_redirect_uri", 400},
		"data":            {`{"redirect_uris":["data:text/html,x"]}`, "invalid_redirect_uri", 400},
		"http":            {`{"redirect_uris":["http://app.example/cb"]}`, "invalid_redirect_uri", 400},
		"fragment":        {`{"redirect_uris":["https://app.example/cb#x"]}`, "invalid_redirect_uri", 400},
		"user info":       {`{"redirect_uris":["https://good@evil.example/"]}`, "invalid_redirect_uri", 400},
		"post logout":     {`{"redirect_uris":["https://app.example/cb"],"post_logout_redirect_uris":["javascript:1"]}`, "invalid_redirect_uri", 400},
		"no redirect URI": {`{"client_name":"x"}`, "invalid_redirect_uri", 400},
		"implicit":        {`{"redirect_uris":["https://app.example/cb"],"response_types":["token"]}`, "invalid_client_metadata", 400},
		"jwks_uri":        {`{"redirect_uris":["https://app.example/cb"],"jwks_uri":"http://app.example/jwks"}`, "invalid_client_metadata", 400},
		"secret method":   {`{"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"client_secret_jwt"}`, "invalid_client_metadata", 400},
		"scope not held":  {`{"redirect_uris":["https://app.example/cb"],"scope":"openid billing"}`, "access_denied", 403},
		"wildcard":        {`{"redirect_uris":["https://app.example/cb"],"scope":"*"}`, "access_denied", 403},
		"not JSON":        {`redirect_uris=x`, "invalid_client_metadata", 400},
		"too large":       {`{"client_name":"` + strings.Repeat("x", 70<<10) + `"}`, "invalid_client_metadata", 400},
	} {
		if a := register(h, admin, c.metadata); a.Status != c.status || a.Text("error") != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.Status, a.Raw, c.status, c.code)
		}
	}
	a := register(h, admin, `{"client_id":"chosen","client_secret":"chosen","redirect_uris":["https://app.example/cb"],"first_party":true,"skip_consent":true,"introspect":true,"tenant_id":"x","scope":"openid"}`)
	if a.Status != http.StatusCreated || a.Text("client_id") == "chosen" || a.Text("client_secret") == "chosen" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	var privileged bool
	h.World.Get(`select first_party or skip_consent or introspect from platform.clients where id = $1`, []any{a.Text("client_id")}, &privileged)
	if privileged {
		t.Error("a privilege was had by naming it")
	}
}

// TestRegistration_Metadata: the members of RFC 7591 and its relatives, by their
// names, are kept, given back and judged.
func TestRegistration_Metadata(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.InsecureOutbound = true })
	h.Client("desk", func(c *storage.Client) { c.Scopes = []authz.Pattern{"openid", "admin"} })
	h.User("root", authz.RoleOwner)
	admin := token(h, "root", "openid admin")
	sector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(map[string]string{
			"/both": `["https://a.example/cb","https://b.example/cb"]`, "/one": `["https://a.example/cb"]`, "/none": `{}`,
		}[r.URL.Path]))
	}))
	t.Cleanup(sector.Close)
	const uris = `"scope":"openid","redirect_uris":["https://a.example/cb","https://b.example/cb"]`
	good := register(h, admin, `{`+uris+`,"subject_type":"pairwise","sector_identifier_uri":"`+sector.URL+`/both","userinfo_signed_response_alg":"ES256",
		"frontchannel_logout_uri":"https://b.example/out?x=1","dpop_bound_access_tokens":true,"require_pushed_authorization_requests":true}`)
	if good.Status != http.StatusCreated || good.Text("subject_type") != "pairwise" || good.Text("userinfo_signed_response_alg") != "ES256" || good.JSON["dpop_bound_access_tokens"] != true {
		t.Fatalf("%d %s", good.Status, good.Raw)
	}
	for name, member := range map[string]string{
		"pairwise for two hosts":        `"subject_type":"pairwise"`,
		"a sector that knows one":       `"subject_type":"pairwise","sector_identifier_uri":"` + sector.URL + `/one"`,
		"a sector that is no list":      `"sector_identifier_uri":"` + sector.URL + `/none"`,
		"a sector that is not there":    `"sector_identifier_uri":"http://localhost:1/"`,
		"a sector without https":        `"sector_identifier_uri":"http://a.example/"`,
		"alg none":                      `"userinfo_signed_response_alg":"none"`,
		"HS256":                         `"authorization_signed_response_alg":"HS256"`,
		"RSA1_5":                        `"jwks_uri":"https://a.example/k","id_token_encrypted_response_alg":"RSA1_5"`,
		"encryption without keys":       `"id_token_encrypted_response_alg":"ECDH-ES"`,
		"enc alone":                     `"id_token_encrypted_response_enc":"A128GCM"`,
		"signed requests without keys":  `"require_signed_request_object":true`,
		"another subject type":          `"subject_type":"secret"`,
		"keys by value and by URI":      `"jwks_uri":"https://a.example/k","jwks":{"keys":[]}`,
		"a request_uri without https":   `"request_uris":["http://a.example/r"]`,
		"a frame of another host":       `"frontchannel_logout_uri":"https://c.example/out"`,
		"a frame of another port":       `"frontchannel_logout_uri":"https://a.example:8443/out"`,
		"a frame without https":         `"frontchannel_logout_uri":"http://a.example/out"`,
		"a frame of a script":           `"frontchannel_logout_uri":"javascript:alert(1)"`,
		"a frame that is no URI":        `"frontchannel_logout_uri":"https://a.example/out;\" x"`,
		"keys at an address with a tag": `"jwks_uri":"https://a.example/k#x"`,
	} {
		if a := register(h, admin, `{`+uris+`,`+member+`}`); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_client_metadata" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
}
