package resource

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// BenchmarkVerify sets the whole check of a token beside the bare check of its
// signature, below which nothing can go.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA} {
		i := newIssuer(b, newKey(b, "k1", algorithm))
		v := i.verifier(b, newClock())
		text := i.token(b, nil)
		b.Run(string(algorithm)+"/token", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Authenticate(b.Context(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
		parsed, err := parseToken(text)
		if err != nil {
			b.Fatal(err)
		}
		verify := verifiersOf(i.keys[0].private.Public())[string(algorithm)]
		b.Run(string(algorithm)+"/signature", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !verify(parsed.input, parsed.signature) {
					b.Fatal("not verified")
				}
			}
		})
	}
}

func BenchmarkGuard(b *testing.B) {
	i := newIssuer(b, newKey(b, "k1", jose.ES256))
	h := quietGuard(i.verifier(b, newClock())).RequireScopes("user")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, authorization := range map[string]string{
		"let in":          "Bearer " + i.token(b, nil),
		"refused by size": "Bearer " + strings.Repeat(".", maxTokenLength+1),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", authorization)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
