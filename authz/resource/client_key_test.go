package resource

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func clientKeys(t *testing.T) (p256, p384 *ecdsa.PrivateKey, edwards ed25519.PrivateKey, big, small *rsa.PrivateKey) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	p256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	p384, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	_, edwards, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	big, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	small, err = rsa.GenerateKey(rand.Reader, 1024)
	must(err)
	return p256, p384, edwards, big, small
}

func inPEM(t *testing.T, key any) []byte {
	t.Helper()
	document, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: document})
}

func inJSON(t *testing.T, key any) []byte {
	t.Helper()
	document, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "named"})
	if err != nil {
		t.Fatal(err)
	}
	return append(document, '\n')
}

func TestClientKey_SignsInItsOwnName(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	p256, p384, edwards, big, small := clientKeys(t)
	for name, c := range map[string]struct {
		key       any
		algorithm jose.SignatureAlgorithm // "" where it is refused
	}{
		"P-256": {p256, jose.ES256}, "Ed25519": {edwards, jose.EdDSA}, "RSA": {big, jose.PS256}, "P-384": {p384, ""}, "a small RSA": {small, ""},
	} {
		for form, document := range map[string][]byte{"PEM": inPEM(t, c.key), "JSON": inJSON(t, c.key)} {
			key, err := ParseClientKey(document)
			if (err == nil) != (c.algorithm != "") {
				t.Errorf("%s in %s: %v", name, form, err)
			}
			if err != nil {
				continue
			}
			text, err := key.Assertion("api", "https://id.example", testNow)
			if err != nil {
				t.Fatal(err)
			}
			token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{c.algorithm})
			if err != nil {
				t.Errorf("%s in %s: %v", name, form, err)
				continue
			}
			if kid := token.Headers[0].KeyID; (kid == "named") != (form == "JSON") {
				t.Errorf("%s in %s: kid %q", name, form, kid)
			}
			for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", key, key, key, &key), fmt.Sprint(IntrospectorConfig{ClientKey: key})} {
				if !strings.Contains(shown, redacted) || strings.Contains(shown, "0x") && strings.Contains(shown, "signer") {
					t.Errorf("%s shows itself: %s", name, shown)
				}
			}
		}
	}
}

func TestClientKey_Mistakes(t *testing.T) {
	p256, _, _, _, _ := clientKeys(t)
	public := inJSON(t, p256.Public())
	for name, document := range map[string][]byte{
		"nothing": nil, "a text": []byte("secret"), "a public key": public, "a shared secret": []byte(`{"kty":"oct","k":"AAAA"}`),
		"another block": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}),
	} {
		if key, err := ParseClientKey(document); err == nil || !key.IsZero() {
			t.Errorf("%s is a key", name)
		}
	}
	key, err := ParseClientKey(inPEM(t, p256))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]IntrospectorConfig{
		"neither":   {ClientID: "api"},
		"both":      {ClientID: "api", ClientSecret: NewSecret("x"), ClientKey: key},
		"no client": {ClientKey: key},
	} {
		c.Issuer, c.Audience, c.Endpoint = "https://id.example", "https://api.example", "https://id.example/introspect"
		if _, err := NewIntrospector(t.Context(), c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
