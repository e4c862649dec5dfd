package oidc_test

import (
	"encoding/base64"
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
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// object is a signed request object that is in order, but for what change says; a
// nil value takes a claim out.
func (k *assertionKey) object(t testing.TB, h *webtest.House, client string, proof webtest.Proof, change map[string]any) string {
	t.Helper()
	return k.sign(t, objectClaims(h, client, proof, change))
}

func objectClaims(h *webtest.House, client string, proof webtest.Proof, change map[string]any) map[string]any {
	now := h.Now()
	claims := map[string]any{
		"iss": client, "aud": h.URL, "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": uuid.NewString(), "client_id": client,
		"response_type": "code", "redirect_uri": webtest.RedirectURI, "scope": "openid agents:read", "state": "inside",
		"code_challenge": proof.Challenge, "code_challenge_method": "S256",
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// withSigner is a house with a client that has keys.
func withSigner(t *testing.T, options ...webtest.Option) (*webtest.House, *assertionKey) {
	h, k := newHouse(t, options...), newAssertionKey(t)
	h.Client("signer", func(c *storage.Client) { c.JWKS = k.jwks(t) })
	return h, k
}

// RFC 9101 §5: an object comes by value or by reference, and beside it stands the client
// whose it is; nothing else makes a request of it.
func TestRequestObject_WhatStandsBeside(t *testing.T) {
	t.Parallel()
	h, k := withSigner(t)
	proof := webtest.NewProof()
	object := k.object(t, h, "signer", proof, nil)
	pushed := push(t, h, "signer", webtest.ClientSecret, proof, nil).Text("request_uri")
	for name, values := range map[string]url.Values{
		"by value and by reference":    {"client_id": {"signer"}, "request": {object}, "request_uri": {pushed}},
		"without client_id":            {"request": {object}},
		"with an empty client_id":      {"request": {object}, "client_id": {""}},
		"with another client's":        {"request": {object}, "client_id": {"web"}},
		"with an unknown client's":     {"request": {object}, "client_id": {"nobody"}},
		"twice":                        {"client_id": {"signer"}, "request": {object, object}},
		"a reference without a client": {"request_uri": {pushed}},
	} {
		if p := h.Browser().Get("/oauth2/authorize?" + values.Encode()); p.StatusCode != http.StatusBadRequest || p.Left != nil {
			t.Errorf("%s: %d, to %v", name, p.StatusCode, p.Left)
		}
	}
	p := h.Browser().Get("/oauth2/authorize?" + url.Values{"client_id": {"signer"}, "request": {object}, "response_type": {"token"}, "redirect_uri": {"https://evil.example"}}.Encode())
	if shows(p) != "sign-in" {
		t.Errorf("what stands beside it counts: %s", shows(p))
	}
}

// RFC 9101 §6.3: what the object says is the request; what stands beside it is nothing.
func TestRequestObject(t *testing.T) {
	t.Parallel()
	h, k := withSigner(t)
	proof := webtest.NewProof()
	sent := webtest.NewProof().Authorization("signer", url.Values{
		"request": {k.object(t, h, "signer", proof, map[string]any{"max_age": 600, "claims": map[string]any{}})}, "scope": {"openid admin"}, "state": {"beside"}, "nonce": nil,
	})
	b := h.Browser()
	p := b.SignIn(b.Get(sent), "ann")
	q := b.Press(p, "accept", nil).Left.Query()
	if q.Get("state") != "inside" || q.Get("code") == "" {
		t.Fatalf("the response is %v", q)
	}
	if a := mustGrant(t, "exchange", h.Exchange("signer", q.Get("code"), proof)); a.Text("scope") != "openid agents:read" {
		t.Errorf("scope is %q", a.Text("scope"))
	}
}

func TestF4_F5_RequestObjectsThatAreRefused(t *testing.T) {
	t.Parallel()
	h, k := withSigner(t)
	h.Client("picky", func(c *storage.Client) {
		c.JWKS, c.Metadata.RequestObjectSigningAlg, c.Metadata.RequireSignedRequest = k.jwks(t), "PS256", true
	})
	stranger, proof, now := newAssertionKey(t), webtest.NewProof(), h.Now()
	signed := func(change map[string]any) string { return k.object(t, h, "signer", proof, change) }
	payload, err := json.Marshal(objectClaims(h, "signer", proof, nil))
	if err != nil {
		t.Fatal(err)
	}
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("s", 32))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	symmetric, err := hmac.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	bySecret, err := symmetric.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	for name, object := range map[string]string{
		"alg none":            unsigned,
		"symmetric":           bySecret,
		"junk":                "junk",
		"another's key":       stranger.object(t, h, "signer", proof, nil),
		"no exp":              signed(map[string]any{"exp": nil}),
		"expired":             signed(map[string]any{"exp": now.Add(-time.Second).Unix()}),
		"good for too long":   signed(map[string]any{"exp": now.Add(61 * time.Minute).Unix()}),
		"no nbf":              signed(map[string]any{"nbf": nil}),
		"nbf long ago":        signed(map[string]any{"nbf": now.Add(-61 * time.Minute).Unix()}),
		"nbf to come":         signed(map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}),
		"no aud":              signed(map[string]any{"aud": nil}),
		"for another server":  signed(map[string]any{"aud": "https://another.example"}),
		"no iss":              signed(map[string]any{"iss": nil}),
		"iss of another":      signed(map[string]any{"iss": "web"}),
		"no client_id":        signed(map[string]any{"client_id": nil}),
		"another client_id":   signed(map[string]any{"client_id": "web"}),
		"a request within":    signed(map[string]any{"request": signed(nil)}),
		"a request_uri":       signed(map[string]any{"request_uri": "urn:ietf:params:oauth:request_uri:x"}),
		"longer than 16 KiB":  signed(map[string]any{"padding": strings.Repeat("x", 16<<10)}),
		"a logout token":      k.typed(t, "logout+jwt", objectClaims(h, "signer", proof, nil)),
		"an assertion of its": k.assertion(t, h, "signer", nil),
	} {
		form := url.Values{"client_id": {"signer"}, "request": {object}}
		if len(object) < 6<<10 {
			// Beside the object stands a redirect URI that can be trusted with the error.
			q := h.Browser().Get(proof.Authorization("signer", url.Values{"request": {object}})).Left
			if q == nil || q.Query().Get("error") != "invalid_request_object" || q.Query().Get("code") != "" {
				t.Errorf("%s: authorization leads to %v", name, q)
			}
			// Without one, nothing is redirected.
			if p := h.Browser().Get("/oauth2/authorize?" + form.Encode()); p.StatusCode != http.StatusBadRequest || p.Left != nil {
				t.Errorf("%s: %d", name, p.StatusCode)
			}
		}
		mustRefuse(t, name+", pushed", h.Call("/oauth2/par", "signer", webtest.ClientSecret, form), http.StatusBadRequest, "invalid_request_object")
	}
	for name, change := range map[string]url.Values{
		"not signed": {}, "not its algorithm": {"request": {k.object(t, h, "picky", proof, nil)}},
	} {
		if q := h.Browser().Get(proof.Authorization("picky", change)).Left; q == nil || !strings.HasPrefix(q.Query().Get("error"), "invalid_request") {
			t.Errorf("%s: %v", name, q)
		}
	}
}

// typed signs claims under another typ.
func (k *assertionKey) typed(t testing.TB, typ string, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.JSONWebKey}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// F3: a signed request may be pushed; what is pushed beside it counts for nothing.
func TestF3_SignedAndPushed(t *testing.T) {
	t.Parallel()
	h, k := withSigner(t)
	proof := webtest.NewProof()
	a := h.Call("/oauth2/par", "signer", webtest.ClientSecret, url.Values{
		"request": {k.object(t, h, "signer", proof, nil)}, "scope": {"openid admin"}, "redirect_uri": {"https://evil.example/"},
	})
	if a.Status != http.StatusCreated {
		t.Fatalf("pushed: %d %s", a.Status, a.Raw)
	}
	q := h.Browser().Authorize(proof, "signer", "ann", url.Values{"request_uri": {a.Text("request_uri")}})
	if answer := mustGrant(t, "exchange", h.Exchange("signer", q.Get("code"), proof)); answer.Text("scope") != "openid agents:read" || q.Get("state") != "inside" {
		t.Errorf("scope %q, state %q", answer.Text("scope"), q.Get("state"))
	}
}

func TestPushedRequestsDemanded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	all := h.Replica(func(c *web.Config, _ *postgres.Options) { c.RequirePushedRequests = true })
	h.Client("pusher", func(c *storage.Client) { c.Metadata.RequirePushedRequest = true })
	for _, test := range []struct {
		h      *webtest.House
		client string
	}{{h, "pusher"}, {all, "web"}} {
		proof := webtest.NewProof()
		if q := test.h.Browser().Get(proof.Authorization(test.client, nil)).Left; q == nil || q.Query().Get("error") != "invalid_request" {
			t.Errorf("%s: not pushed leads to %v", test.client, q)
		}
		form, _ := url.ParseQuery(strings.SplitN(proof.Authorization(test.client, nil), "?", 2)[1])
		uri := test.h.Call("/oauth2/par", test.client, webtest.ClientSecret, form).Text("request_uri")
		if code := test.h.Browser().Authorize(proof, test.client, "ann", url.Values{"request_uri": {uri}}).Get("code"); code == "" {
			t.Errorf("%s: pushed leads to no code", test.client)
		}
	}
}

// By reference: an address that was registered, on a server that was told to.
func TestF1_RequestObjectByReference(t *testing.T) {
	t.Parallel()
	h, k := withSigner(t)
	fetching := h.Replica(func(c *web.Config, _ *postgres.Options) { c.FetchRequestURIs, c.InsecureOutbound = true, true })
	proof := webtest.NewProof()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/request.jwt" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(k.object(t, h, "signer", proof, nil)))
	}))
	t.Cleanup(s.Close)
	h.Client("keeper", func(c *storage.Client) {
		c.JWKS, c.Metadata.RequestURIs = k.jwks(t), []string{s.URL + "/gone.jwt"}
	})
	h.World.Exec(`update platform.clients set metadata = jsonb_build_object('request_uris', jsonb_build_array($1::text)) where id = 'signer'`, s.URL+"/request.jwt")
	ask := func(h *webtest.House, client, address string) string {
		p := h.Browser().Get(proof.Authorization(client, url.Values{"request_uri": {address}}))
		if p.Left == nil {
			return "a page"
		}
		return p.Left.Query().Get("error")
	}
	soon(t, "the client is read anew", func() bool { return ask(h, "signer", s.URL+"/request.jwt") == "request_uri_not_supported" })
	if asked.Load() != 0 {
		t.Error("a server that was not told to has fetched")
	}
	for name, got := range map[string]string{
		"not registered": ask(fetching, "signer", s.URL+"/other.jwt"), "of another client": ask(fetching, "keeper", s.URL+"/request.jwt"),
		"not there": ask(fetching, "keeper", s.URL+"/gone.jwt"), "inside": ask(fetching, "signer", "http://127.0.0.1:1/x"),
	} {
		if got != "invalid_request_uri" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if q := fetching.Browser().Authorize(proof, "signer", "ann", url.Values{"request_uri": {s.URL + "/request.jwt"}}); q.Get("state") != "inside" || q.Get("code") == "" {
		t.Errorf("by reference: %v", q)
	}
}

// JARM: the response is one signed token, for this client and for ten minutes at most.
func TestSignedAuthorizationResponse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("rsa", func(c *storage.Client) { c.Metadata.AuthorizationSigningAlg = "RS256" })
	for _, client := range []string{"web", "rsa"} {
		for _, mode := range []string{"jwt", "query.jwt"} {
			proof := webtest.NewProof()
			q := h.Browser().Authorize(proof, client, "ann", url.Values{"response_mode": {mode}})
			if len(q) != 1 {
				t.Fatalf("%s: %v stands beside the response", mode, q)
			}
			c := openResponse(t, h, q.Get("response"))
			lifetime := time.Unix(int64(c["exp"].(float64)), 0).Sub(h.Now())
			if c["iss"] != h.URL || c["aud"] != client || c["state"] != "state-1" || lifetime <= 0 || lifetime > 10*time.Minute {
				t.Errorf("%s: the response says %v", mode, c)
			}
			mustGrant(t, mode, h.Exchange(client, c["code"].(string), proof))
		}
	}
	q := h.Browser().Get(webtest.NewProof().Authorization("web", url.Values{"response_mode": {"jwt"}, "prompt": {"none"}})).Left.Query()
	if c := openResponse(t, h, q.Get("response")); c["error"] != "login_required" || c["iss"] != h.URL || c["aud"] != "web" {
		t.Errorf("an error says %v", c)
	}
	p := h.Browser().Get(webtest.NewProof().Authorization("web", url.Values{"response_mode": {"form_post.jwt"}, "prompt": {"none"}}))
	if f := p.Form(t, "", nil); openResponse(t, h, f.Values.Get("response"))["error"] != "login_required" || len(f.Values) != 1 {
		t.Errorf("form_post.jwt: %v", f.Values)
	}
}

func openResponse(t *testing.T, h *webtest.House, response string) map[string]any {
	t.Helper()
	verified, err := h.Keys.Verify(response, keys.TypeAuthorizationResponse)
	if err != nil {
		t.Fatalf("%q: %v", response, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(verified.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	// C4: it is no ID token and no access token.
	for _, typ := range []keys.Type{keys.TypeIDToken, keys.TypeAccessToken} {
		if _, err := h.Keys.Verify(response, typ); err == nil {
			t.Errorf("an authorization response passes for %s", typ)
		}
	}
	return claims
}
