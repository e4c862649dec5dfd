package oidc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// meter counts what crosses the connections of a pool: each flush of the driver
// waits for its answer, so a write is a round trip.
type meter struct{ trips, statements atomic.Int64 }

func (m *meter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &meteredConn{Conn: conn, meter: m}, err
}

type meteredConn struct {
	net.Conn
	meter *meter
	// feed is the one connection that only listens; what it says is no request's.
	feed atomic.Bool
}

func (c *meteredConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("listen gatehouse")) {
		c.feed.Store(true)
	}
	if !c.feed.Load() {
		c.meter.trips.Add(1)
		c.meter.statements.Add(binds(p))
	}
	return c.Conn.Write(p)
}

// binds counts the statements in what is sent: each is one Bind message.
func binds(p []byte) (n int64) {
	for len(p) >= 5 && p[0] != 0 {
		if p[0] == 'B' {
			n++
		}
		p = p[min(len(p), 1+int(binary.BigEndian.Uint32(p[1:]))):]
	}
	return n
}

// TestHotPath holds the budget of the requests that a deployment lives on. It is
// not parallel: transaction ids belong to the whole cluster.
func TestHotPath(t *testing.T) {
	m := &meter{}
	h := webtest.Boot(t, func(_ *web.Config, o *postgres.Options) { o.DialFunc, o.MaxConns = m.dial, 2 })
	h.User("ann")
	h.Client("web", func(c *storage.Client) { c.IDTokenAtRefresh = true })
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })

	const rounds = 50
	person := h.Browser()
	codes := make(chan struct {
		code  string
		proof webtest.Proof
	}, 2*rounds)
	authorize := func(t *testing.T) {
		proof := webtest.NewProof()
		code := person.Authorize(proof, "web", "ann", nil).Get("code")
		if code == "" {
			t.Fatal("no code")
		}
		codes <- struct {
			code  string
			proof webtest.Proof
		}{code, proof}
	}
	authorize(t) // signs in and consents
	tokens := h.Tokens("web", "ann", nil)
	refresh := tokens.Text("refresh_token")
	access := tokens.Text("access_token")
	var minted []string
	strangers := 0

	for _, request := range []struct {
		name                       string
		trips, statements, commits int64
		do                         func(*testing.T)
	}{
		{"discovery", 0, 0, 0, func(t *testing.T) { fetch(t, h, "/.well-known/openid-configuration") }},
		{"JWKS", 0, 0, 0, func(t *testing.T) { fetch(t, h, "/oauth2/jwks") }},
		{"client credentials", 0, 0, 0, func(t *testing.T) {
			minted = append(minted, must(t, h.Token("rs", url.Values{"grant_type": {"client_credentials"}})).Text("access_token"))
		}},
		{"a client nobody knows", 0, 0, 0, func(t *testing.T) {
			strangers++
			a := h.Call("/oauth2/token", fmt.Sprintf("stranger-%d", strangers), "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
			mustRefuse(t, "an unknown client", a, http.StatusUnauthorized, "invalid_client")
		}},
		{"introspection", 0, 0, 0, func(t *testing.T) { must(t, h.Introspect("rs", access)) }},
		{"userinfo", 1, 1, 0, func(t *testing.T) {
			r, _ := http.NewRequest(http.MethodGet, h.Socket()+"/oauth2/userinfo", nil)
			r.Header.Set("Authorization", "Bearer "+access)
			must(t, h.Send(r))
		}},
		{"authorize, signed in and consented", 2, 3, 1, authorize},
		{"code exchange", 2, 3, 1, func(t *testing.T) {
			next := <-codes
			must(t, h.Exchange("web", next.code, next.proof))
		}},
		{"refresh", 2, 3, 1, func(t *testing.T) {
			refresh = must(t, h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})).Text("refresh_token")
		}},
		// The second commit tells the other replicas. It is not written to disk before anyone
		// goes on, and those who revoke within 4 ms share it.
		{"revocation", 1, 1, 2, func(t *testing.T) {
			token := minted[0]
			minted = minted[1:]
			must(t, h.Call("/oauth2/revoke", "rs", webtest.ClientSecret, url.Values{"token": {token}}))
		}},
	} {
		t.Run(request.name, func(t *testing.T) {
			// Statements are prepared on each of the two connections at first use.
			for range 4 {
				request.do(t)
			}
			before, stated, committed := m.trips.Load(), m.statements.Load(), commits(h)
			for range rounds {
				request.do(t)
			}
			trips, statements, written := m.trips.Load()-before, m.statements.Load()-stated, commits(h)-committed
			t.Logf("%d requests: %d round trips, %d statements, %d commits", rounds, trips, statements, written)
			// A stray commit of the server's own (autovacuum, say) is no request's.
			if trips > request.trips*rounds+2 || statements > request.statements*rounds+4 || written > request.commits*rounds+5 {
				t.Errorf("per request: %.2f round trips (budget %d), %.2f statements (budget %d), %.2f commits (budget %d)",
					float64(trips)/rounds, request.trips, float64(statements)/rounds, request.statements, float64(written)/rounds, request.commits)
			}
		})
	}
}

// commits is a number that grows by one with each transaction that has written.
func commits(h *webtest.House) int64 {
	var n int64
	h.World.Get(`select pg_snapshot_xmax(pg_current_snapshot())::text::bigint`, nil, &n)
	return n
}

func must(t *testing.T, a webtest.Answer) webtest.Answer {
	t.Helper()
	if a.Status != http.StatusOK {
		t.Fatalf("status %d: %s", a.Status, a.Raw)
	}
	return a
}

func fetch(t *testing.T, h *webtest.House, path string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, h.Socket()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	must(t, h.Send(r))
}
