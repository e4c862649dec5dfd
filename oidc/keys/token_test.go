package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func newPKCS8(k *key) ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.private) }

func encode(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }

// forge signs any header with a key of the ring's own, as [Ring.Sign] never
// would: what is refused then is refused for the header alone.
func forge(t *testing.T, r *Ring, algorithm Algorithm, header string) string {
	t.Helper()
	k := r.snapshot.Load().signing[algorithm]
	input := encode(header) + "." + encode(`{"sub":"mallory"}`)
	signature, err := k.sign(k.private, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func refuse(t *testing.T, r *Ring, name, token string) {
	t.Helper()
	if v, err := r.Verify(token, types...); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("%s: accepted as %+v, %v", name, v, err)
	}
}

func TestSignIsReadByAForeignLibrary(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	want, err := json.Marshal(sampleClaims)
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range Algorithms() {
		for _, typ := range types {
			token := sign(t, r, algorithm, typ)
			parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil {
				t.Fatal(err)
			}
			payload, err := parsed.Verify(jwksOf(t, r))
			if err != nil {
				t.Fatal(err)
			}
			header := parsed.Signatures[0].Header
			got := Verified{header.KeyID, Algorithm(header.Algorithm), Type(header.ExtraHeaders[jose.HeaderType].(string)), payload}
			ours, err := r.Verify(token, typ)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, ours); diff != "" || string(payload) != string(want) {
				t.Errorf("%s %s: theirs and ours differ: %s", algorithm, typ, diff)
			}
		}
	}
}

// RFC 8725 §3.2 has the nonce drawn from key and input: these are what RFC 6979 §A.2.5 makes of
// its own.
func TestES256_DeterministicNonce(t *testing.T) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), unhex(t, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"))
	if err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]string{
		"sample": "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
		"test":   "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
	} {
		if got, err := signES256(private, []byte(input)); err != nil || !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: %X, %v", input, got, err)
		}
	}
}

// One number in 256 is shorter than its place: it stands at the end of it.
func TestES256_ShortNumbers(t *testing.T) {
	private, err := generateES256()
	if err != nil {
		t.Fatal(err)
	}
	for n, short := 0, [2]bool{}; !short[0] || !short[1]; n++ {
		input := fmt.Append(nil, n)
		signature, err := signES256(private, input)
		if err != nil || !verifyES256(private.Public(), input, signature) {
			t.Fatalf("input %d: %X does not fit: %v", n, signature, err)
		}
		short[0], short[1] = short[0] || signature[0] == 0, short[1] || signature[32] == 0
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignRefusesWhatItDoesNotKnow(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	for name, try := range map[string]func() (string, error){
		"algorithm": func() (string, error) { return r.Sign("HS256", TypeIDToken, sampleClaims) },
		"type":      func() (string, error) { return r.Sign(ES256, `x","jku":"http://evil`, sampleClaims) },
		"claims":    func() (string, error) { return r.Sign(ES256, TypeIDToken, make(chan int)) },
	} {
		if token, err := try(); err == nil {
			t.Errorf("%s: made %s", name, token)
		}
	}
}

func TestC1_AlgNone(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	genuine := sign(t, r, ES256, TypeAccessToken)
	parts := strings.Split(genuine, ".")
	kid := activeKID(t, r, ES256)
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "null"} {
		header := encode(fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, alg, kid))
		refuse(t, r, alg+" unsigned", header+"."+parts[1]+".")
		refuse(t, r, alg+" without a last dot", header+"."+parts[1])
		refuse(t, r, alg+" with the genuine signature", header+"."+parts[1]+"."+parts[2])
		refuse(t, r, alg+" signed", forge(t, r, ES256, fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, alg, kid)))
	}
	refuse(t, r, "genuine header, no signature", parts[0]+"."+parts[1]+".")
}

func TestC2_AlgorithmConfusion(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	for _, algorithm := range Algorithms() {
		k := r.snapshot.Load().signing[algorithm]
		der, err := x509.MarshalPKIXPublicKey(k.private.Public())
		if err != nil {
			t.Fatal(err)
		}
		public := publicJWK(k.private, algorithm)
		public.KeyID = k.kid
		jwk, err := public.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		jwks, _ := r.JWKS()
		secrets := map[string][]byte{
			"DER": der, "JWK": jwk, "JWKS": jwks, "kid": []byte(k.kid), "empty": nil,
			"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		}
		for form, secret := range secrets {
			for _, claimed := range []string{"HS256", string(algorithm)} {
				input := encode(fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, claimed, k.kid)) + "." + encode(`{}`)
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				refuse(t, r, claimed+" keyed by "+form, input+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
			}
		}
		for _, claimed := range []string{"ES256", "RS256", "PS256", "ES384", "EdDSA", "HS256"} {
			if claimed != string(algorithm) {
				refuse(t, r, claimed+" under a key of "+string(algorithm),
					forge(t, r, algorithm, fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, claimed, k.kid)))
			}
		}
	}
}

func TestC3_HeaderInjection(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	var hits atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()

	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	attacker, err := jose.JSONWebKey{Key: own.Public(), Algorithm: "ES256"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	kid := activeKID(t, r, ES256)
	headers := map[string]string{
		"jku":        fmt.Sprintf(`{"alg":"ES256","jku":%q,"kid":%q,"typ":"at+jwt"}`, canary.URL, kid),
		"x5u":        fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"at+jwt","x5u":%q}`, kid, canary.URL),
		"jwk":        fmt.Sprintf(`{"alg":"ES256","jwk":%s,"kid":%q,"typ":"at+jwt"}`, attacker, kid),
		"jwk alone":  fmt.Sprintf(`{"alg":"ES256","jwk":%s,"typ":"at+jwt"}`, attacker),
		"no kid":     `{"alg":"ES256","typ":"at+jwt"}`,
		"path":       `{"alg":"ES256","kid":"../../../../dev/null","typ":"at+jwt"}`,
		"sql":        `{"alg":"ES256","kid":"' or 1=1 --","typ":"at+jwt"}`,
		"twice":      fmt.Sprintf(`{"alg":"ES256","kid":"x","kid":%q,"typ":"at+jwt"}`, kid),
		"upper case": fmt.Sprintf(`{"ALG":"ES256","KID":%q,"TYP":"at+jwt"}`, kid),
		"zip":        fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"at+jwt","zip":"DEF"}`, kid),
	}
	for name, header := range headers {
		refuse(t, r, name+", our key", forge(t, r, ES256, header))
		input := encode(header) + "." + encode(`{}`)
		signature, err := signES256(own, []byte(input))
		if err != nil {
			t.Fatal(err)
		}
		refuse(t, r, name+", their key", input+"."+base64.RawURLEncoding.EncodeToString(signature))
	}
	genuine := fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"at+jwt"}`, kid)
	if _, err := r.Verify(forge(t, r, ES256, genuine), TypeAccessToken); err != nil {
		t.Errorf("the control, a genuine header, is refused: %v", err)
	}
	if hits.Load() != 0 {
		t.Errorf("%d calls went out", hits.Load())
	}
}

func TestC4_TypeConfusion(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	for _, made := range types {
		token := sign(t, r, ES256, made)
		for _, wanted := range types {
			_, err := r.Verify(token, wanted)
			if made == wanted && err != nil || made != wanted && !errors.Is(err, ErrInvalidToken) {
				t.Errorf("%s where %s is expected: %v", made, wanted, err)
			}
		}
		if _, err := r.Verify(token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s where no type is expected: %v", made, err)
		}
	}
}

func TestC8_EveryAlterationIsRefused(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	for _, algorithm := range Algorithms() {
		token := sign(t, r, algorithm, TypeAccessToken)
		for i := range len(token) {
			refuse(t, r, fmt.Sprintf("truncated to %d", i), token[:i])
			refuse(t, r, fmt.Sprintf("without byte %d", i), token[:i]+token[i+1:])
			for bit := range 8 {
				flipped := []byte(token)
				flipped[i] ^= 1 << bit
				refuse(t, r, fmt.Sprintf("bit %d of byte %d", bit, i), string(flipped))
			}
			for _, extra := range []string{"\n", "\r\n", " ", ".", "=", "A", "\x00"} {
				refuse(t, r, fmt.Sprintf("%q at %d", extra, i), token[:i]+extra+token[i:])
			}
		}
		for _, extra := range []string{"\n", " ", ".", "=", "==", "A", "AAAA", "\x00", "." + token} {
			refuse(t, r, fmt.Sprintf("%q at the end", extra), token+extra)
		}
	}
}

// RFC 7515 §4.1.11: what is critical and not understood is refused. From an ECDSA
// signature (r, s) anybody can compute (r, n-s): it must be no other token.
func TestC16_CriticalHeadersAndMalleability(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	kid := activeKID(t, r, ES256)
	for _, header := range []string{
		fmt.Sprintf(`{"alg":"ES256","b64":false,"crit":["b64"],"kid":%q,"typ":"at+jwt"}`, kid),
		fmt.Sprintf(`{"alg":"ES256","b64":true,"crit":["b64"],"kid":%q,"typ":"at+jwt"}`, kid),
		fmt.Sprintf(`{"alg":"ES256","crit":["exp"],"exp":1,"kid":%q,"typ":"at+jwt"}`, kid),
		fmt.Sprintf(`{"alg":"ES256","crit":[],"kid":%q,"typ":"at+jwt"}`, kid),
		fmt.Sprintf(`{"alg":"ES256","b64":false,"kid":%q,"typ":"at+jwt"}`, kid),
	} {
		refuse(t, r, header, forge(t, r, ES256, header))
	}

	token := sign(t, r, ES256, TypeAccessToken)
	input, encoded := token[:strings.LastIndex(token, ".")], token[strings.LastIndex(token, ".")+1:]
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	order := elliptic.P256().Params().N
	s := new(big.Int).SetBytes(signature[32:])
	twin := append([]byte{}, signature...)
	new(big.Int).Sub(order, s).FillBytes(twin[32:])
	first, err := r.Verify(token, TypeAccessToken)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Verify(input+"."+base64.RawURLEncoding.EncodeToString(twin), TypeAccessToken)
	if err != nil {
		t.Fatalf("the twin signature is as good by FIPS 186-5: %v", err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the twin is another token, so a jti would not catch it: %s", diff)
	}

	over := append([]byte{}, signature...)
	order.FillBytes(over[32:])
	for name, raw := range map[string][]byte{
		"ASN.1":     mustASN1(t, r, input),
		"s = n":     over,
		"zero":      make([]byte, 64),
		"65 bytes":  append([]byte{0}, signature...),
		"too short": signature[:63],
	} {
		refuse(t, r, name, input+"."+base64.RawURLEncoding.EncodeToString(raw))
	}
}

func mustASN1(t *testing.T, r *Ring, input string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	signature, err := r.snapshot.Load().signing[ES256].private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestO4_LongTokensAreNotLookedAt(t *testing.T) {
	r := openRing(t, &memoryStore{}, newClock().now)
	genuine, err := r.Sign(ES256, TypeAccessToken, map[string]string{"x": strings.Repeat("x", MaxTokenLength)})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"genuine": genuine, "dots": strings.Repeat(".", 64<<20)} {
		if _, err := r.Verify(token, types...); err == nil || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	r := openRing(f, &memoryStore{}, newClock().now)
	genuine := map[string]bool{}
	for _, algorithm := range Algorithms() {
		for _, typ := range types {
			token := sign(f, r, algorithm, typ)
			genuine[token] = true
			f.Add(token)
			f.Add(token[:len(token)-1])
			f.Add(token + ".")
		}
	}
	f.Add("")
	f.Add("..")
	f.Add(encode(`{"alg":"none"}`) + "..")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := r.Verify(token, types...)
		if err == nil != genuine[token] {
			t.Errorf("Verify(%q) = %v", token, err)
		}
		if err != nil && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("Verify(%q) fails in another way: %v", token, err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	r := openRing(b, &memoryStore{}, newClock().now)
	for _, algorithm := range Algorithms() {
		b.Run(string(algorithm), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sign(b, r, algorithm, TypeAccessToken)
			}
		})
	}
	b.Run("bare ECDSA", func(b *testing.B) {
		private := r.snapshot.Load().signing[ES256].private.(*ecdsa.PrivateKey)
		digest := sha256.Sum256([]byte("input"))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := private.Sign(nil, digest[:], crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r := openRing(b, &memoryStore{}, newClock().now)
	for _, algorithm := range Algorithms() {
		token := sign(b, r, algorithm, TypeAccessToken)
		b.Run(string(algorithm), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Verify(token, TypeAccessToken); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("bare ECDSA", func(b *testing.B) {
		private := r.snapshot.Load().signing[ES256].private.(*ecdsa.PrivateKey)
		digest := sha256.Sum256([]byte("input"))
		x, y, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if !ecdsa.Verify(&private.PublicKey, digest[:], x, y) {
				b.Fatal("not verified")
			}
		}
	})
}
