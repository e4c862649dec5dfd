package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// openToken verifies a token of a type and reads it.
func openToken(t *testing.T, h *webtest.House, token string, typ keys.Type) map[string]any {
	t.Helper()
	verified, err := h.Keys.Verify(token, typ)
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(verified.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// OpenID Connect Core §5.3.2: a signed answer names who made it and for whom.
func TestSignedUserInfo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, algorithm := range []string{"ES256", "RS256"} {
		h.Client(algorithm, func(c *storage.Client) { c.Metadata.UserInfoSigningAlg = algorithm })
		u := userInfo(t, h, h.Tokens(algorithm, "ann", nil).Text("access_token"))
		if u.Status != http.StatusOK || u.Header.Get("Content-Type") != "application/jwt" || headerOf(t, u.Raw)["alg"] != algorithm {
			t.Fatalf("%s: %d %s %s", algorithm, u.Status, u.Header.Get("Content-Type"), u.Raw)
		}
		c := openToken(t, h, u.Raw, keys.TypeUserInfo)
		if c["iss"] != h.URL || c["aud"] != algorithm || c["preferred_username"] != "ann" || c["sub"] == "" {
			t.Errorf("%s: %v", algorithm, c)
		}
	}
}

func introspectSigned(t *testing.T, h *webtest.House, client, token string) webtest.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+"/oauth2/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/token-introspection+jwt")
	r.SetBasicAuth(client, webtest.ClientSecret)
	return h.Send(r)
}

// RFC 9701: the answer as a token, for the resource server that asked, dead or alive.
func TestSignedIntrospection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Machine("es", func(c *storage.Client) { c.Introspect, c.Metadata.IntrospectionSigningAlg = true, "ES256" })
	token := h.Tokens("web", "ann", nil).Text("access_token")
	for client, algorithm := range map[string]string{"rs": "RS256", "es": "ES256"} {
		for text, active := range map[string]bool{token: true, "junk": false} {
			a := introspectSigned(t, h, client, text)
			if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "application/token-introspection+jwt" || headerOf(t, a.Raw)["alg"] != algorithm {
				t.Fatalf("%s: %d %s %s", client, a.Status, a.Header.Get("Content-Type"), a.Raw)
			}
			c := openToken(t, h, a.Raw, keys.TypeIntrospection)
			inside, _ := c["token_introspection"].(map[string]any)
			if c["iss"] != h.URL || c["aud"] != client || c["iat"] == nil || c["sub"] != nil || c["exp"] != nil || inside["active"] != active {
				t.Errorf("%s: %v", client, c)
			}
			if !active && len(inside) != 1 {
				t.Errorf("an inactive token says %v", inside)
			}
		}
	}
	// RFC 9701 §8.1: such an answer passes for no other token.
	signed := introspectSigned(t, h, "rs", token).Raw
	if a := userInfo(t, h, signed); a.Status != http.StatusUnauthorized {
		t.Errorf("as an access token: %d", a.Status)
	}
}

// OpenID Connect Core §10.2: signed, then encrypted to a key of the client's.
func TestEncryptedIDToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signature := newAssertionKey(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		signature.Public(), {Key: &curve.PublicKey, KeyID: "ec", Use: "enc"}, {Key: &big.PublicKey, KeyID: "rsa", Use: "enc"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		algorithm, content string
		private            any
	}{
		{"ECDH-ES", "", curve}, {"ECDH-ES+A256KW", "A256GCM", curve}, {"RSA-OAEP-256", "A256CBC-HS512", big}, {"RSA-OAEP-256", "A128GCM", big},
	} {
		id := strings.ReplaceAll(strings.ToLower(test.algorithm+test.content), "+", "-")
		h.Client(id, func(c *storage.Client) {
			c.JWKS, c.Metadata.IDTokenEncryptionAlg, c.Metadata.IDTokenEncryptionEnc = set, test.algorithm, test.content
		})
		text := h.Tokens(id, "ann", nil).Text("id_token")
		if strings.Count(text, ".") != 4 {
			t.Fatalf("%s: not encrypted: %q", id, text)
		}
		sealed, err := jose.ParseEncrypted(text, []jose.KeyAlgorithm{jose.KeyAlgorithm(test.algorithm)},
			[]jose.ContentEncryption{jose.A128CBC_HS256, jose.A256CBC_HS512, jose.A128GCM, jose.A256GCM})
		if err != nil {
			t.Fatal(err)
		}
		if cty := sealed.Header.ExtraHeaders["cty"]; cty != "JWT" {
			t.Errorf("%s: cty is %v (RFC 7519 §5.2)", id, cty)
		}
		signed, err := sealed.Decrypt(test.private)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if c := openToken(t, h, string(signed), keys.TypeIDToken); c["aud"] != id {
			t.Errorf("%s: %v", id, c)
		}
	}
}

// A client whose keys fit no encryption is told so before anybody is asked anything: what is
// written would lead nowhere. One that loses its keys later spends no code.
func TestEncryptedIDToken_WithoutAKey(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	signature := newAssertionKey(t)
	only, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{signature.Public()}})
	noError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	fitting, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &curve.PublicKey, KeyID: "ec", Use: "enc"}}})
	noError(t, err)
	h.Client("keyless", func(c *storage.Client) {
		c.JWKS, c.Metadata.IDTokenEncryptionAlg, c.Metadata.BackChannelDelivery = only, "RSA-OAEP-256", "poll"
		c.GrantTypes = []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken, deviceGrant, cibaGrant}
	})
	h.Client("leaving", func(c *storage.Client) { c.JWKS, c.Metadata.IDTokenEncryptionAlg = fitting, "ECDH-ES" })
	h.Client("gone", func(c *storage.Client) {
		c.Metadata.JWKSURI, c.Metadata.IDTokenEncryptionAlg = "https://127.0.0.1:1/jwks", "ECDH-ES"
	})
	written := func() (all string) {
		for _, table := range []string{"grants", "consents", "pushed_requests", "device_codes", "backchannel_requests"} {
			all += h.World.Text(`select to_jsonb(x)::text from platform.` + table + ` x`)
		}
		return all
	}
	b, _ := signedIn(h, "web", "ann", nil)
	before := written()
	if got := shows(b.Get(webtest.NewProof().Authorization("keyless", nil))); got != "unauthorized_client" {
		t.Errorf("authorization: %s", got)
	}
	if got := shows(h.Browser().Get(webtest.NewProof().Authorization("keyless", nil))); got != "unauthorized_client" {
		t.Errorf("authorization before a sign-in: %s", got)
	}
	if got := shows(b.Get(webtest.NewProof().Authorization("gone", nil))); got != "temporarily_unavailable" {
		t.Errorf("keys that cannot be fetched: %s", got)
	}
	pushed := url.Values{"response_type": {"code"}, "redirect_uri": {webtest.RedirectURI}, "scope": {"openid"}, "code_challenge": {webtest.NewProof().Challenge}, "code_challenge_method": {"S256"}}
	mustRefuse(t, "pushed request", h.Call("/oauth2/par", "keyless", webtest.ClientSecret, pushed), http.StatusBadRequest, "unauthorized_client")
	mustRefuse(t, "device", h.Call("/oauth2/device_authorization", "keyless", webtest.ClientSecret, url.Values{"scope": {"openid"}}), http.StatusBadRequest, "unauthorized_client")
	mustRefuse(t, "back channel", ask(h, "keyless", nil), http.StatusBadRequest, "unauthorized_client")
	if written() != before {
		t.Error("a request that leads nowhere was written down")
	}
	if got := shows(b.Get(webtest.NewProof().Authorization("keyless", url.Values{"scope": {"user"}}))); got != "consent" {
		t.Errorf("without an ID token: %s", got)
	}

	proof := webtest.NewProof()
	code := b.Authorize(proof, "leaving", "ann", nil).Get("code")
	keysOf := func(set []byte) { h.World.Exec(`update platform.clients set jwks = $1 where id = 'leaving'`, set) }
	keysOf(only)
	before = written()
	mustRefuse(t, "code", h.Exchange("leaving", code, proof), http.StatusBadRequest, "unauthorized_client")
	if written() != before {
		t.Error("a code was spent on a token that could not be encrypted")
	}
	keysOf(fitting)
	mustGrant(t, "with a key again", h.Exchange("leaving", code, proof))
}
