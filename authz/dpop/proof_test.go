package dpop

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const api = "https://api.example/things"

// made is a proof as a client would make it, but for what change says; a nil value
// takes a claim out.
func made(t testing.TB, algorithm jose.SignatureAlgorithm, key any, change map[string]any, header func(*jose.SignerOptions)) string {
	t.Helper()
	claims := map[string]any{"jti": "one", "htm": "GET", "htu": api, "iat": now.Unix(), "ath": TokenHash("token")}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	if header != nil {
		header(options)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var request = Request{Method: "GET", URL: api, AccessToken: "token"}

func TestParse(t *testing.T) {
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, key := range map[jose.SignatureAlgorithm]any{jose.ES256: ecKey(t), jose.PS256: big, jose.RS256: big, jose.EdDSA: edwards} {
		p, err := Parse(made(t, algorithm, key, map[string]any{"nonce": "n"}, nil), request, now)
		if err != nil || p.ID != "one" || p.Nonce != "n" || len(p.Thumbprint) != 43 || !p.ExpiresAt.After(now) {
			t.Errorf("%s: %+v, %v", algorithm, p, err)
		}
	}
}

// The newer name of the algorithm (RFC 9864 §2.2), which the signer of go-jose does not
// write, is as good as the older one; with another key it is worth nothing.
func TestParse_Ed25519(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	payload := strings.Split(made(t, jose.EdDSA, private, nil, nil), ".")[1]
	proof := func(algorithm string, key any, by ed25519.PrivateKey) string {
		header, err := json.Marshal(map[string]any{"typ": "dpop+jwt", "alg": algorithm, "jwk": jose.JSONWebKey{Key: key}})
		if err != nil {
			t.Fatal(err)
		}
		input := encode(header) + "." + payload
		return input + "." + encode(ed25519.Sign(by, []byte(input)))
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	elliptic := ecKey(t)
	for name, test := range map[string]struct {
		proof string
		good  bool
	}{
		"by the older name": {proof("EdDSA", public, private), true}, "by the newer": {proof("Ed25519", public, private), true},
		"by another key": {proof("Ed25519", public, other), false}, "of another kind": {proof("Ed25519", &elliptic.PublicKey, private), false},
		"as another algorithm": {proof("ES256", public, private), false}, "by a name of nothing": {proof("Ed448", public, private), false},
	} {
		if _, err := Parse(test.proof, request, now); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 9449 §4.3, check by check.
func TestC17_ProofsThatAreRefused(t *testing.T) {
	key, other := ecKey(t), ecKey(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(change map[string]any) string { return made(t, jose.ES256, key, change, nil) }
	good := claim(nil)
	parts := strings.Split(good, ".")
	for name, proof := range map[string]string{
		"nothing":          "",
		"not a JWT":        "x.y.z",
		"two proofs":       good + "," + good,
		"of another type":  made(t, jose.ES256, key, nil, func(o *jose.SignerOptions) { o.WithType("JWT") }),
		"no key":           made(t, jose.ES256, key, nil, func(o *jose.SignerOptions) { o.EmbedJWK = false }),
		"another key":      parts[0] + "." + parts[1] + "." + strings.Split(made(t, jose.ES256, other, nil, nil), ".")[2],
		"altered":          parts[0] + "." + strings.Split(claim(map[string]any{"jti": "two"}), ".")[1] + "." + parts[2],
		"symmetric":        made(t, jose.HS256, []byte(strings.Repeat("k", 32)), nil, nil),
		"a weak key":       made(t, jose.RS256, weak, nil, nil),
		"unknown crit":     made(t, jose.ES256, key, nil, func(o *jose.SignerOptions) { o.WithCritical("x"); o.WithHeader("x", 1) }),
		"too long":         claim(map[string]any{"padding": strings.Repeat("x", maxSize)}),
		"jti missing":      claim(map[string]any{"jti": nil}),
		"jti too long":     claim(map[string]any{"jti": strings.Repeat("x", 256)}),
		"htm missing":      claim(map[string]any{"htm": nil}),
		"htm of another":   claim(map[string]any{"htm": "POST"}),
		"htm in lower":     claim(map[string]any{"htm": "get"}),
		"htu missing":      claim(map[string]any{"htu": nil}),
		"htu of another":   claim(map[string]any{"htu": "https://api.example/others"}),
		"htu elsewhere":    claim(map[string]any{"htu": "https://evil.example/things"}),
		"htu with user":    claim(map[string]any{"htu": "https://api.example@evil.example/things"}),
		"htu plain":        claim(map[string]any{"htu": "http://api.example/things"}),
		"htu another port": claim(map[string]any{"htu": "https://api.example:8443/things"}),
		"iat missing":      claim(map[string]any{"iat": nil}),
		"iat no number":    claim(map[string]any{"iat": "now"}),
		"iat old":          claim(map[string]any{"iat": now.Add(-61 * time.Second).Unix()}),
		"iat ahead":        claim(map[string]any{"iat": now.Add(61 * time.Second).Unix()}),
		"iat endless":      claim(map[string]any{"iat": 1e300}),
		"ath missing":      claim(map[string]any{"ath": nil}),
		"ath of another":   claim(map[string]any{"ath": TokenHash("another")}),
	} {
		if _, err := Parse(proof, request, now); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSameURL(t *testing.T) {
	for _, same := range []string{api, api + "?x=y", api + "#f", "HTTPS://API.example/things", "https://api.example:443/things"} {
		if !sameURL(same, api) {
			t.Errorf("%s is not the same", same)
		}
	}
	if !sameURL("https://api.example", "https://api.example/") || !sameURL("http://localhost:80/x", "http://localhost/x") {
		t.Error("an empty path or a default port makes a difference")
	}
	for _, other := range []string{api + "/", "https://api.example/Things", "https://api.example/%74hings", "//api.example/things", "/things", ""} {
		if sameURL(other, api) {
			t.Errorf("%s is the same", other)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("x.y.z")
	f.Add(made(f, jose.ES256, ecKey(f), nil, nil))
	f.Fuzz(func(t *testing.T, proof string) {
		p, err := Parse(proof, request, now)
		if err == nil && (p.Thumbprint == "" || p.ID == "") {
			t.Errorf("%q gives %+v", proof, p)
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", proof, err)
		}
	})
}
