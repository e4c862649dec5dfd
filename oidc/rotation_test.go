package oidc_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestP3_RotationUnderLoad: while keys rotate three times, by the schedule and at
// once, clients keep asking for tokens and a resource server that caches the JWKS
// keeps accepting them. None is lost.
func TestP3_RotationUnderLoad(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Machine("m2m", func(c *storage.Client) { c.Introspect = true })
	verifier, err := resource.NewVerifier(t.Context(), resource.Config{Issuer: h.URL, Audience: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var accepted atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for ctx.Err() == nil {
				a := h.Token("m2m", url.Values{"grant_type": {"client_credentials"}})
				if a.Status != 200 {
					t.Errorf("token: %d %s", a.Status, a.Raw)
					return
				}
				if _, err := verifier.Authenticate(t.Context(), a.Text("access_token")); err != nil {
					t.Errorf("a resource server refuses a fresh token: %v", err)
					return
				}
				if again := h.Introspect("m2m", a.Text("access_token")); again.JSON["active"] != true {
					t.Errorf("introspection: %s", again.Raw)
					return
				}
				accepted.Add(1)
			}
		})
	}
	kids := map[string]bool{}
	more := func() {
		t.Helper()
		before := accepted.Load()
		soon(t, "twenty more tokens are accepted", func() bool { return t.Failed() || accepted.Load() >= before+20 })
	}
	for range 3 {
		more()
		promoted, err := h.Keys.By(storage.AuditEvent{Actor: "test"}).RotateNow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, kid := range promoted {
			kids[kid] = true
		}
	}
	more()
	stop()
	workers.Wait()
	if len(kids) < 3 {
		t.Errorf("%d keys were promoted: too few to prove anything", len(kids))
	}
}

// TestP3_ParallelRotators: whoever finds that a rotation is due, one of them makes it.
func TestP3_ParallelRotators(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.Wide)
	replicas := h.Three()
	for round := range webtest.Rounds(t, 5) {
		h.Advance(keys.Lifetime + time.Hour)
		promoted := make(chan string, 100)
		var rotators sync.WaitGroup
		for i := range 100 {
			rotators.Go(func() {
				kids, err := replicas[i%3].Keys.Rotate(t.Context())
				// Behind ninety-nine others some give up waiting for a connection.
				if err != nil && !errors.Is(err, storage.ErrUnavailable) {
					t.Error(err)
				}
				for _, kid := range kids {
					promoted <- kid
				}
			})
		}
		rotators.Wait()
		if n := len(promoted); n != len(keys.Algorithms()) {
			t.Errorf("round %d: %d keys were promoted by a hundred rotators, want %d", round, n, len(keys.Algorithms()))
		}
		events := 0
		h.World.Get(`select count(*) from platform.audit_events where action = 'keys.rotate' and at > $1`, []any{h.Now().Add(-time.Hour)}, &events)
		if events != 1 {
			t.Errorf("round %d: %d events tell of it, want 1", round, events)
		}
	}
}
