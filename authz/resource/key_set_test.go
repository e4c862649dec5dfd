package resource

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func document(t testing.TB, keys ...any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rsaMembers is an RSA key of any size, which need not be one: the size is
// judged before the number.
func rsaMembers(bits int, e int64) map[string]any {
	n := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
	return map[string]any{
		"kty": "RSA", "kid": "r",
		"n": base64.RawURLEncoding.EncodeToString(n.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(e).Bytes()),
	}
}

func TestParseKeySetSaysWhatAKeyIsGoodFor(t *testing.T) {
	members := func(key jose.JSONWebKey, changes map[string]any) map[string]any {
		text, err := key.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]any{}
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		maps.Copy(all, changes)
		maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
		return all
	}
	ec := newKey(t, "k", jose.ES256).jwk()
	rs := newKey(t, "k", jose.RS256).jwk()
	ed := newKey(t, "k", jose.EdDSA).jwk()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		key  map[string]any
		want []string
	}{
		"EC":                       {members(ec, nil), []string{"ES256"}},
		"EC, alg silent":           {members(ec, map[string]any{"alg": nil}), []string{"ES256"}},
		"EC, of another alg":       {members(ec, map[string]any{"alg": "RS256"}), nil},
		"EC, alg HS256":            {members(ec, map[string]any{"alg": "HS256"}), nil},
		"EC, for encryption":       {members(ec, map[string]any{"use": "enc"}), nil},
		"EC, use silent":           {members(ec, map[string]any{"use": nil}), []string{"ES256"}},
		"EC, without kid":          {members(ec, map[string]any{"kid": nil}), nil},
		"EC, private":              {members(ec, map[string]any{"d": "AQ"}), nil},
		"EC, off the curve":        {members(ec, map[string]any{"y": members(ec, nil)["x"]}), nil},
		"EC, short x":              {members(ec, map[string]any{"x": "AQ"}), nil},
		"EC, P-384":                {members(jose.JSONWebKey{Key: p384.Public(), KeyID: "k"}, nil), nil},
		"EC, broken certificate":   {members(ec, map[string]any{"x5c": []string{"AQ"}}), []string{"ES256"}},
		"RSA":                      {members(rs, nil), []string{"RS256"}},
		"RSA, alg silent":          {members(rs, map[string]any{"alg": nil}), []string{"PS256", "RS256"}},
		"RSA with 1024 bits":       {rsaMembers(1024, 65537), nil},
		"RSA with 2047 bits":       {rsaMembers(2047, 65537), nil},
		"RSA with 4096 bits":       {rsaMembers(4096, 65537), []string{"PS256", "RS256"}},
		"RSA with 4097 bits":       {rsaMembers(4097, 65537), nil},
		"RSA, e = 3":               {rsaMembers(2048, 3), nil},
		"RSA, e = 0":               {rsaMembers(2048, 0), nil},
		"RSA, e huge":              {rsaMembers(2048, 1<<40+1), nil},
		"Ed25519":                  {members(ed, nil), []string{"EdDSA"}},
		"Ed25519, short":           {members(ed, map[string]any{"x": "AQ"}), nil},
		"X25519":                   {members(ed, map[string]any{"crv": "X25519"}), nil},
		"symmetric":                {map[string]any{"kty": "oct", "kid": "k", "k": "AQIDBA"}, nil},
		"of an unknown type":       {map[string]any{"kty": "AKP", "kid": "k"}, nil},
		"with a type for a number": {map[string]any{"kty": 7, "kid": "k"}, nil},
	} {
		// A key of no use must not spoil its neighbour.
		set, err := parseKeySet(document(t, test.key, members(ec, map[string]any{"kid": "neighbour"})))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for k := range set {
			if k.kid != "neighbour" {
				got = append(got, k.algorithm)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestO5_HugeKeySets(t *testing.T) {
	good := newKey(t, "k", jose.ES256).jwk()
	many := func(n int) []any {
		keys := make([]any, n)
		for i := range keys {
			keys[i] = good
		}
		return keys
	}
	private := rsaMembers(16384, 65537)
	for _, part := range []string{"d", "p", "q"} {
		private[part] = private["n"]
	}
	for name, body := range map[string][]byte{
		"33 keys":             document(t, many(33)...),
		"300 keys":            document(t, many(300)...),
		"64 KiB and one byte": append(document(t, many(1)...), []byte(strings.Repeat(" ", maxDocument))...),
		"10 MiB":              []byte(strings.Repeat("[", 10<<20)),
		"deep":                []byte(strings.Repeat(`{"keys":[`, 7000)),
		"RSA 16k":             document(t, rsaMembers(16384, 65537)),
		"RSA 16k, private":    document(t, private),
		"RSA 300k":            document(t, rsaMembers(300000, 65537)),
		"RSA, e = 3":          document(t, rsaMembers(2048, 3)),
		"no keys":             document(t),
		"keys twice":          []byte(`{"keys":[],"keys":[]}`),
		"not JSON":            []byte("<html>"),
		"empty":               nil,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
		// The least of three, and of more while others use the machine: that does not count as a slow parser.
		took := time.Hour
		for n := 0; n < 3 || n < 50 && took > 50*time.Millisecond; n++ {
			begun := time.Now()
			_, err := NewVerifier(t.Context(), Config{Issuer: server.URL, Audience: testAudience, JWKSURI: server.URL})
			if took = min(took, time.Since(begun)); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		if took > 50*time.Millisecond {
			t.Errorf("%s: refused after %v", name, took)
		}
		server.Close()
	}
	if _, err := parseKeySet(document(t, many(maxKeys)...)); err != nil {
		t.Errorf("%d keys: %v", maxKeys, err)
	}
}

func FuzzKeySet(f *testing.F) {
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA} {
		f.Add(document(f, newKey(f, "k", algorithm).jwk()))
	}
	f.Add(document(f, rsaMembers(2048, 3)))
	f.Add([]byte(`{"keys":[null,1,{"kty":"EC"},{"kty":"OKP","crv":"Ed25519","kid":"k"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseKeySet(text)
		if (err == nil) != (len(set) > 0) {
			t.Fatalf("%d keys and %v", len(set), err)
		}
		for name, verify := range set {
			if name.kid == "" || !slices.Contains([]string{"ES256", "RS256", "PS256", "EdDSA"}, name.algorithm) {
				t.Errorf("a key by the name %+v", name)
			}
			for _, size := range []int{0, 64, 256} {
				if verify([]byte("input"), make([]byte, size)) {
					t.Errorf("%+v takes %d zero bytes for a signature", name, size)
				}
			}
		}
	})
}
