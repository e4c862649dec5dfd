package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

func FuzzForm(f *testing.F) {
	f.Add("a=1&b=2", "application/x-www-form-urlencoded", "")
	f.Add("a=1&a=2", "application/x-www-form-urlencoded; charset=UTF-8", "")
	f.Add("resource=a&resource=b", "APPLICATION/X-WWW-FORM-URLENCODED", "gzip")
	f.Add("%zz;=", "multipart/form-data; boundary=x", "")
	f.Fuzz(func(t *testing.T, body, media, coding string) {
		r := httptest.NewRequest(http.MethodPost, "/oauth2/token?client_secret=beside", strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		r.Header.Set("Content-Encoding", coding)
		values, err := form(httptest.NewRecorder(), r)
		var refused *Error
		if err != nil {
			if !errors.As(err, &refused) || refused.Code != "invalid_request" || values != nil {
				t.Errorf("%q: %v, %v", body, values, err)
			}
			return
		}
		given, err := url.ParseQuery(body)
		if err != nil || coding != "" || len(body) > maxBody || values.Has("client_secret") && !given.Has("client_secret") {
			t.Errorf("%q (%s, %s) is read as %v", body, media, coding, values)
		}
		for name, all := range values {
			if !slices.Equal(all, given[name]) || len(all) > 1 && !repeatable(name) {
				t.Errorf("%q is read as %v", body, values)
			}
		}
	})
}

// ofQuery is the checks of an authorization request that look at nothing but itself.
var ofQuery = []check{
	(*Provider).checkResponseMode, (*Provider).checkResponseType, (*Provider).checkPKCE, (*Provider).checkDPoPKey, (*Provider).checkScope, (*Provider).checkIDTokenRequest,
	(*Provider).checkClaims, (*Provider).checkGrantManagement, (*Provider).checkPrompt, (*Provider).checkMaxAge,
}

func FuzzAuthorizationQuery(f *testing.F) {
	challenge := strings.Repeat("c", 43)
	good := "response_type=code&code_challenge_method=S256&code_challenge=" + challenge
	for _, more := range []string{
		"", "&prompt=login+consent&max_age=60&scope=openid+a:b", "&max_age=-1", "&max_age=99999999999", "&prompt=none+login", "&response_mode=form_post.jwt", "&response_mode=jwt.jwt",
		"&dpop_jkt=" + challenge, "&claims=%7B%22id_token%22%3A%7B%22acr%22%3A%7B%22essential%22%3Atrue%7D%7D%7D", "&response_type=token", "&scope=%22", "&state=%00", "&grant_management_action=create",
		"&response_mode=fragment", "&nonce=n&scope=openid+id_token", "&response_mode=fragment.jwt&nonce=n",
	} {
		f.Add(good + more)
	}
	sealer, err := newFlowSealer(newSecret())
	if err != nil {
		f.Fatal(err)
	}
	old := strings.Replace(good, "response_type=code", "response_type=id_token+code&nonce=n&scope=openid", 1)
	f.Add(old)
	f.Add(old + "&response_mode=form_post.jwt")
	f.Add(strings.Replace(old, "id_token+code", "id_token", 1) + "&response_mode=query")
	p, now := &Provider{Config: Config{LegacyResponseTypes: true}}, time.Unix(1e9, 0)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, AuthorizePath, nil)
		r.URL.RawQuery = query
		parameters, err := authorizationParameters(httptest.NewRecorder(), r)
		if err != nil {
			mustBeOurs(t, query, err)
			return
		}
		a := &authorization{client: nobody, flow: flow{Parameters: parameters, RequestedAt: now, Browser: digest([]byte("b"))}, redirect: &url.URL{Scheme: "https"}, maxAge: -1}
		a.client.GrantTypes = []string{storage.GrantAuthorizationCode}
		a.client.Metadata.ResponseTypes = []string{storage.ResponseCode, storage.ResponseCodeIDToken, storage.ResponseIDToken}
		for _, check := range ofQuery {
			if err := check(p, t.Context(), a); err != nil {
				mustBeOurs(t, query, err)
				return
			}
		}
		if a.wantsIDToken() && (!a.way.fragment && !a.way.formPost || parameters.Get("nonce") == "" || !a.requested.Has(authz.ScopeOpenID)) {
			t.Errorf("%q passes, to be answered by %+v", query, a.way)
		}
		if !a.wantsIDToken() && parameters.Get("response_type") != "code" {
			t.Errorf("%q passes as %s", query, a.responseType)
		}
		if a.wantsCode() && (parameters.Get("code_challenge_method") != "S256" || !isSHA256(parameters.Get("code_challenge"))) {
			t.Errorf("%q passes", query)
		}
		if a.prompts("none") && len(a.prompt) > 1 || a.maxAge < -1 || a.maxAge > 1<<31*time.Second {
			t.Errorf("%q: prompt %v, max_age %v", query, a.prompt, a.maxAge)
		}
		// What waits for a person comes back as it was.
		sealed, err := sealer.seal(toAuthorize, a.flow)
		if err != nil {
			t.Fatalf("%q cannot be kept: %v", query, err)
		}
		back, err := sealer.open(toAuthorize, sealed, "b", now)
		if err != nil || !reflect.DeepEqual(back.Parameters, parameters) {
			t.Errorf("%q comes back as %v (%v)", query, back.Parameters, err)
		}
	})
}

// mustBeOurs fails when an error is not one that a client can be told.
func mustBeOurs(t *testing.T, input string, err error) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest || refused.Code == "" || refused.Description == "" {
		t.Errorf("%q: %v", input, err)
	}
}

// nesting is how deep the braces and brackets of a JSON text go.
func nesting(text string) (deepest int) {
	depth, quoted, escaped := 0, false, false
	for _, c := range []byte(text) {
		switch {
		case escaped:
			escaped = false
		case quoted:
			quoted, escaped = c != '"', c == '\\'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}', c == ']':
			depth--
		}
	}
	return deepest
}

func FuzzClaimsParameter(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"id_token":{"email":null,"name":{"essential":true}},"userinfo":{"picture":null}}`, `{"id_token":{"sub":{"value":"x"},"acr":{"essential":true,"values":["phr"]}}}`,
		`{"id_token":{"acr":7}}`, strings.Repeat(`{"id_token":`, 17) + "1" + strings.Repeat("}", 17), `{"a":"[[[[[[[[[[[[[[[[[[[["}`, `[]`, `null`, `{"id_token":null}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := &authorization{client: nobody, flow: flow{Parameters: url.Values{"claims": {text}}}}
		if err := (&Provider{}).checkClaims(t.Context(), a); err != nil {
			mustBeOurs(t, text, err)
			return
		}
		if text != "" && (len(text) > maxClaims || !json.Valid([]byte(text)) || nesting(text) > maxDepth) {
			t.Errorf("%q passes", text)
		}
		for _, name := range a.idTokenClaims {
			if scope, known := scopeOfClaim[name]; !known || !a.requested.Has(scope) {
				t.Errorf("%q asks for %s with %v", text, name, a.requested)
			}
		}
	})
}

// fuzzedKey is the key of a client whose tokens are tried.
func fuzzedKey(f *testing.F) (signer jose.Signer, registered []byte) {
	f.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	if signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil); err != nil {
		f.Fatal(err)
	}
	registered, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey}}})
	if err != nil {
		f.Fatal(err)
	}
	return signer, registered
}

// Whatever a client signs, it is taken only when it says what it must, and what comes of
// it is parameters and nothing of the object itself.
func FuzzRequestObject(f *testing.F) {
	signer, registered := fuzzedKey(f)
	now := time.Unix(1e9, 0)
	p := &Provider{Config: Config{Issuer: "https://id.example", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}}
	for _, payload := range []string{
		`{"iss":"web","aud":"https://id.example","client_id":"web","nbf":1000000000,"exp":1000000060,"scope":"openid","max_age":60,"resource":["a","b"]}`,
		`{"iss":"web","aud":["https://id.example"],"client_id":"web","nbf":1e9,"exp":1000000060,"claims":{"id_token":{}},"state":null,"a":""}`,
		`{"iss":"web","aud":"https://id.example","client_id":"web","nbf":1000000000,"exp":1000003601}`,
		`{"iss":"web","aud":"https://id.example","client_id":"web","nbf":1000000000,"exp":1000000060,"resource":[]}`,
		`{"iss":"web","aud":"https://id.example","client_id":"web","nbf":1000000000,"exp":1000000060,"resource":["","a"]}`,
		`{"iss":"web","aud":"https://id.example","client_id":"web","nbf":1000000000,"exp":1000000060,"request":"x"}`, `{}`, `[]`, `null`,
	} {
		f.Add(payload)
	}
	c := storage.Client{ID: "web", JWKS: registered}
	f.Fuzz(func(t *testing.T, payload string) {
		if _, err := p.openRequestObject(t.Context(), &c, payload); err == nil {
			t.Fatalf("%q passes unsigned", payload)
		}
		signed, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		object, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		parameters, err := p.openRequestObject(t.Context(), &c, object)
		if err != nil {
			return
		}
		var said struct {
			Issuer   string  `json:"iss"`
			ClientID string  `json:"client_id"`
			Expiry   float64 `json:"exp"`
		}
		if err := json.Unmarshal([]byte(payload), &said); err != nil || said.Issuer != "web" || said.ClientID != "web" || said.Expiry <= 1e9 || said.Expiry > 1e9+7200 {
			t.Errorf("%q passes (%v)", payload, err)
		}
		for name, all := range parameters {
			if slices.Contains(aboutTheObject, name) || name == "request" || name == "request_uri" || len(all) != 1 && !repeatable(name) || slices.Contains(all, "") || len(all) == 0 || !isText(name) {
				t.Errorf("%q becomes %v", payload, parameters)
			}
		}
	})
}

func FuzzBackchannelRequest(f *testing.F) {
	signer, registered := fuzzedKey(f)
	now := time.Unix(1e9, 0)
	p := &Provider{Config: Config{Issuer: "https://id.example", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}}
	for _, payload := range []string{
		`{"iss":"desk","aud":"https://id.example","nbf":1000000000,"iat":1000000000,"exp":1000000060,"jti":"1","scope":"openid","login_hint":"ann","requested_expiry":60}`,
		`{"iss":"desk","aud":"https://id.example","nbf":1000000000,"iat":1e9,"exp":1000000060,"jti":"1","client_id":"desk","scope":["openid"],"binding_message":null}`,
		`{"iss":"desk","aud":"https://id.example","nbf":1000000000,"iat":1000000000,"exp":1000000060,"jti":"","sub":"desk"}`,
		`{"iss":"desk","aud":"https://id.example","nbf":1000000000,"iat":1000000000,"exp":1000000060,"jti":"1","request":null}`, `{}`, `[]`,
	} {
		f.Add(payload)
	}
	c := storage.Client{ID: "desk", JWKS: registered, Metadata: storage.ClientMetadata{BackChannelRequestAlg: "ES256"}}
	f.Fuzz(func(t *testing.T, payload string) {
		if _, _, err := p.provenBackchannelRequest(t.Context(), &c, payload); err == nil {
			t.Fatalf("%q passes unsigned", payload)
		}
		signed, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		object, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		parameters, registered, err := p.provenBackchannelRequest(t.Context(), &c, object)
		if err != nil {
			return
		}
		if registered.ID == "" || registered.Issuer != "desk" || registered.Subject != "" || registered.IssuedAt == nil || !registered.Expiry.Time().After(now) {
			t.Errorf("%q passes as %+v", payload, registered)
		}
		for name, all := range parameters {
			if slices.Contains(aboutTheObject, name) || name == "request" || len(all) > 1 && !repeatable(name) || !isText(name) {
				t.Errorf("%q becomes %v", payload, parameters)
			}
		}
	})
}

// What an assertion says of its client is what stands in it, and what stands in it
// proves nothing without a registered key.
func FuzzAssertion(f *testing.F) {
	signer, registered := fuzzedKey(f)
	signed, err := signer.Sign([]byte(`{"iss":"web","sub":"web","aud":"https://id.example","jti":"1","exp":1000000060}`))
	if err != nil {
		f.Fatal(err)
	}
	good, err := signed.CompactSerialize()
	if err != nil {
		f.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	payload := "." + strings.Split(good, ".")[1] + "."
	f.Add(good)
	f.Add(good[:len(good)-2] + "AA")
	f.Add(encode([]byte(`{"alg":"none"}`)) + payload)
	f.Add(encode([]byte(`{"alg":"HS256"}`)) + payload + "AAAA")
	f.Add(encode([]byte(`{"alg":"Ed25519","crit":["b64"],"b64":false}`)) + payload + "AAAA")
	f.Add("a.b.c")
	p := &Provider{Config: Config{Issuer: "https://id.example", Now: func() time.Time { return time.Unix(1e9, 0) }, Log: slog.New(slog.DiscardHandler)}}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := assertedClient(text)
		if err != nil {
			if id != "" {
				t.Errorf("%q is refused and of %q", text, id)
			}
			return
		}
		parts := strings.Split(text, ".")
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		var said struct {
			Subject string `json:"sub"`
		}
		if err != nil || len(parts) != 3 || json.Unmarshal(raw, &said) != nil || said.Subject != id {
			t.Errorf("%q is read as of %q", text, id)
		}
		token, err := parseAssertion(text)
		var claims map[string]any
		if err == nil && text != good && p.signedBy(context.Background(), &storage.Client{ID: "web", JWKS: registered}, token, &claims) && parts[2] != strings.Split(good, ".")[2] {
			t.Errorf("%q counts as signed", text)
		}
	})
}

func FuzzClientKeySet(f *testing.F) {
	_, registered := fuzzedKey(f)
	f.Add(registered)
	for _, text := range []string{
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"oct","k":"AAAA"}]}`, `{"keys":[{"kty":"RSA","e":"Aw","n":"AQAB"},null,7]}`,
		`{"keys":[` + strings.Repeat(`{},`, 32) + `{}]}`, `{"keys":{}}`, `[]`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		set, err := parseKeySet(document)
		if err != nil {
			return
		}
		for _, key := range set.Keys {
			if public, is := key.Key.(*rsa.PublicKey); is && (public.N.BitLen() < 2048 || public.N.BitLen() > 4096 || public.E < 65537) || !key.IsPublic() || !key.Valid() {
				t.Errorf("%q has the key %v", document, key)
			}
		}
		if len(set.Keys) > maxClientKeys {
			t.Errorf("%q has %d keys", document, len(set.Keys))
		}
	})
}

func FuzzClientDocument(f *testing.F) {
	const id = "https://notes.example/client.json"
	for _, text := range []string{
		`{"client_id":"` + id + `","client_name":"Notes","redirect_uris":["https://notes.example/cb","http://127.0.0.1/cb","com.example.notes:/cb"]}`,
		`{"client_id":"` + id + `","client_name":"Notes","redirect_uris":["https://evil.example/cb"]}`, `{"client_id":"` + id + `","client_name":"N","redirect_uris":["https://notes.example/cb"],"client_secret":null}`,
		`{"client_id":"` + id + `","client_name":"N","redirect_uris":["https://notes.example/cb"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[]}}`, `{"redirect_uris":"x"}`, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		document, err := parseClientDocument(outbound.Answer{Status: http.StatusOK, MediaType: "application/json", Body: body})
		c := storage.Client{ID: authz.ClientID(id)}
		if err == nil {
			err = document.describe(&c)
		}
		if err != nil {
			if !errors.Is(err, errClientDocument) || c.Name != "" || c.RedirectURIs != nil {
				t.Errorf("%q: %v, %+v", body, err, c)
			}
			return
		}
		if len(body) > maxClientDocument || c.Name == "" || !isText(c.Name) || c.AuthMethod != storage.AuthMethodNone && c.AuthMethod != storage.AuthMethodPrivateKeyJWT || c.SkipConsent || c.FirstParty {
			t.Errorf("%q describes %+v", body, c)
		}
		for _, uri := range c.RedirectURIs {
			u, err := url.Parse(uri)
			if err != nil || u.Scheme == "https" && !strings.EqualFold(u.Host, "notes.example") || slices.Contains([]string{"javascript", "data", "vbscript", "file", "blob"}, u.Scheme) {
				t.Errorf("%q sends people to %q", body, uri)
			}
		}
	})
}

func FuzzFeedCursor(f *testing.F) {
	cursors := feedCursors{key: newSecret()}
	ours := map[string]bool{"": true}
	for _, c := range []postgres.FeedCursor{{}} {
		ours[cursors.seal(c)] = true
		f.Add(cursors.seal(c))
	}
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := cursors.open(text); (err == nil) != ours[text] {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzReadPresented(f *testing.F) {
	f.Add("Bearer abc", "")
	f.Add("dpop abc", "access_token=x")
	f.Add("Bearer  a b", "access_token=")
	f.Add("Basic x", "access_token=%00")
	f.Fuzz(func(t *testing.T, header, body string) {
		r := httptest.NewRequest(http.MethodPost, UserInfoPath+"?access_token=beside", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", header)
		token, err := readPresented(httptest.NewRecorder(), r)
		if err != nil {
			mustBeOurs(t, header, err)
			return
		}
		inBody, _ := url.ParseQuery(body)
		if token.text != "" && !strings.HasSuffix(strings.TrimSpace(header), token.text) && token.text != inBody.Get("access_token") {
			t.Errorf("%q with %q presents %+v", header, body, token)
		}
	})
}
