package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func legacyResponseTypes(c *web.Config, _ *postgres.Options) { c.LegacyResponseTypes = true }

// newOldHouse is a house with an old client, "old", and ann signed in at it.
func newOldHouse(t testing.TB, options ...webtest.Option) (*webtest.House, *webtest.Browser) {
	t.Helper()
	h := newHouse(t, options...)
	h.Client("old", func(c *storage.Client) {
		c.Metadata.ResponseTypes = []string{storage.ResponseCode, storage.ResponseCodeIDToken, storage.ResponseIDToken}
		c.Metadata.FrontChannelLogoutURI = "https://app.example/out"
	})
	b := h.Browser()
	b.SignIn(b.Get("/login"), "ann")
	return h, b
}

// fragment is the parameters behind the redirect URI. There must be nothing in its query.
func fragment(t testing.TB, p *webtest.Page) url.Values {
	t.Helper()
	if p.Left == nil || p.Left.RawQuery != "" || !strings.HasPrefix(p.Left.String(), webtest.RedirectURI+"#") {
		t.Fatalf("the response went to %v (%d)\n%s", p.Left, p.StatusCode, p.Body)
	}
	q, err := url.ParseQuery(p.Left.EscapedFragment())
	noError(t, err)
	return q
}

func leftHalf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// proven is the claims of a token that a published key has signed.
func proven(t testing.TB, h *webtest.House, token string) map[string]any {
	t.Helper()
	var set jose.JSONWebKeySet
	noError(t, json.Unmarshal(h.Browser().Get("/oauth2/jwks").Body, &set))
	jws, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	noError(t, err)
	payload, err := jws.Verify(set.Key(jws.Signatures[0].Header.KeyID)[0])
	noError(t, err)
	var claims map[string]any
	noError(t, json.Unmarshal(payload, &claims))
	return claims
}

func TestLegacyResponseTypes_CodeAndIDToken(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t, legacyResponseTypes)
	for _, responseType := range []string{"code id_token", "id_token code"} {
		proof := webtest.NewProof()
		p := b.Get(proof.Authorization("old", url.Values{"response_type": {responseType}}))
		if shows(p) == "consent" {
			p = b.Press(p, "accept", nil)
		}
		q := fragment(t, p)
		if q.Get("iss") != h.URL || q.Get("state") != "state-1" || q.Get("session_state") == "" || q.Has("access_token") || len(q) != 5 {
			t.Errorf("%s: the response is %v", responseType, q)
		}
		claims := proven(t, h, q.Get("id_token"))
		for name, want := range map[string]any{
			"iss": h.URL, "aud": "old", "nonce": "nonce-1", "c_hash": leftHalf(q.Get("code")), "s_hash": leftHalf("state-1"), "at_hash": nil, "email": nil,
		} {
			if claims[name] != want {
				t.Errorf("%s: %s is %v, want %v", responseType, name, claims[name], want)
			}
		}
		mustRefuse(t, "another verifier", h.Exchange("old", q.Get("code"), webtest.NewProof()), http.StatusBadRequest, "invalid_grant")
		second := claimsOf(t, mustGrant(t, "exchange", h.Exchange("old", q.Get("code"), proof)).Text("id_token"))
		for _, name := range []string{"iss", "sub", "aud", "nonce", "sid", "auth_time"} {
			if second[name] != claims[name] {
				t.Errorf("%s: %s is %v at the token endpoint, %v before", responseType, name, second[name], claims[name])
			}
		}
	}
}

func TestLegacyResponseTypes_IDTokenAlone(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t, legacyResponseTypes)
	request := webtest.NewProof().Authorization("old", url.Values{
		"response_type": {"id_token"}, "scope": {"openid email"}, "code_challenge": nil, "code_challenge_method": nil, "state": nil,
	})
	q := fragment(t, b.Press(b.Get(request), "accept", nil))
	if len(q) != 3 || q.Get("iss") != h.URL || q.Get("session_state") == "" {
		t.Errorf("the response is %v", q)
	}
	claims := proven(t, h, q.Get("id_token"))
	for name, want := range map[string]any{
		"iss": h.URL, "aud": "old", "nonce": "nonce-1", "email": "ann@example.com", "preferred_username": nil, "c_hash": nil, "s_hash": nil, "at_hash": nil,
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	// It was agreed to, and is not asked again; the client is told when the session ends.
	if q := fragment(t, b.Get(request)); !q.Has("id_token") {
		t.Errorf("a second time: %v", q)
	}
	p := b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {q.Get("id_token")}}.Encode())
	if !strings.Contains(string(p.Body), "https://app.example/out?") {
		t.Errorf("the old client is not told: %d\n%s", p.StatusCode, p.Body)
	}
}

func TestLegacyResponseTypes_Modes(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t, legacyResponseTypes)
	b.Press(b.Get(webtest.NewProof().Authorization("old", nil)), "accept", nil)
	for _, responseType := range []string{"code id_token", "id_token"} {
		ask := func(mode string) *webtest.Page {
			return b.Get(webtest.NewProof().Authorization("old", url.Values{"response_type": {responseType}, "response_mode": {mode}}))
		}
		for _, mode := range []string{"", "fragment"} {
			if q := fragment(t, ask(mode)); !q.Has("id_token") {
				t.Errorf("%s by %q: %v", responseType, mode, q)
			}
		}
		for _, mode := range []string{"jwt", "fragment.jwt"} {
			if claims := proven(t, h, fragment(t, ask(mode)).Get("response")); claims["id_token"] == nil || claims["iss"] != h.URL {
				t.Errorf("%s by %s: %v", responseType, mode, claims)
			}
		}
		if q := answered(t, ask("form_post")); !q.Has("id_token") {
			t.Errorf("%s by form_post: %v", responseType, q)
		}
		if claims := proven(t, h, answered(t, ask("form_post.jwt")).Get("response")); claims["id_token"] == nil {
			t.Errorf("%s by form_post.jwt: %v", responseType, claims)
		}
		for _, mode := range []string{"query", "query.jwt", "cookie"} {
			if q := fragment(t, ask(mode)); q.Get("error") != "invalid_request" || q.Get("iss") != h.URL || q.Has("id_token") {
				t.Errorf("%s by %s: %v", responseType, mode, q)
			}
		}
	}
}

func TestLegacyResponseTypes_Refusals(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t, legacyResponseTypes)
	h.Client("sealed", func(c *storage.Client) {
		c.Metadata.ResponseTypes = []string{storage.ResponseIDToken}
		c.Metadata.RequireSignedRequest = true
	})
	h.Client("alone", func(c *storage.Client) { c.Metadata.ResponseTypes = []string{storage.ResponseIDToken} })
	for name, c := range map[string]struct {
		client, want string
		browser      *webtest.Browser
		change       url.Values
	}{
		"no nonce":                 {"old", "invalid_request", b, url.Values{"nonce": nil}},
		"no nonce, alone":          {"old", "invalid_request", b, url.Values{"nonce": nil, "response_type": {"id_token"}}},
		"no challenge":             {"old", "invalid_request", b, url.Values{"code_challenge": nil}},
		"plain":                    {"old", "invalid_request", b, url.Values{"code_challenge_method": {"plain"}}},
		"no openid":                {"old", "invalid_scope", b, url.Values{"scope": {"user"}}},
		"no openid, alone":         {"old", "invalid_scope", b, url.Values{"scope": {"user"}, "response_type": {"id_token"}}},
		"nobody there":             {"old", "login_required", h.Browser(), url.Values{"prompt": {"none"}}},
		"no consent":               {"old", "consent_required", b, url.Values{"prompt": {"none"}}},
		"a bad prompt":             {"old", "invalid_request", b, url.Values{"prompt": {"what"}}},
		"a request object":         {"old", "invalid_request_object", b, url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}}},
		"not signed":               {"sealed", "invalid_request", b, url.Values{"response_type": {"id_token"}}},
		"not registered for it":    {"web", "unauthorized_client", b, nil},
		"registered for the other": {"alone", "unauthorized_client", b, nil},
	} {
		change := url.Values{"response_type": {"code id_token"}}
		for name, values := range c.change {
			change[name] = values
		}
		q := fragment(t, c.browser.Get(webtest.NewProof().Authorization(c.client, change)))
		if q.Get("error") != c.want || q.Get("iss") != h.URL || q.Get("state") != "state-1" || q.Has("id_token") || q.Has("code") {
			t.Errorf("%s: %v, want %s", name, q, c.want)
		}
	}
	q := fragment(t, b.Press(b.Get(webtest.NewProof().Authorization("old", url.Values{"response_type": {"code id_token"}})), "deny", nil))
	if q.Get("error") != "access_denied" {
		t.Errorf("the person said no: %v", q)
	}
	// There is no access token to be had from here, with whatever else.
	for _, responseType := range []string{"token", "id_token token", "code token", "code id_token token", "none", "code code", "code none"} {
		p := b.Get(webtest.NewProof().Authorization("old", url.Values{"response_type": {responseType}}))
		if q := answered(t, p); q.Get("error") != "unsupported_response_type" || q.Has("access_token") {
			t.Errorf("%s: %v", responseType, q)
		}
	}
}

// A client that is registered for old response types gets none before the operator
// allows them.
func TestLegacyResponseTypes_AreOff(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t)
	for _, responseType := range []string{"code id_token", "id_token"} {
		p := b.Get(webtest.NewProof().Authorization("old", url.Values{"response_type": {responseType}}))
		if q := answered(t, p); q.Get("error") != "unsupported_response_type" || q.Has("id_token") {
			t.Errorf("%s: %v", responseType, q)
		}
	}
	if d := document(t, h); !slices.Equal(listed(t, d, "response_types_supported"), []string{"code"}) || slices.Contains(listed(t, d, "response_modes_supported"), "fragment") {
		t.Errorf("announced: %v, %v", d["response_types_supported"], d["response_modes_supported"])
	}
}

func TestLegacyResponseTypes_AnnouncedAreTrue(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t, legacyResponseTypes)
	b.Press(b.Get(webtest.NewProof().Authorization("old", nil)), "accept", nil)
	d := document(t, h)
	types := listed(t, d, "response_types_supported")
	if !slices.Equal(types, []string{"code", "code id_token", "id_token"}) {
		t.Errorf("announced: %v", types)
	}
	for _, mode := range listed(t, d, "response_modes_supported") {
		for _, responseType := range types {
			if strings.Contains(responseType, "id_token") && strings.HasPrefix(mode, "query") {
				continue
			}
			p := b.Get(webtest.NewProof().Authorization("old", url.Values{"response_type": {responseType}, "response_mode": {mode}}))
			if p.Left != nil && strings.Contains(p.Left.String(), "error=") || p.Left == nil && !strings.Contains(string(p.Body), `id="form-post"`) {
				t.Errorf("%s by %s: %d %v", responseType, mode, p.StatusCode, p.Left)
			}
		}
	}
}

// What a paused request was begun with holds to its end, and is judged again there: not
// what stands beside it, and not what the client was registered for when it began.
func TestA15_ResponseTypeIsJudgedAgainAtTheEnd(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t, legacyResponseTypes)
	question := b.Get(webtest.NewProof().Authorization("old", nil)).Form(t, "accept", nil)
	beside := url.Values{"response_type": {"code id_token"}, "response_mode": {"fragment"}, "nonce": {"another"}}
	p := b.Post(question.Action+"?"+beside.Encode(), question.Values)
	if q := answered(t, p); !q.Has("code") || q.Has("id_token") {
		t.Errorf("a request for a code is answered by %s", p.Left)
	}
	again := url.Values{"response_type": {"code id_token"}, "prompt": {"consent"}}
	question = b.Get(webtest.NewProof().Authorization("old", again)).Form(t, "accept", nil)
	approved := b.PostRaw(question.Action, question.Values, nil).Header.Get("Location")
	waiting := b.Get(webtest.NewProof().Authorization("old", again)).Form(t, "accept", nil)
	h.World.Exec(`update platform.clients set metadata = metadata - 'response_types' where id = 'old'`)
	var q url.Values
	soon(t, "the client is read anew", func() bool {
		q = fragment(t, b.Get(webtest.NewProof().Authorization("old", url.Values{"response_type": {"code id_token"}, "prompt": {"none"}})))
		return q.Get("error") == "unauthorized_client"
	})
	for name, p := range map[string]*webtest.Page{"approved before": b.Get(approved), "approved now": b.Post(waiting.Action, waiting.Values)} {
		if p.Left != nil && p.Left.Fragment != "" {
			q = fragment(t, p)
		} else {
			q = url.Values{}
			if p.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d, to %v", name, p.StatusCode, p.Left)
			}
		}
		if q.Has("id_token") || q.Has("code") || q.Get("error") != "" && q.Get("error") != "unauthorized_client" {
			t.Errorf("%s: %v", name, q)
		}
	}
}

// OpenID Connect Core §10.2 and §3.3.2.11 together: the ID token of an authorization response is
// encrypted too, and inside bound to the code beside it.
func TestLegacyResponseTypes_EncryptedIDToken(t *testing.T) {
	t.Parallel()
	h, b := newOldHouse(t, legacyResponseTypes)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &private.PublicKey, KeyID: "ec", Use: "enc"}}})
	noError(t, err)
	h.Client("sealed", func(c *storage.Client) {
		c.Metadata.ResponseTypes = []string{storage.ResponseCode, storage.ResponseCodeIDToken, storage.ResponseIDToken}
		c.JWKS, c.Metadata.IDTokenEncryptionAlg, c.Metadata.IDTokenEncryptionEnc = set, "ECDH-ES", "A256GCM"
	})
	opened := func(token string) map[string]any {
		t.Helper()
		sealed, err := jose.ParseEncrypted(token, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
		noError(t, err)
		signed, err := sealed.Decrypt(private)
		noError(t, err)
		return proven(t, h, string(signed))
	}
	proof := webtest.NewProof()
	p := b.Press(b.Get(proof.Authorization("sealed", url.Values{"response_type": {storage.ResponseCodeIDToken}})), "accept", nil)
	q := fragment(t, p)
	first := opened(q.Get("id_token"))
	if first["c_hash"] != leftHalf(q.Get("code")) || first["s_hash"] != leftHalf("state-1") || first["nonce"] != "nonce-1" || first["aud"] != "sealed" {
		t.Errorf("in the response: %v", first)
	}
	second := opened(mustGrant(t, "exchange", h.Exchange("sealed", q.Get("code"), proof)).Text("id_token"))
	for _, name := range []string{"iss", "sub", "aud", "nonce", "sid", "auth_time"} {
		if second[name] != first[name] {
			t.Errorf("%s is %v at the token endpoint, %v before", name, second[name], first[name])
		}
	}
	alone := fragment(t, b.Get(webtest.NewProof().Authorization("sealed", url.Values{"response_type": {storage.ResponseIDToken}})))
	if c := opened(alone.Get("id_token")); c["email"] != "ann@example.com" || c["c_hash"] != nil {
		t.Errorf("alone: %v", c)
	}
}
