package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// compact puts a JWS together, whatever it says.
func compact(header map[string]any, payload string, sign func(input string) []byte) string {
	encoded, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	input := base64.RawURLEncoding.EncodeToString(encoded) + "." + payload
	return input + "." + base64.RawURLEncoding.EncodeToString(sign(input))
}

func headerOf(t testing.TB, token string) map[string]any {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	header := map[string]any{}
	if err == nil {
		err = json.Unmarshal(raw, &header)
	}
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// with is a header with some members changed.
func with(header map[string]any, change map[string]any) map[string]any {
	changed := maps.Clone(header)
	maps.Copy(changed, change)
	return changed
}

func publicKeys(t testing.TB, h *webtest.House) jose.JSONWebKeySet {
	t.Helper()
	document, _ := h.Keys.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// forgeries are the ways in which an attacker who knows the public keys signs a
// token, each made from one that is valid. canary is an address that must not be
// fetched.
func forgeries(t testing.TB, h *webtest.House, token, canary string) map[string]string {
	t.Helper()
	header, payload := headerOf(t, token), strings.Split(token, ".")[1]
	nothing := func(string) []byte { return nil }
	forged := map[string]string{}
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", nil, 7, []string{"ES256"}} {
		name, _ := json.Marshal(alg)
		forged["C1: alg "+string(name)] = compact(with(header, map[string]any{"alg": alg}), payload, nothing)
		forged["C1: signed, but alg "+string(name)] = compact(with(header, map[string]any{"alg": alg}), payload, func(string) []byte { return make([]byte, 64) })
	}
	for _, key := range publicKeys(t, h).Keys {
		der, err := x509.MarshalPKIXPublicKey(key.Key)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := key.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		for form, secret := range map[string][]byte{"DER": der, "PEM": block, "PEM without its line break": block[:len(block)-1], "JWK": asJSON} {
			forged["C2: HS256 with "+form+" of "+key.KeyID] = compact(with(header, map[string]any{"alg": "HS256", "kid": key.KeyID}), payload, func(input string) []byte {
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				return mac.Sum(nil)
			})
		}
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	byAttacker := func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, own, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature
	}
	jwk := jose.JSONWebKey{Key: own.Public(), KeyID: "attacker", Algorithm: "ES256", Use: "sig"}
	for name, change := range map[string]map[string]any{
		"jku": {"jku": canary}, "x5u": {"x5u": canary}, "jwk": {"jwk": jwk}, "jwk and its kid": {"jwk": jwk, "kid": "attacker"},
		"kid that is a path": {"kid": "../../../../dev/null"}, "kid that is SQL": {"kid": "' or 1=1 --"}, "kid that is an address": {"kid": canary},
		"no kid": {"kid": nil}, "empty kid": {"kid": ""}, "no change": {}, "crit": {"crit": []string{"exp"}, "exp": 1}, "b64": {"b64": false, "crit": []string{"b64"}},
	} {
		forged["C3: "+name] = compact(with(header, change), payload, byAttacker)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: big}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	forged["C3: another algorithm and key"], _ = jws.CompactSerialize()
	// C16: the real signature, under a header that was not signed.
	signature := token[strings.LastIndex(token, ".")+1:]
	for name, change := range map[string]map[string]any{"crit": {"crit": []string{"x"}}, "typ": {"typ": "JWT"}, "no typ": {"typ": nil}, "zip": {"zip": "DEF"}} {
		unsigned := compact(with(header, change), payload, nothing)
		forged["C16: real signature, header with "+name] = unsigned + signature
	}
	return forged
}
