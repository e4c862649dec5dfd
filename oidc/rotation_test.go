package oidc_test

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz/resource"
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
	for range 3 {
		time.Sleep(150 * time.Millisecond)
		promoted, err := h.Keys.By(storage.AuditEvent{Actor: "test"}).RotateNow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, kid := range promoted {
			kids[kid] = true
		}
	}
	time.Sleep(150 * time.Millisecond)
	stop()
	workers.Wait()
	if len(kids) < 3 || accepted.Load() < 50 {
		t.Errorf("%d keys were promoted and %d tokens accepted: too few to prove anything", len(kids), accepted.Load())
	}
}
