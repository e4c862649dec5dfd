package oidc_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionKey is the key of a client of private_key_jwt.
type assertionKey struct{ jose.JSONWebKey }

func newAssertionKey(t testing.TB) *assertionKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &assertionKey{jose.JSONWebKey{Key: private, KeyID: "k1", Algorithm: "ES256", Use: "sig"}}
}

// signingKeys is a key for each algorithm that the discovery document names.
func signingKeys(t testing.TB) []*assertionKey {
	t.Helper()
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all := []*assertionKey{newAssertionKey(t)}
	for algorithm, private := range map[jose.SignatureAlgorithm]any{jose.PS256: big, jose.RS256: big, jose.EdDSA: edwards, dpop.Ed25519: edwards} {
		all = append(all, &assertionKey{jose.JSONWebKey{Key: private, KeyID: "k1", Algorithm: string(algorithm), Use: "sig"}})
	}
	return all
}

// jwks is the document that is registered.
func (k *assertionKey) jwks(t testing.TB) []byte {
	t.Helper()
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// assertion is an assertion that is in order, but for what change says; a nil value
// takes a claim out.
func (k *assertionKey) assertion(t testing.TB, h *webtest.House, client string, change map[string]any) string {
	t.Helper()
	now := h.Now()
	claims := map[string]any{
		"iss": client, "sub": client, "aud": h.URL, "jti": uuid.NewString(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return k.sign(t, claims)
}

func (k *assertionKey) sign(t testing.TB, claims any) string {
	t.Helper()
	signing := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k.JSONWebKey}
	if signing.Algorithm == dpop.Ed25519 {
		signing.Key = ed25519Signer{k.JSONWebKey}
	}
	signer, err := jose.NewSigner(signing, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	// Also what is no object, which a library for tokens would not sign.
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ed25519Signer writes the newer name of the algorithm, which go-jose does not know.
type ed25519Signer struct{ key jose.JSONWebKey }

func (s ed25519Signer) Public() *jose.JSONWebKey {
	public := s.key.Public()
	return &public
}

func (ed25519Signer) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{dpop.Ed25519}
}

func (s ed25519Signer) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	return ed25519.Sign(s.key.Key.(ed25519.PrivateKey), payload), nil
}

// asserted asks for a client credentials token by an assertion.
func asserted(t testing.TB, h *webtest.House, assertion string) webtest.Answer {
	t.Helper()
	return post(t, h, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {jwtBearer}, "client_assertion": {assertion}})
}

// robot registers a client of private_key_jwt.
func robot(t testing.TB, h *webtest.House) *assertionKey {
	t.Helper()
	key := newAssertionKey(t)
	h.Machine("robot", func(c *storage.Client) { c.AuthMethod, c.JWKS = storage.AuthMethodPrivateKeyJWT, key.jwks(t) })
	return key
}

func TestE3_AssertionReplay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, webtest.Wide)
	key := robot(t, h)
	replicas := h.Three()
	for range webtest.Rounds(t, 3) {
		assertion, won := key.assertion(t, h, "robot", nil), 0
		for _, a := range atOnce(100, func(i int) webtest.Answer { return asserted(t, replicas[i%3], assertion) }) {
			if a.Status == http.StatusOK {
				won++
				continue
			}
			mustRefuse(t, "replay", a, http.StatusUnauthorized, "invalid_client")
		}
		if won != 1 {
			t.Errorf("%d of 100 were accepted, want 1", won)
		}
	}
	// The same jti in another assertion, and at another endpoint.
	id := map[string]any{"jti": "the same"}
	mustGrant(t, "first", asserted(t, h, key.assertion(t, h, "robot", id)))
	mustRefuse(t, "the same jti", asserted(t, h, key.assertion(t, h, "robot", id)), http.StatusUnauthorized, "invalid_client")
	a := post(t, h, "/oauth2/revoke", url.Values{"token": {"x"}, "client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, "robot", id)}})
	mustRefuse(t, "the same jti at another endpoint", a, http.StatusUnauthorized, "invalid_client")
	// A jti is one client's own.
	other := newAssertionKey(t)
	h.Machine("robot2", func(c *storage.Client) { c.AuthMethod, c.JWKS = storage.AuthMethodPrivateKeyJWT, other.jwks(t) })
	mustGrant(t, "the same jti of another client", asserted(t, h, other.assertion(t, h, "robot2", id)))
}

func TestE3_FailedAssertionSpendsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := robot(t, h)
	id := map[string]any{"jti": "guessed"}
	mustRefuse(t, "an attacker's", asserted(t, h, newAssertionKey(t).assertion(t, h, "robot", id)), http.StatusUnauthorized, "invalid_client")
	mustGrant(t, "the client's own", asserted(t, h, key.assertion(t, h, "robot", id)))
}

func TestE4_E5_E6_AssertionClaims(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := robot(t, h)
	now := h.Now()
	for name, c := range map[string]struct {
		change map[string]any
		right  bool
	}{
		"in order":                        {nil, true},
		"E4: token endpoint":              {map[string]any{"aud": h.URL + "/oauth2/token"}, false},
		"E4: PAR endpoint":                {map[string]any{"aud": h.URL + "/oauth2/par"}, false},
		"E4: list with the issuer":        {map[string]any{"aud": []string{h.URL}}, false},
		"E4: list with more":              {map[string]any{"aud": []string{h.URL, "https://evil.example"}}, false},
		"E4: issuer and slash":            {map[string]any{"aud": h.URL + "/"}, false},
		"E4: in capitals":                 {map[string]any{"aud": strings.ToUpper(h.URL)}, false},
		"E4: nobody":                      {map[string]any{"aud": nil}, false},
		"E5: without exp":                 {map[string]any{"exp": nil}, false},
		"E5: expired":                     {map[string]any{"exp": now.Add(-time.Second).Unix()}, false},
		"E5: in four minutes":             {map[string]any{"exp": now.Add(4 * time.Minute).Unix()}, true},
		"E5: in six minutes":              {map[string]any{"exp": now.Add(6 * time.Minute).Unix()}, false},
		"E5: in ten years":                {map[string]any{"exp": now.AddDate(10, 0, 0).Unix()}, false},
		"E5: beyond all dates":            {map[string]any{"exp": 1e300}, false},
		"E5: 2^63":                        {map[string]any{"exp": 9223372036854775807}, false},
		"E5: negative":                    {map[string]any{"exp": -1}, false},
		"E5: a string":                    {map[string]any{"exp": "4102444800"}, false},
		"E5: issued in the future":        {map[string]any{"iat": now.Add(2 * time.Minute).Unix()}, false},
		"E5: issued in half a minute":     {map[string]any{"iat": now.Add(30 * time.Second).Unix()}, true},
		"E5: not before two minutes on":   {map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}, false},
		"E5: without iat":                 {map[string]any{"iat": nil}, true},
		"E6: issuer is another":           {map[string]any{"iss": "rs"}, false},
		"E6: subject is another":          {map[string]any{"sub": "rs"}, false},
		"E6: both are another":            {map[string]any{"iss": "rs", "sub": "rs"}, false},
		"E6: issuer is the server":        {map[string]any{"iss": h.URL}, false},
		"E6: no issuer":                   {map[string]any{"iss": nil}, false},
		"E6: no subject":                  {map[string]any{"sub": nil}, false},
		"E6: subject is a list":           {map[string]any{"sub": []string{"robot"}}, false},
		"E6: subject with a zero byte":    {map[string]any{"sub": "robot\x00"}, false},
		"E3: without jti":                 {map[string]any{"jti": nil}, false},
		"E3: empty jti":                   {map[string]any{"jti": ""}, false},
		"E3: a jti of a thousand bytes":   {map[string]any{"jti": strings.Repeat("j", 1000)}, true},
		"E3: a jti that is not text":      {map[string]any{"jti": 7}, false},
		"E3: a jti with zero bytes in it": {map[string]any{"jti": "a\x00b"}, true},
	} {
		a := asserted(t, h, key.assertion(t, h, "robot", c.change))
		if c.right {
			if a.Status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.Status, a.Raw)
			}
			continue
		}
		mustRefuse(t, name, a, http.StatusUnauthorized, "invalid_client")
	}
	a := post(t, h, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"rs"},
		"client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, "robot", nil)}})
	mustRefuse(t, "E6: another client_id beside it", a, http.StatusBadRequest, "invalid_request")
}

func TestAssertionSignatures(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := robot(t, h)
	all := forgeries(t, h, key.assertion(t, h, "robot", nil), "http://127.0.0.1:1/")
	delete(all, "C16: real signature, header with typ") // JWT is what the assertion says
	for name, forged := range all {
		mustRefuse(t, name, asserted(t, h, forged), http.StatusUnauthorized, "invalid_client")
	}
	in := key.assertion(t, h, "robot", nil)
	for name, text := range map[string]string{
		"another's key":            newAssertionKey(t).assertion(t, h, "robot", nil),
		"cut":                      in[:len(in)-1],
		"without a signature":      in[:strings.LastIndex(in, ".")+1],
		"nothing":                  "",
		"dots":                     strings.Repeat(".", 10_000),
		"longer than 16 KiB":       key.assertion(t, h, "robot", map[string]any{"x": strings.Repeat("x", 17<<10)}),
		"JSON serialization":       `{"payload":"e30","signatures":[]}`,
		"five parts":               "a.b.c.d.e",
		"a key of the server":      resign(t, h, in, "JWT", nil),
		"of an unknown client":     key.assertion(t, h, "nobody", nil),
		"of a client without keys": key.assertion(t, h, "rs", nil),
	} {
		mustRefuse(t, name, asserted(t, h, text), http.StatusUnauthorized, "invalid_client")
	}
	for name, kind := range map[string][]string{"none": nil, "empty": {""}, "SAML": {"urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}} {
		form := url.Values{"grant_type": {"client_credentials"}, "client_assertion": {key.assertion(t, h, "robot", nil)}, "client_id": {"robot"}}
		if kind != nil {
			form["client_assertion_type"] = kind
		}
		mustRefuse(t, "assertion type "+name, post(t, h, "/oauth2/token", form), http.StatusUnauthorized, "invalid_client")
	}
	if a := asserted(t, h, in); a.Status != http.StatusOK {
		t.Errorf("the assertion that all were made of: %d %s", a.Status, a.Raw)
	}
}

func TestPrivateKeyJWTAtEveryEndpoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := newAssertionKey(t)
	h.Client("bank", func(c *storage.Client) {
		c.AuthMethod, c.JWKS, c.Introspect = storage.AuthMethodPrivateKeyJWT, key.jwks(t), true
	})
	call := func(path string, form url.Values) webtest.Answer {
		form.Set("client_assertion_type", jwtBearer)
		form.Set("client_assertion", key.assertion(t, h, "bank", nil))
		return post(t, h, path, form)
	}
	proof := webtest.NewProof()
	request, err := url.Parse(proof.Authorization("bank", nil))
	noError(t, err)
	pushed := call("/oauth2/par", request.Query())
	if pushed.Status != http.StatusCreated {
		t.Fatalf("PAR: %d %s", pushed.Status, pushed.Raw)
	}
	var stored string
	h.World.Get(`select request::text from platform.pushed_requests`, nil, &stored)
	if strings.Contains(stored, "client_assertion") {
		t.Error("the assertion was kept with the pushed request")
	}
	b := h.Browser()
	p := b.SignIn(b.Get("/oauth2/authorize?"+url.Values{"client_id": {"bank"}, "request_uri": {pushed.Text("request_uri")}}.Encode()), "ann")
	code := b.Press(p, "accept", nil).Left.Query().Get("code")
	tokens := mustGrant(t, "exchange", call("/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier}}))
	tokens = mustGrant(t, "refresh", call("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}}))
	if a := call("/oauth2/introspect", url.Values{"token": {tokens.Text("access_token")}}); a.JSON["active"] != true {
		t.Errorf("introspection: %d %s", a.Status, a.Raw)
	}
	if a := call("/oauth2/revoke", url.Values{"token": {tokens.Text("refresh_token")}}); a.Status != http.StatusOK {
		t.Errorf("revocation: %d %s", a.Status, a.Raw)
	}
	if isActive(t, h, tokens.Text("access_token")) {
		t.Error("active after its refresh token was revoked")
	}
}

func TestAssertionAlgorithms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, key := range signingKeys(t) {
		client := "robot-" + key.Algorithm
		h.Machine(client, func(c *storage.Client) {
			c.AuthMethod, c.JWKS, c.Scopes = storage.AuthMethodPrivateKeyJWT, key.jwks(t), []authz.Pattern{"agents:read"}
		})
		if a := asserted(t, h, key.assertion(t, h, client, nil)); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", key.Algorithm, a.Status, a.Raw)
		}
	}
}

// published serves a client's keys, and counts who asks.
func published(t *testing.T, document func() (int, []byte)) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		status, body := document()
		w.Header().Set("Cache-Control", "max-age=3600")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/jwks.json", asked
}

func insecureOutbound(c *web.Config, _ *postgres.Options) { c.InsecureOutbound = true }

// Keys by reference: fetched once, and again when the client signs with a new one.
func TestPrivateKeyJWTByURI(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, insecureOutbound)
	first, second := newAssertionKey(t), newAssertionKey(t)
	second.KeyID = "k2"
	current := atomic.Pointer[assertionKey]{}
	current.Store(first)
	address, asked := published(t, func() (int, []byte) { return http.StatusOK, current.Load().jwks(t) })
	h.Machine("remote", func(c *storage.Client) {
		c.AuthMethod, c.Metadata.JWKSURI = storage.AuthMethodPrivateKeyJWT, address
	})
	ask := func(k *assertionKey) webtest.Answer {
		return h.Call("/oauth2/token", "", "", url.Values{
			"grant_type": {"client_credentials"}, "client_assertion_type": {jwtBearer}, "client_assertion": {k.assertion(t, h, "remote", nil)},
		})
	}
	mustGrant(t, "first", ask(first))
	mustGrant(t, "again", ask(first))
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times for keys that are kept", n)
	}
	current.Store(second)
	mustRefuse(t, "a key nobody has seen, too soon to ask again", ask(second), http.StatusUnauthorized, "invalid_client")
	h.Advance(2 * time.Minute)
	mustGrant(t, "a new key", ask(second))
	mustRefuse(t, "the key that was taken back", ask(first), http.StatusUnauthorized, "invalid_client")
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestO5_KeysOfNoUse(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, insecureOutbound)
	good := newAssertionKey(t)
	signed := func(t *testing.T, bits, exponent int) (*assertionKey, string) {
		t.Helper()
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		public, err := json.Marshal(jose.JSONWebKey{Key: &rsa.PublicKey{N: private.N, E: exponent}, KeyID: "k1", Algorithm: "RS256", Use: "sig"})
		if err != nil {
			t.Fatal(err)
		}
		return &assertionKey{jose.JSONWebKey{Key: private, KeyID: "k1", Algorithm: "RS256"}}, string(public)
	}
	small, smallKey := signed(t, 1024, 65537)
	_, odd := signed(t, 2048, 3)
	many := `{"keys":[` + strings.Repeat(`{"kty":"oct","k":"AA"},`, 32) + strings.TrimSuffix(strings.TrimPrefix(string(good.jwks(t)), `{"keys":[`), `]}`) + `]}`
	for name, test := range map[string]struct {
		key      *assertionKey
		document string
		status   int
	}{
		"RSA of 1024 bits": {small, `{"keys":[` + smallKey + `]}`, 200},
		"e = 3":            {small, `{"keys":[` + odd + `]}`, 200},
		"RSA of 16 k":      {good, `{"keys":[{"kty":"RSA","kid":"k1","e":"AQAB","n":"` + strings.Repeat("x", 2731) + `"}]}`, 200},
		"not on the curve": {good, `{"keys":[{"kty":"EC","kid":"k1","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}]}`, 200},
		"too many":         {good, many, 200},
		"symmetric":        {good, `{"keys":[{"kty":"oct","kid":"k1","k":"` + strings.Repeat("A", 43) + `"}]}`, 200},
		"not a set":        {good, `[]`, 200},
		"not JSON":         {good, `<html>`, 200},
		"empty":            {good, ``, 200},
		"larger than 64 k": {good, strings.TrimSuffix(string(good.jwks(t)), "}") + `,"x":"` + strings.Repeat("x", 64<<10) + `"}`, 200},
		"not found":        {good, string(good.jwks(t)), 404},
		"an error":         {good, string(good.jwks(t)), 500},
	} {
		address, asked := published(t, func() (int, []byte) { return test.status, []byte(test.document) })
		id := strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "=", "is")
		h.Machine(id, func(c *storage.Client) { c.AuthMethod, c.Metadata.JWKSURI = storage.AuthMethodPrivateKeyJWT, address })
		for range 3 {
			a := h.Call("/oauth2/token", "", "", url.Values{
				"grant_type": {"client_credentials"}, "client_assertion_type": {jwtBearer}, "client_assertion": {test.key.assertion(t, h, id, nil)},
			})
			mustRefuse(t, name, a, http.StatusUnauthorized, "invalid_client")
		}
		if asked.Load() != 1 {
			t.Errorf("%s: asked %d times, and a failure is kept for a minute", name, asked.Load())
		}
	}
}

// An address inside is not fetched by a server that was not told to.
func TestF6_JWKSURIInside(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	key := newAssertionKey(t)
	address, asked := published(t, func() (int, []byte) { return http.StatusOK, key.jwks(t) })
	h.Machine("inside", func(c *storage.Client) { c.AuthMethod, c.Metadata.JWKSURI = storage.AuthMethodPrivateKeyJWT, address })
	a := h.Call("/oauth2/token", "", "", url.Values{
		"grant_type": {"client_credentials"}, "client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, "inside", nil)},
	})
	mustRefuse(t, "inside", a, http.StatusUnauthorized, "invalid_client")
	if asked.Load() != 0 {
		t.Error("it was fetched")
	}
}
