package resource

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

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

// TestVerificationCostsLittleMore: beside the check of the signature, which nothing
// can save, the rest of a verification is at most half as much again, and a token
// that was met a moment ago costs next to nothing. Each is the best of many, taken in
// turns, so that what else the machine does counts for all.
func TestVerificationCostsLittleMore(t *testing.T) {
	if raceDetector { // which slows our code down, and not the assembly that signatures are checked with
		out, err := exec.Command("go", "test", "-count=1", "-run", "^"+t.Name()+"$", ".").CombinedOutput()
		if err != nil {
			t.Errorf("without the race detector: %v\n%s", err, out)
		}
		return
	}
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, newClock())
	cached := NewCached(v, CacheConfig{For: time.Hour, Now: newClock().Now})
	text := i.token(t, nil)
	parsed, err := parseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	verify := verifiersOf(i.keys[0].private.Public())["ES256"]
	best := map[string]time.Duration{}
	try := func(what string, n int, do func() error) {
		begun := time.Now()
		for range n {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun) / time.Duration(n); best[what] == 0 || took < best[what] {
			best[what] = took
		}
	}
	for range 300 {
		try("signature", 2, func() error {
			if !verify(parsed.input, parsed.signature) {
				return ErrInvalidToken
			}
			return nil
		})
		try("token", 2, func() error { _, err := v.Authenticate(t.Context(), text); return err })
		try("cached", 50, func() error { _, err := cached.Authenticate(t.Context(), text); return err })
	}
	t.Logf("%v", best)
	if ratio := float64(best["token"]) / float64(best["signature"]); ratio > 1.5 {
		t.Errorf("a verification costs %.2f times its signature: %v", ratio, best)
	}
	if best["cached"] > time.Microsecond {
		t.Errorf("a cached token costs %v", best["cached"])
	}
}
