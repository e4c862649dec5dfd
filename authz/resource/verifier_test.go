package resource

import (
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse/gatehouse/authz"
)

func refuse(t *testing.T, a Authenticator, name, token string) {
	t.Helper()
	if p, err := a.Authenticate(t.Context(), token); !errors.Is(err, ErrInvalidToken) || p != nil {
		t.Errorf("%s: got %+v, %v", name, p, err)
	}
}

func accept(t *testing.T, a Authenticator, name, token string) *Principal {
	t.Helper()
	p, err := a.Authenticate(t.Context(), token)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return p
}

func TestVerifierNamesThePrincipal(t *testing.T) {
	want := &Principal{
		Subject: "0198c0de-0000-7000-8000-000000000001", ClientID: "web",
		Scopes: authz.ScopeSet{"user", "agents:read"},
		Roles:  []string{"user"}, Groups: []string{"engineering"},
		SessionID: "session-1", GrantID: "grant-1", TokenID: "token-1",
		IssuedAt: testNow, ExpiresAt: testNow.Add(10 * time.Minute),
		ACR: "aal2", AMR: []string{"pwd", "otp"}, AuthTime: testNow.Add(-time.Minute),
	}
	want.Tenant, _ = authz.ParseID[authz.TenantID]("0198c0de-0000-7000-8000-0000000000aa")
	want.Project, _ = authz.ParseID[authz.ProjectID]("0198c0de-0000-7000-8000-0000000000bb")
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA} {
		i := newIssuer(t, newKey(t, "k1", algorithm))
		v := i.verifier(t, newClock())
		got := accept(t, v, string(algorithm), i.token(t, nil))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", algorithm, diff)
		}
		if got.IsClient() {
			t.Error("a user's token counts as a client's own")
		}
	}
}

func TestVerifierNamesAClient(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	p := accept(t, i.verifier(t, newClock()), "client", i.token(t, map[string]any{
		"sub": "nightly", "client_id": "nightly", "aud": testAudience, "grant_id": nil, "sid": nil,
		"tenant_id": nil, "project_id": nil, "roles": nil, "groups": nil, "acr": nil, "amr": nil, "auth_time": nil,
	}))
	if !p.IsClient() || !p.Tenant.IsZero() || !p.AuthTime.IsZero() || p.Roles != nil {
		t.Errorf("got %+v", p)
	}
}

func TestVerifierRefusesClaims(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	for _, name := range []string{"iss", "aud", "sub", "client_id", "jti", "exp", "iat"} {
		refuse(t, v, "without "+name, i.token(t, map[string]any{name: nil}))
		refuse(t, v, name+" of another type", i.token(t, map[string]any{name: map[string]any{"x": 1}}))
		refuse(t, v, name+" empty", i.token(t, map[string]any{name: ""}))
	}
	for name, changes := range map[string]map[string]any{
		"a pattern for a scope":   {"scope": "user *"},
		"a quote in a scope":      {"scope": `user"`},
		"a tenant that is no id":  {"tenant_id": "' or 1=1 --"},
		"a project that is no id": {"project_id": 7},
		"bound to a key":          {"cnf": map[string]string{"jkt": "x"}},
		"exp beyond all dates":    {"exp": 1e300},
		"exp before all dates":    {"exp": -1},
		"nbf beyond all dates":    {"nbf": 1e300},
		"exp as a text":           {"exp": "99999999999"},
	} {
		refuse(t, v, name, i.token(t, changes))
	}
	good := string(i.claims(t, nil))
	for name, payload := range map[string]string{
		"a claim twice":   `{"sub":"admin",` + good[1:],
		"trailing data":   good + `{"sub":"admin"}`,
		"upper case":      strings.Replace(good, `"aud"`, `"AUD"`, 1),
		"an array":        "[" + good + "]",
		"null":            "null",
		"nothing":         "",
		"not even JSON":   "sub=admin",
		"deep":            strings.Repeat("[", 9000),
		"cut in the half": good[:len(good)/2],
	} {
		refuse(t, v, name, i.keys[0].sign(t, nil, []byte(payload)))
	}
	accept(t, v, "the control", i.keys[0].sign(t, nil, []byte(good)))
	accept(t, v, "no scope at all", i.token(t, map[string]any{"scope": nil}))
	accept(t, v, "a fraction of a second", i.token(t, map[string]any{"iat": float64(testNow.Unix()) + .5}))
}

func TestC1_AlgNone(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	payload := encode(string(i.claims(t, nil)))
	genuine := i.token(t, nil)
	signature := genuine[strings.LastIndex(genuine, ".")+1:]
	for _, alg := range []string{`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `""`, `null`, `0`} {
		protected := encode(fmt.Sprintf(`{"alg":%s,"kid":"k1","typ":"at+jwt"}`, alg))
		refuse(t, v, alg+" unsigned", protected+"."+payload+".")
		refuse(t, v, alg+" without the last dot", protected+"."+payload)
		refuse(t, v, alg+" with a genuine signature", protected+"."+payload+"."+signature)
		refuse(t, v, alg+" signed", i.keys[0].signES256Over(t, protected+"."+payload))
	}
	refuse(t, v, "no alg", i.keys[0].signES256Over(t, encode(`{"kid":"k1","typ":"at+jwt"}`)+"."+payload))
	refuse(t, v, "genuine but for the signature", genuine[:strings.LastIndex(genuine, ".")+1])
}

func TestC2_AlgorithmConfusion(t *testing.T) {
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA} {
		i := newIssuer(t, newKey(t, "k1", algorithm))
		v := i.verifier(t, newClock())
		der, err := x509.MarshalPKIXPublicKey(i.keys[0].private.Public())
		if err != nil {
			t.Fatal(err)
		}
		document, err := i.keys[0].jwk().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		for name, secret := range map[string][]byte{
			"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der, "JWK": document, "empty": {},
		} {
			for _, alg := range []string{"HS256", "hs256", string(algorithm)} {
				input := encode(fmt.Sprintf(`{"alg":%q,"kid":"k1","typ":"at+jwt"}`, alg)) + "." + encode(string(i.claims(t, nil)))
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				refuse(t, v, fmt.Sprintf("%s with the %s of an %s key", alg, name, algorithm),
					input+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
			}
		}
		// A key that says its algorithm is used with no other, not even with one of
		// the same family.
		if algorithm == jose.RS256 {
			other := signingKey{"k1", jose.PS256, i.keys[0].private}
			refuse(t, v, "PS256 with an RS256 key", other.sign(t, nil, i.claims(t, nil)))
		}
	}
}

func TestC3_HeaderInjection(t *testing.T) {
	var hits atomic.Int32
	own := newKey(t, "k1", jose.ES256)
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own.jwk()}})
	}))
	defer canary.Close()

	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	for name, extra := range map[string]map[jose.HeaderKey]any{
		"jku": {"jku": canary.URL},
		"x5u": {"x5u": canary.URL},
		"jwk": {"jwk": own.jwk()},
		"x5c": {"x5c": []string{"bm90IGEgY2VydGlmaWNhdGU="}},
		"all": {"jku": canary.URL, "x5u": canary.URL, "jwk": own.jwk()},
	} {
		refuse(t, v, name+", their key", own.sign(t, extra, i.claims(t, nil)))
		other := signingKey{"another", jose.ES256, own.private}
		refuse(t, v, name+", their key and kid", other.sign(t, extra, i.claims(t, nil)))
		// What the issuer itself writes there is not read.
		accept(t, v, name+", the issuer's key", i.keys[0].sign(t, extra, i.claims(t, nil)))
	}
	for _, kid := range []string{"", "../../x", "' or 1=1 --", canary.URL, "/dev/null", "K1", "k1\x00", "k1 "} {
		injected := signingKey{kid, jose.ES256, i.keys[0].private}
		refuse(t, v, "kid "+kid, injected.sign(t, nil, i.claims(t, nil)))
	}
	payload := "." + encode(string(i.claims(t, nil)))
	for _, h := range []string{
		`{"alg":"ES256","kid":"x","kid":"k1","typ":"at+jwt"}`,
		`{"alg":"ES256","KID":"k1","typ":"at+jwt"}`,
		`{"alg":"ES256","kid":["k1"],"typ":"at+jwt"}`,
		`{"alg":"ES256","kid":"k1","typ":"at+jwt"}{}`,
	} {
		refuse(t, v, h, i.keys[0].signES256Over(t, encode(h)+payload))
	}
	if hits.Load() != 0 {
		t.Errorf("%d calls went out", hits.Load())
	}
}

func TestC4_TypeConfusion(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	for _, typ := range []any{"JWT", "jwt", "logout+jwt", "", nil, "at+jwt ", "x/at+jwt", "application/application/at+jwt", "secevent+jwt", 7} {
		refuse(t, v, fmt.Sprintf("typ %v", typ), i.keys[0].sign(t, map[jose.HeaderKey]any{"typ": typ}, i.claims(t, nil)))
	}
	refuse(t, v, "no typ", i.keys[0].signES256Over(t, encode(`{"alg":"ES256","kid":"k1"}`)+"."+encode(string(i.claims(t, nil)))))
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"} {
		accept(t, v, typ, i.keys[0].sign(t, map[jose.HeaderKey]any{"typ": typ}, i.claims(t, nil)))
	}
}

func TestC5_Audience(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	for _, aud := range []any{
		"https://other.example.com", []string{}, []string{"https://other.example.com"}, "",
		testAudience + "/", testAudience[:len(testAudience)-1], strings.ToUpper(testAudience), "*", []any{1},
	} {
		refuse(t, v, fmt.Sprint(aud), i.token(t, map[string]any{"aud": aud}))
	}
	accept(t, v, "one of several", i.token(t, map[string]any{"aud": []string{"https://other.example.com", testAudience}}))
}

func TestC6_Times(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	now := testNow.Unix()
	for name, test := range map[string]struct {
		changes map[string]any
		ok      bool
	}{
		"exp 61 s ago":           {map[string]any{"exp": now - 61}, false},
		"exp now":                {map[string]any{"exp": now}, false},
		"exp in 1 s":             {map[string]any{"exp": now + 1}, true},
		"exp in 61 s":            {map[string]any{"exp": now + 61}, true},
		"nbf in 61 s":            {map[string]any{"nbf": now + 61}, false},
		"nbf in 60 s":            {map[string]any{"nbf": now + 60}, true},
		"nbf 61 s ago":           {map[string]any{"nbf": now - 61}, true},
		"iat in 61 s":            {map[string]any{"iat": now + 61}, false},
		"iat in 60 s":            {map[string]any{"iat": now + 60}, true},
		"exp before iat and now": {map[string]any{"iat": now - 10, "exp": now - 20}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := i.verifier(t, newClock())
			if token := i.token(t, test.changes); test.ok {
				accept(t, v, name, token)
			} else {
				refuse(t, v, name, token)
			}
		})
	}
	c := newClock()
	v, token := i.verifier(t, c), i.token(t, nil)
	c.advance(10*time.Minute - time.Second)
	accept(t, v, "the last second", token)
	c.advance(time.Second)
	refuse(t, v, "the end", token)
}

func TestC7_AnotherIssuerWithTheSameKeys(t *testing.T) {
	key := newKey(t, "k1", jose.ES256)
	ours, theirs := newIssuer(t, key), newIssuer(t, key)
	v := ours.verifier(t, newClock())
	refuse(t, v, "another issuer", theirs.token(t, nil))
	for _, iss := range []string{ours.URL + "/", strings.ToUpper(ours.URL), ours.URL + "/tenant", ours.URL + "?", ""} {
		refuse(t, v, iss, ours.token(t, map[string]any{"iss": iss}))
	}
}

func TestC8_EveryAlterationIsRefused(t *testing.T) {
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA} {
		i := newIssuer(t, newKey(t, "k1", algorithm))
		v := i.verifier(t, newClock())
		// A short payload: every byte of it costs a dozen verifications.
		token := i.token(t, map[string]any{
			"tenant_id": nil, "project_id": nil, "roles": nil, "groups": nil, "amr": nil, "acr": nil, "sid": nil,
			"grant_id": nil, "auth_time": nil, "scope": nil, "sub": "s",
		})
		accept(t, v, "the control", token)
		for at := range len(token) {
			refuse(t, v, fmt.Sprintf("truncated to %d", at), token[:at])
			refuse(t, v, fmt.Sprintf("without the first %d", at+1), token[at+1:])
			refuse(t, v, fmt.Sprintf("without byte %d", at), token[:at]+token[at+1:])
			for bit := range 8 {
				flipped := []byte(token)
				flipped[at] ^= 1 << bit
				refuse(t, v, fmt.Sprintf("bit %d of byte %d", bit, at), string(flipped))
			}
			for _, extra := range []string{"\n", "\r\n", " ", ".", "="} {
				refuse(t, v, fmt.Sprintf("%q at %d", extra, at), token[:at]+extra+token[at:])
			}
		}
		for _, extra := range []string{"\n", " ", ".", "=", "==", "A", "AAAA", "\x00", "." + token} {
			refuse(t, v, fmt.Sprintf("%q at the end", extra), token+extra)
		}
	}
}

// RFC 7515 §4.1.11: what is critical and not understood is refused. From an ECDSA
// signature (r, s) anybody can compute (r, n-s): it must be no other token.
func TestC16_CriticalHeadersAndMalleability(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	key, payload := i.keys[0], string(i.claims(t, nil))
	for _, members := range []string{
		`"b64":false,"crit":["b64"]`, `"b64":true,"crit":["b64"]`, `"crit":["exp"],"exp":1`,
		`"crit":[]`, `"crit":null`, `"crit":"b64"`, `"b64":false`,
	} {
		protected := encode(`{"alg":"ES256","kid":"k1","typ":"at+jwt",` + members + `}`)
		refuse(t, v, members, key.signES256Over(t, protected+"."+encode(payload)))
		refuse(t, v, members+" detached", key.signES256Over(t, protected+"."))
		refuse(t, v, members+" unencoded", key.signES256Over(t, protected+"."+strings.ReplaceAll(payload, ".", "")))
	}

	token := i.token(t, nil)
	cut := strings.LastIndex(token, ".") + 1
	signature, err := base64.RawURLEncoding.DecodeString(token[cut:])
	if err != nil {
		t.Fatal(err)
	}
	twin := append([]byte{}, signature...)
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(signature[32:])).FillBytes(twin[32:])
	first := accept(t, v, "genuine", token)
	second := accept(t, v, "its twin, as good by FIPS 186-5", token[:cut]+base64.RawURLEncoding.EncodeToString(twin))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the twin is another token: %s", diff)
	}
	for name, raw := range map[string][]byte{
		"zero": make([]byte, 64), "short": signature[:63], "long": append([]byte{0}, signature...), "empty": {},
	} {
		refuse(t, v, name, token[:cut]+base64.RawURLEncoding.EncodeToString(raw))
	}
}

func TestO4_LongTokensAreNotLookedAt(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	for name, token := range map[string]string{
		"genuine": i.token(t, map[string]any{"x": strings.Repeat("x", maxTokenLength)}),
		"dots":    strings.Repeat(".", 64<<20),
	} {
		if _, err := v.Authenticate(t.Context(), token); !errors.Is(err, ErrInvalidToken) || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuse(t, v, "dots under the cap", strings.Repeat(".", maxTokenLength))
	refuse(t, v, "a JWE", strings.Repeat("e30.", 4)+"e30")
}

func TestErrorsDoNotRepeatTheToken(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	token := i.token(t, map[string]any{"exp": testNow.Unix() - 61})
	for _, altered := range []string{token, token[:len(token)-1], strings.Replace(token, ".", "..", 1)} {
		_, err := v.Authenticate(t.Context(), altered)
		for part := range strings.SplitSeq(altered, ".") {
			if part != "" && strings.Contains(err.Error(), part) {
				t.Errorf("the error repeats the token: %v", err)
			}
		}
	}
}

func FuzzVerifier(f *testing.F) {
	i := newIssuer(f, newKey(f, "k1", jose.ES256))
	v := i.verifier(f, newClock())
	genuine := map[string]bool{i.token(f, nil): true, i.token(f, map[string]any{"scope": nil}): true}
	for token := range maps.Keys(genuine) {
		f.Add(token)
		f.Add(token[:len(token)-1])
	}
	f.Add("")
	f.Add("..")
	f.Add(encode(`{"alg":"none"}`) + "..")
	f.Add(encode(`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`) + ".e30.")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := v.Authenticate(t.Context(), token)
		if err == nil != genuine[token] {
			t.Errorf("Authenticate(%q) = %v", token, err)
		}
		if err != nil && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("Authenticate(%q) fails in another way: %v", token, err)
		}
	})
}

// FuzzClaims stands behind a good signature, where FuzzVerifier never gets.
func FuzzClaims(f *testing.F) {
	i := newIssuer(f, newKey(f, "k1", jose.ES256))
	want := expectation{"https://id.example.com", testAudience, testNow}
	f.Add(i.claims(f, map[string]any{"iss": want.issuer}))
	f.Add([]byte(`{"exp":1e400,"aud":[null],"scope":"*"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := parseClaims(payload)
		if err != nil {
			return
		}
		p, err := c.principal(t.Context(), want)
		if err != nil {
			return
		}
		if p.Subject == "" || p.ClientID == "" || p.TokenID == "" || !p.ExpiresAt.After(testNow) {
			t.Errorf("%s makes %+v", payload, p)
		}
		for _, scope := range p.Scopes {
			if _, err := authz.ParseScope(string(scope)); err != nil {
				t.Errorf("%s grants %q", payload, scope)
			}
		}
	})
}
