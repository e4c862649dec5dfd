package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

func assertionKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	document, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "assertion.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: document}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A service that is reached in other ways too checks the signature, by a library that
// this project did not write.
func TestAssertion(t *testing.T) {
	t.Parallel()
	h, ann := house(t)
	s := newService(t)
	newer, older := assertionKey(t), assertionKey(t)
	g := start(t, h, s.URL, fmt.Sprintf("assertion: {key_files: [%s, %s]}\n", newer, older))
	former := start(t, h, s.URL, fmt.Sprintf("assertion: {key_files: [%s], audience: 'https://other.example'}\n", older))
	held := token(h, "ann", "openid user agents:read")
	assertion := func(at string) string {
		get(t, at+"/agents", held, http.Header{"X-Gatehouse-Assertion": {"forged"}, "X_gatehouse_assertion": {"forged"}})
		if s.last.Header["X_gatehouse_assertion"] != nil || len(s.last.Header.Values("X-Gatehouse-Assertion")) != 1 {
			t.Fatalf("%v", s.last.Header)
		}
		return s.last.Header.Get("X-Gatehouse-Assertion")
	}
	keys := oidc.NewRemoteKeySet(t.Context(), g.URL+"/.gatehouse/keys")
	now := h.Now()
	verifier := func(audience string) *oidc.IDTokenVerifier {
		return oidc.NewVerifier("https://api.example/agents", keys, &oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"ES256"}, Now: func() time.Time { return now }})
	}
	text := assertion(g.URL)
	who, err := verifier(s.URL).Verify(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Client string   `json:"client_id"`
		Tenant string   `json:"tenant_id"`
		Scope  string   `json:"scope"`
		Roles  []string `json:"roles"`
		Groups []string `json:"groups"`
		ACR    string   `json:"acr"`
		ID     string   `json:"jti"`
	}
	if err := who.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if who.Subject != ann.String() || claims.Client != "web" || claims.Tenant != h.Tenant.String() || claims.Scope != "openid user agents:read" ||
		strings.Join(claims.Roles, "|") != "user" || !strings.Contains(strings.Join(claims.Groups, "|"), "R&D, Zürich") || claims.ACR == "" || claims.ID == "" {
		t.Errorf("%+v", claims)
	}
	if life := who.Expiry.Sub(who.IssuedAt); life != 30*time.Second {
		t.Errorf("it counts for %v", life)
	}
	signed, err := jose.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || signed.Signatures[0].Header.ExtraHeaders["typ"] != "gatehouse-assertion+jwt" {
		t.Errorf("%v, typ %v", err, signed.Signatures[0].Header.ExtraHeaders["typ"])
	}
	if _, err := verifier("https://other.example").Verify(t.Context(), text); err == nil {
		t.Error("it counts at another service")
	}
	// What the older key signed before the newer one came still counts.
	if _, err := verifier("https://other.example").Verify(t.Context(), assertion(former.URL)); err != nil {
		t.Errorf("the older key: %v", err)
	}
	now = now.Add(time.Minute)
	if _, err := verifier(s.URL).Verify(t.Context(), text); err == nil {
		t.Error("it counts a minute later")
	}
	// Of nobody nothing is asserted, and no private key is published.
	get(t, g.URL+"/health", "", http.Header{"X-Gatehouse-Assertion": {"forged"}})
	if got := s.last.Header.Values("X-Gatehouse-Assertion"); len(got) != 0 {
		t.Errorf("of nobody: %q", got)
	}
	r, body := get(t, g.URL+"/.gatehouse/keys", "", nil)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(body), &set); err != nil || r.StatusCode != http.StatusOK || len(set.Keys) != 2 || set.Keys[0]["d"] != nil || set.Keys[1]["d"] != nil {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}
