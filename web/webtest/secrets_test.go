package webtest

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"testing"
)

func TestSecrets_AreFoundHoweverTheyAreSpelt(t *testing.T) {
	const words, key = "canary of dull words", "Q7TXSYGC3DYDFTFH3AODL5KU5GLGW6YC"
	raw, err := base32.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	random := []byte("sixteen bytes id32 bytes that are the secret's")
	opaque := "gth_rt_" + base64.RawURLEncoding.EncodeToString(random)
	s := Secrets{"words": words, "opaque": opaque, "key": key, "jwt": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"}
	for text, want := range map[string][]string{
		"it was " + words:                                      {"words"},
		"canary of and no more":                                {"words"},
		"q=" + url.QueryEscape(words) + "&":                    {"words"},
		`\x` + hex.EncodeToString([]byte(words)):               {"words"},
		base64.StdEncoding.EncodeToString([]byte(words)):       {"words"},
		`\x` + hex.EncodeToString(random[len(random)-32:]):     {"opaque"},
		base64.StdEncoding.EncodeToString(random[14:]):         {"opaque"},
		`\x` + hex.EncodeToString(raw):                         {"key"},
		"eyJhbGciOiJSUzI1NiJ9":                                 nil,
		"eyJhbGciOiJSUzI1NiJ9.e30.x and canary and of nothing": nil,
		"gth_rt_": nil,
	} {
		if told := s.ToldBy(text); !slices.Equal(told, want) {
			t.Errorf("%q tells %v, want %v", text, told, want)
		}
	}
}
