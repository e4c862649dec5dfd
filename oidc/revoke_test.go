package oidc_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// cable is a database connection that can be pulled out.
type cable struct {
	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("the cable is pulled")}
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cable) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// saboteur breaks each connection that is about to write into the ledger.
type saboteur struct{ on atomic.Bool }

func (s *saboteur) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return sabotaged{conn, s}, err
}

type sabotaged struct {
	net.Conn
	by *saboteur
}

func (c sabotaged) Write(p []byte) (int, error) {
	if c.by.on.Load() && bytes.Contains(p, []byte("insert into platform.revoked_tokens")) {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func revoke(h *webtest.House, client, token string) webtest.Answer {
	h.T.Helper()
	return h.Call("/oauth2/revoke", client, webtest.ClientSecret, url.Values{"token": {token}})
}

func TestG5_AnotherClientsToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	for _, token := range []string{tokens.Text("access_token"), tokens.Text("refresh_token"), tokens.Text("id_token"), "unknown", "gth_rt_x"} {
		for _, client := range []string{"other", "rs"} {
			if a := revoke(h, client, token); a.Status != http.StatusOK || a.Raw != "" {
				t.Errorf("%s revokes %.10s…: %d %s", client, token, a.Status, a.Raw)
			}
		}
	}
	if !isActive(t, h, tokens.Text("access_token")) {
		t.Error("another client revoked the access token")
	}
	mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	mustRefuse(t, "without authentication", post(t, h, "/oauth2/revoke", url.Values{"token": {"x"}}), http.StatusUnauthorized, "invalid_client")
	mustRefuse(t, "without a token", h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{}), http.StatusBadRequest, "invalid_request")
}

func TestG6_DatabaseDownWhileRevoking(t *testing.T) {
	t.Parallel()
	var c cable
	h := newHouse(t, func(_ *web.Config, o *postgres.Options) { o.DialFunc = c.dial })
	tokens := h.Tokens("web", "ann", nil)
	c.set(true)
	for _, kind := range []string{"access_token", "refresh_token"} {
		a := revoke(h, "web", tokens.Text(kind))
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || a.Text("error") != "temporarily_unavailable" {
			t.Errorf("revoking the %s with the database down: %d %s", kind, a.Status, a.Raw)
		}
	}
	if a := h.Introspect("rs", tokens.Text("access_token")); a.Status != http.StatusServiceUnavailable {
		t.Errorf("introspection with the database down: %d %s", a.Status, a.Raw)
	}
	if a := userInfo(t, h, tokens.Text("access_token")); a.Status != http.StatusServiceUnavailable {
		t.Errorf("userinfo with the database down: %d %s", a.Status, a.Raw)
	}
	if a := refresh(h, "web", tokens.Text("refresh_token"), nil); a.Status != http.StatusServiceUnavailable {
		t.Errorf("refresh with the database down: %d %s", a.Status, a.Raw)
	}
	// What needs no database is still there, for those who verify tokens by themselves.
	for _, path := range []string{"/oauth2/jwks", "/.well-known/openid-configuration", "/healthz"} {
		if p := h.Browser().Get(path); p.StatusCode != http.StatusOK {
			t.Errorf("%s with the database down: %d", path, p.StatusCode)
		}
	}
	c.set(false)
	soon(t, "the database is back", func() bool { return h.Introspect("rs", tokens.Text("access_token")).Status == http.StatusOK })
	if !isActive(t, h, tokens.Text("access_token")) {
		t.Error("a revocation that was answered with 503 has been done")
	}
	second := mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	if a := revoke(h, "web", second.Text("refresh_token")); a.Status != http.StatusOK {
		t.Errorf("revoke: %d %s", a.Status, a.Raw)
	}
	if isActive(t, h, second.Text("access_token")) {
		t.Error("active after a revocation that was answered with 200")
	}
}

func TestG6_TheftThatCannotBeAnswered(t *testing.T) {
	t.Parallel()
	var s saboteur
	h := newHouse(t, func(_ *web.Config, o *postgres.Options) { o.DialFunc = s.dial })
	b, proof := h.Browser(), webtest.NewProof()
	code := b.Authorize(proof, "web", "ann", nil).Get("code")
	first := mustGrant(t, "exchange", h.Exchange("web", code, proof))
	second := mustGrant(t, "refresh", refresh(h, "web", first.Text("refresh_token"), nil))
	h.Advance(grace + time.Second)
	s.on.Store(true)
	for name, a := range map[string]webtest.Answer{"code": h.Exchange("web", code, proof), "refresh token": refresh(h, "web", first.Text("refresh_token"), nil)} {
		mustRefuse(t, "a replayed "+name+" whose grant cannot be killed", a, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	s.on.Store(false)
	mustRefuse(t, "the code, once more", h.Exchange("web", code, proof), http.StatusBadRequest, "invalid_grant")
	if isActive(t, h, second.Text("access_token")) {
		t.Error("the grant lives on")
	}
}

func TestG7_RevokingARefreshTokenKillsTheGrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.Tokens("web", "ann", nil)
	second := mustGrant(t, "refresh", refresh(h, "web", first.Text("refresh_token"), nil))
	bystander := h.Tokens("web", "ann", nil)
	// An old one of the chain does it too: whoever holds it held the grant.
	if a := revoke(h, "web", first.Text("refresh_token")); a.Status != http.StatusOK {
		t.Fatalf("revoke: %d %s", a.Status, a.Raw)
	}
	for _, a := range []webtest.Answer{first, second} {
		if isActive(t, h, a.Text("access_token")) {
			t.Error("an access token outlived its grant")
		}
		mustRefuse(t, "refresh", refresh(h, "web", a.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	}
	if a := revoke(h, "web", second.Text("refresh_token")); a.Status != http.StatusOK {
		t.Errorf("revoked twice: %d %s", a.Status, a.Raw)
	}
	if !isActive(t, h, bystander.Text("access_token")) {
		t.Error("another grant of the same user and client died too")
	}
}

func TestRevokingAnAccessTokenLeavesTheGrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	for _, hint := range []string{"refresh_token", "access_token", "unheard_of"} {
		// RFC 7009 §2.1: a wrong hint is no obstacle.
		a := h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {tokens.Text("access_token")}, "token_type_hint": {hint}})
		if a.Status != http.StatusOK {
			t.Errorf("hint %s: %d %s", hint, a.Status, a.Raw)
		}
		if isActive(t, h, tokens.Text("access_token")) {
			t.Errorf("hint %s: active after revocation", hint)
		}
		tokens = mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	}
}

func TestClientRevokesItsOwnToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	if a := revoke(h, "rs", token); a.Status != http.StatusOK {
		t.Fatalf("revoke: %d %s", a.Status, a.Raw)
	}
	if isActive(t, h, token) {
		t.Error("a client's own token is active after revocation")
	}
}
