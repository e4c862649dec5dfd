package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const catalogueIssuer = "https://catalogue.example"

// catalogue signs software statements.
type catalogue struct {
	t   *testing.T
	h   *webtest.House
	key jose.JSONWebKey
}

// newCatalogue is one that the tenant trusts with software.
func newCatalogue(t *testing.T, h *webtest.House, admin string) catalogue {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue{t, h, jose.JSONWebKey{Key: private, KeyID: "c1", Algorithm: "ES256", Use: "sig"}}
	body, err := json.Marshal(map[string]any{
		"issuer": catalogueIssuer, "vouches_for": "software", "tenant": "acme", "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{c.key.Public()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "trust", call(h, admin, "POST", "/trusted-issuers", string(body)), http.StatusCreated)
	return c
}

// states is a statement about the program "shop", but for what change says.
func (c catalogue) states(typ jose.ContentType, change map[string]any) string {
	c.t.Helper()
	claims := map[string]any{"iss": catalogueIssuer, "iat": c.h.Now().Unix(), "software_id": "shop", "client_name": "Approved shop"}
	maps.Copy(claims, change)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: c.key}, (&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

func withStatement(statement, more string) string {
	return `{` + more + `,"software_statement":"` + statement + `"}`
}

// RFC 7591 §2.3: what the statement says outranks what stands beside it, within the
// policy of the token all the same.
func TestSoftwareStatement(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationToken)
	c := newCatalogue(t, h, admin)
	text, _ := initialToken(h, admin, `{"name":"catalogue","uses":9,"scopes":["openid","agents:read"],"redirect_hosts":["apps.example"],"software_statement":true}`)
	if a := register(h, text, `{`+webMetadata+`}`); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_software_statement" {
		t.Errorf("without one: %d %s", a.Status, a.Raw)
	}
	statement := c.states("JWT", map[string]any{
		"exp": h.Now().Add(time.Hour).Unix(), "redirect_uris": []string{"https://approved.apps.example/cb"}, "scope": "openid",
		"first_party": true, "exchanges_tokens_of": []string{"desk"}, "takes_assertions_of": []string{catalogueIssuer}, "software_statement": "another",
	})
	made := register(h, text, withStatement(statement, webMetadata))
	if made.Status != http.StatusCreated || made.Text("software_statement") != statement || made.Text("client_name") != "Approved shop" || made.Text("scope") != "openid" ||
		!strings.Contains(made.Raw, `"redirect_uris":["https://approved.apps.example/cb"]`) || made.Text("software_id") != "shop" {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	client, access := made.Text("client_id"), made.Text("registration_access_token")
	kept := call(h, admin, "GET", "/clients/"+client, "")
	if strings.Contains(kept.Raw, "exchanges_tokens_of") || strings.Contains(kept.Raw, "takes_assertions_of") || kept.JSON["first_party"] != false {
		t.Errorf("the statement gave a privilege: %s", kept.Raw)
	}
	for name, beyond := range map[string]map[string]any{
		"a scope": {"scope": "openid admin"}, "a host": {"redirect_uris": []string{"https://evil.example/cb"}}, "a grant type": {"grant_types": []string{"client_credentials"}},
		"what is no metadata": {"redirect_uris": "https://shop.apps.example/cb"},
	} {
		if a := register(h, text, withStatement(c.states("JWT", beyond), webMetadata)); a.Status != http.StatusBadRequest {
			t.Errorf("a statement with %s: %d %s", name, a.Status, a.Raw)
		}
	}

	h.Advance(2 * time.Hour)
	if a := register(h, text, withStatement(statement, webMetadata)); a.Text("error") != "invalid_software_statement" {
		t.Errorf("after its time: %d %s", a.Status, a.Raw)
	}
	whole := `"client_id":"` + client + `",` + webMetadata
	if a := manage(h, "PUT", client, access, withStatement(statement, whole)); a.Status != http.StatusOK || a.Text("client_name") != "Approved shop" || a.Text("software_statement") != statement {
		t.Errorf("sent again after its time: %d %s", a.Status, a.Raw)
	}
	if a := manage(h, "PUT", client, access, `{`+whole+`}`); a.Text("error") != "invalid_software_statement" {
		t.Errorf("a registration without it: %d %s", a.Status, a.Raw)
	}
	if a := manage(h, "GET", client, access, ""); a.Text("software_statement") != statement {
		t.Errorf("read: %d %s", a.Status, a.Raw)
	}
	other := register(h, text, withStatement(c.states("JWT", nil), webMetadata))
	if other.Status != http.StatusCreated || other.Text("client_name") != "Approved shop" || !strings.Contains(other.Raw, "https://shop.apps.example/cb") {
		t.Errorf("a statement that says little: %d %s", other.Status, other.Raw)
	}
}

func TestSoftwareStatement_Refuses(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationOpen)
	c := newCatalogue(t, h, admin)
	text, _ := initialToken(h, admin, `{"name":"catalogue","uses":9,"scopes":["openid","agents:read"]}`)
	now := h.Now()
	for name, tt := range map[string]struct{ statement, code string }{
		"of nobody":              {c.states("JWT", map[string]any{"iss": nil}), "unapproved_software_statement"},
		"of another":             {c.states("JWT", map[string]any{"iss": "https://other.example"}), "unapproved_software_statement"},
		"of this server":         {c.states("JWT", map[string]any{"iss": h.URL}), "unapproved_software_statement"},
		"for another":            {c.states("JWT", map[string]any{"aud": "https://other.example"}), "invalid_software_statement"},
		"expired":                {c.states("JWT", map[string]any{"exp": now.Add(-time.Second).Unix()}), "invalid_software_statement"},
		"of tomorrow":            {c.states("JWT", map[string]any{"iat": now.Add(24 * time.Hour).Unix()}), "invalid_software_statement"},
		"not yet":                {c.states("JWT", map[string]any{"nbf": now.Add(time.Hour).Unix()}), "invalid_software_statement"},
		"with an exp in words":   {c.states("JWT", map[string]any{"exp": "soon"}), "invalid_software_statement"},
		"C4: of another kind":    {c.states("at+jwt", nil), "invalid_software_statement"},
		"C4: an assertion":       {c.states("oauth-id-jag+jwt", nil), "invalid_software_statement"},
		"O4: longer than 16 KiB": {c.states("JWT", map[string]any{"x": strings.Repeat("x", 16<<10)}), "invalid_software_statement"},
		"junk":                   {"junk", "invalid_software_statement"},
		"C4: an access token":    {admin, "invalid_software_statement"},
	} {
		if a := register(h, text, withStatement(tt.statement, webMetadata)); a.Status != http.StatusBadRequest || a.Text("error") != tt.code {
			t.Errorf("%s: %d %s, want %s", name, a.Status, a.Raw, tt.code)
		}
	}
	// M1: whom one tenant trusts counts for no client of the deployment.
	if a := register(h, "", withStatement(c.states("JWT", nil), webMetadata)); a.Text("error") != "unapproved_software_statement" {
		t.Errorf("openly: %d %s", a.Status, a.Raw)
	}
	if a := register(h, text, withStatement(c.states("JWT", map[string]any{"aud": []string{h.URL, "https://other.example"}}), webMetadata)); a.Status != http.StatusCreated {
		t.Errorf("for this server too: %d %s", a.Status, a.Raw)
	}
}

// C1, C2, C3: nothing that the header says makes a statement of it.
func TestC1_C2_C3_ForgedSoftwareStatements(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationToken)
	c := newCatalogue(t, h, admin)
	text, _ := initialToken(h, admin, `{"name":"catalogue","scopes":["openid","agents:read"]}`)
	parts := strings.Split(c.states("JWT", nil), ".")
	stranger := c
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger.key.Key = private
	header := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	for name, forged := range map[string]string{
		"C1: none":              header(`{"alg":"none"}`) + "." + parts[1] + ".",
		"C1: none, signed":      header(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2],
		"C2: HS256":             header(`{"alg":"HS256","kid":"c1"}`) + "." + parts[1] + "." + parts[2],
		"C3: with a jku":        header(`{"alg":"ES256","kid":"c1","jku":"`+h.URL+`"}`) + "." + parts[1] + "." + parts[2],
		"C3: by another key":    stranger.states("JWT", nil),
		"another's payload":     parts[0] + "." + header(`{"iss":"`+catalogueIssuer+`","scope":"openid agents:read"}`) + "." + parts[2],
		"without its signature": parts[0] + "." + parts[1] + ".",
	} {
		if a := register(h, text, withStatement(forged, webMetadata)); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_software_statement" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
}
