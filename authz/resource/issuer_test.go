package resource

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const testAudience = "https://api.example.com"

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: testNow} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// signingKey is a key of the test issuer, under one algorithm.
type signingKey struct {
	kid       string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

func (k signingKey) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Algorithm: string(k.algorithm), Use: "sig"}
}

// RSA keys are slow to make, so the tests share one.
var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newKey(t testing.TB, kid string, algorithm jose.SignatureAlgorithm) signingKey {
	t.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private = testRSA()
	}
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{kid, algorithm, private}
}

// sign makes a token with any header members, signed by go-jose.
func (k signingKey) sign(t testing.TB, extra map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	options := &jose.SignerOptions{}
	options.WithHeader("kid", k.kid).WithType("at+jwt")
	for name, value := range extra {
		options.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.algorithm, Key: k.private}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// signES256Over signs any signing input, which go-jose would not make.
func (k signingKey) signES256Over(t testing.TB, input string) string {
	t.Helper()
	digest := crypto.SHA256.New()
	digest.Write([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.private.(*ecdsa.PrivateKey), digest.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// issuer is an authorization server of which a test decides everything.
type issuer struct {
	*httptest.Server

	mu           sync.Mutex
	keys         []signingKey
	status       int
	cacheControl string
	fetches      int
	// hold, when set, keeps every fetch of the keys waiting until it is closed.
	hold chan struct{}
}

func newIssuer(t testing.TB, keys ...signingKey) *issuer {
	t.Helper()
	i := &issuer{keys: keys, status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]string{
			"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "introspection_endpoint": i.URL + "/introspect",
		})
	})
	mux.HandleFunc("/jwks", i.serveKeys)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (i *issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	i.fetches++
	hold, status, cacheControl := i.hold, i.status, i.cacheControl
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.jwk())
	}
	i.mu.Unlock()
	if hold != nil {
		<-hold
	}
	w.Header().Set("Cache-Control", cacheControl)
	w.WriteHeader(status)
	writeJSON(w, set)
}

// set changes the issuer while nobody reads it.
func (i *issuer) set(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *issuer) fetched() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

func (i *issuer) verifier(t testing.TB, c *clock) *Verifier {
	t.Helper()
	v, err := NewVerifier(t.Context(), Config{Issuer: i.URL, Audience: testAudience, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// claims is the payload of a good token, with changes; nil takes a claim away.
func (i *issuer) claims(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	all := map[string]any{
		"iss": i.URL, "aud": []string{testAudience}, "sub": "0198c0de-0000-7000-8000-000000000001",
		"client_id": "web", "jti": "token-1", "scope": "user agents:read",
		"iat": testNow.Unix(), "exp": testNow.Add(10 * time.Minute).Unix(),
		"grant_id": "grant-1", "sid": "session-1",
		"tenant_id": "0198c0de-0000-7000-8000-0000000000aa", "project_id": "0198c0de-0000-7000-8000-0000000000bb",
		"roles": []string{"user"}, "groups": []string{"engineering"},
		"acr": "aal2", "amr": []string{"pwd", "otp"}, "auth_time": testNow.Add(-time.Minute).Unix(),
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// token is a good token, with changes.
func (i *issuer) token(t testing.TB, changes map[string]any) string {
	t.Helper()
	return i.keys[0].sign(t, nil, i.claims(t, changes))
}
