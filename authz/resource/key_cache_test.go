package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// P3: a resource server with a cache lives through rotations.
func TestP3_KeyRotation(t *testing.T) {
	c := newClock()
	i := newIssuer(t, newKey(t, "k0", jose.ES256))
	v := i.verifier(t, c)
	old := i.token(t, map[string]any{"exp": testNow.Add(time.Hour).Unix()})
	for round := range 3 {
		next := newKey(t, fmt.Sprintf("k%d", round+1), jose.ES256)
		i.set(func(i *issuer) { i.keys = append([]signingKey{next}, i.keys...) })
		accept(t, v, "the new key, at once", i.token(t, nil))
		accept(t, v, "the old key", old)
		if got := i.fetched(); got != round+2 {
			t.Errorf("round %d: %d fetches", round, got)
		}
		c.advance(cooldown)
	}
	first := i.keys[len(i.keys)-1]
	i.set(func(i *issuer) { i.keys = i.keys[:1] })
	accept(t, v, "a key that went, for as long as the set is fresh", first.sign(t, nil, i.claims(t, nil)))
	c.advance(defaultFresh)
	eventually(t, "a key that went", func() bool {
		_, err := v.Authenticate(t.Context(), first.sign(t, nil, i.claims(t, nil)))
		return errors.Is(err, ErrInvalidToken)
	})
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("never came true: %s", what)
}

func TestUnknownKidsDoNotHammerTheIssuer(t *testing.T) {
	c := newClock()
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, c)
	flood := func() {
		var all sync.WaitGroup
		for n := range 200 {
			all.Go(func() {
				forged := signingKey{fmt.Sprintf("unknown-%d", n), jose.ES256, i.keys[0].private}
				refuse(t, v, forged.kid, forged.sign(t, nil, i.claims(t, nil)))
			})
		}
		all.Wait()
	}
	for round := range 3 {
		flood()
		flood()
		if got := i.fetched(); got != round+2 {
			t.Fatalf("round %d: %d fetches", round, got)
		}
		c.advance(cooldown)
	}
}

func TestASlowFetchKeepsNobodyWaitingWhoseKeyIsKnown(t *testing.T) {
	c := newClock()
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, c)
	hold := make(chan struct{})
	i.set(func(i *issuer) { i.hold = hold })
	c.advance(defaultFresh) // the set has aged, so the next request fetches
	token := i.token(t, nil)
	begun := time.Now()
	for range 100 {
		accept(t, v, "a known key", token)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("100 requests took %v", took)
	}

	// An unknown kid waits for the fetch, but no longer than its own request lives.
	next := newKey(t, "k2", jose.ES256)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := v.Authenticate(ctx, next.sign(t, nil, i.claims(t, nil))); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an unknown kid behind a slow fetch: %v", err)
	}
	close(hold)
	eventually(t, "the fetch ends", func() bool { return i.fetched() == 2 })
}

func TestKeysServeOnWhenTheIssuerFails(t *testing.T) {
	c := newClock()
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	v := i.verifier(t, c)
	token := i.token(t, map[string]any{"exp": testNow.Add(24 * time.Hour).Unix()})
	i.set(func(i *issuer) { i.status = http.StatusBadGateway })

	c.advance(defaultFresh)
	accept(t, v, "stale keys", token)
	eventually(t, "a failed fetch", func() bool { return i.fetched() == 2 })
	for range 50 {
		accept(t, v, "stale keys, and the issuer is left alone", token)
		time.Sleep(time.Millisecond)
	}
	if got := i.fetched(); got != 2 {
		t.Errorf("%d fetches within the cool-down", got)
	}
	unknown := signingKey{"k2", jose.ES256, i.keys[0].private}.sign(t, nil, i.claims(t, nil))
	eventually(t, "nothing is known of an unknown kid", func() bool {
		_, err := v.Authenticate(t.Context(), unknown)
		return errors.Is(err, ErrUnavailable)
	})

	c.advance(maxStale)
	if _, err := v.Authenticate(t.Context(), token); !errors.Is(err, ErrUnavailable) {
		t.Errorf("keys that are too old: %v", err)
	}
	for range 20 {
		_, _ = v.Authenticate(t.Context(), token)
	}
	if got := i.fetched(); got > 4 {
		t.Errorf("%d fetches from an issuer that fails", got)
	}

	i.set(func(i *issuer) { i.status = http.StatusOK })
	c.advance(cooldown)
	accept(t, v, "the issuer is back", token)
}

func TestFreshness(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                             defaultFresh,
		"public":                       defaultFresh,
		"max-age=0":                    minFresh,
		"max-age=120":                  2 * time.Minute,
		"public, Max-Age=120":          2 * time.Minute,
		"public,max-age=120,immutable": 2 * time.Minute,
		"max-age=99999999":             maxFresh,
		"max-age=99999999999999999999": minFresh,
		"max-age=-1":                   minFresh,
		"max-age":                      minFresh,
		"no-store":                     minFresh,
		"no-cache, max-age=600":        minFresh,
		"s-maxage=600":                 defaultFresh,
	} {
		if got := freshness(header); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}

func TestCacheControlIsHonoured(t *testing.T) {
	c := newClock()
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	i.set(func(i *issuer) { i.cacheControl = "public, max-age=1800" })
	v := i.verifier(t, c)
	token := i.token(t, map[string]any{"exp": testNow.Add(time.Hour).Unix()})
	c.advance(30*time.Minute - time.Second)
	accept(t, v, "fresh", token)
	if got := i.fetched(); got != 1 {
		t.Errorf("%d fetches while the set is fresh", got)
	}
	c.advance(time.Second)
	accept(t, v, "aged", token)
	eventually(t, "a fetch in the background", func() bool { return i.fetched() == 2 })
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	for _, status := range []int{301, 302, 303, 307, 308} {
		door := httptest.NewServer(http.RedirectHandler(i.URL+"/jwks", status))
		client := &http.Client{CheckRedirect: nil}
		_, err := NewVerifier(t.Context(), Config{Issuer: i.URL, Audience: testAudience, JWKSURI: door.URL, HTTPClient: client})
		if err == nil || i.fetched() != 0 {
			t.Errorf("%d: %v, %d fetches", status, err, i.fetched())
		}
		door.Close()
	}
}

// silent is a server that never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestFetchGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, err := NewVerifier(t.Context(), Config{
			Issuer: "https://issuer.example.com", Audience: testAudience, HTTPClient: &http.Client{Transport: silent{}},
		})
		if took := time.Since(begun); err == nil || took != fetchTimeout {
			t.Errorf("%v after %v", err, took)
		}
	})
}
