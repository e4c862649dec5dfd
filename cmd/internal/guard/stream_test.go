package guard_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// A WebSocket passes with a token, and what Connection names beside it takes none of our
// headers away.
func TestGuard_WebSocketsPass(t *testing.T) {
	t.Parallel()
	h, ann := house(t)
	told := make(chan http.Header, 1)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header
		c, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := both.ReadString('\n')
		fmt.Fprint(c, "heard ", line)
	}))
	t.Cleanup(service.Close)
	g := start(t, h, service.URL, "")
	held := token(h, "ann", "openid user agents:read")
	c, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(c, "GET /agents/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: Upgrade, X-Gatehouse-Subject, X-Gatehouse-Scopes\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nX-Gatehouse-Subject: root\r\n\r\n", held)
	read := bufio.NewReader(c)
	response, err := http.ReadResponse(read, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", response, err)
	}
	if headers := <-told; strings.Join(headers.Values("X-Gatehouse-Subject"), "|") != ann.String() || headers.Get("X-Gatehouse-Scopes") == "" {
		t.Errorf("%v", headers)
	}
	fmt.Fprint(c, "hello\n")
	if heard, err := io.ReadAll(read); err != nil || string(heard) != "heard hello\n" {
		t.Errorf("%q %v", heard, err)
	}

	// Without a token there is no socket, and nothing reaches the service.
	if status := raw(t, strings.TrimPrefix(g.URL, "http://"), "GET /agents/live", "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n"); !strings.HasPrefix(status, "HTTP/1.1 401") {
		t.Error(status)
	}
	select {
	case headers := <-told:
		t.Errorf("reached: %v", headers)
	default:
	}
}

// A protocol that would go on behind a request that was let in, with requests of its own
// that nobody judges, is not begun.
func TestGuard_OnlyWebSocketsUpgrade(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	told := make(chan http.Header, 2)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header
		if to := r.Header.Get("Upgrade"); to != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", to)
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
	}))
	t.Cleanup(service.Close)
	g := start(t, h, service.URL, "")
	for _, protocol := range []string{"h2c", "TLS/1.3", "websocket, h2c"} {
		status := raw(t, strings.TrimPrefix(g.URL, "http://"), "GET /health", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: "+protocol+"\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n")
		if !strings.HasPrefix(status, "HTTP/1.1 200") {
			t.Errorf("%s: %s", protocol, status)
		}
		if headers := <-told; headers.Get("Upgrade") != "" || headers.Get("Http2-Settings") != "" {
			t.Errorf("%s: the service was told %v", protocol, headers)
		}
	}
}

// What goes on is cut off soon after its token was revoked. One that expires ends
// sockets and events, which would never end, and no answer that was begun in time.
func TestG8_GuardEndsWhatIsOpen(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := http.NewResponseController(w)
		if r.Header.Get("Upgrade") != "" {
			c, _, err := out.Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			return
		}
		_ = out.Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(service.Close)
	g := start(t, h, service.URL, "")
	open := func(token, headers string) (c net.Conn, read *bufio.Reader) {
		t.Helper()
		c, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprintf(c, "GET /agents/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", token, headers)
		read = bufio.NewReader(c)
		response, err := http.ReadResponse(read, nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols && response.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", response, err)
		}
		return c, read
	}
	ends := func(within time.Duration, c net.Conn, read *bufio.Reader) bool {
		_ = c.SetReadDeadline(time.Now().Add(within))
		_, err := io.Copy(io.Discard, read)
		return err == nil || !strings.Contains(err.Error(), "timeout")
	}
	const socket, events = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n", "Accept: text/event-stream\r\n"

	held, other := token(h, "ann", "openid user agents:read"), token(h, "ann", "openid user agents:read")
	for name, headers := range map[string]string{"a socket": socket, "an answer": ""} {
		c, read := open(held, headers)
		if ends(1500*time.Millisecond, c, read) {
			t.Errorf("%s ended by itself", name)
		}
	}
	revoked, revokedRead := open(held, socket)
	answer, answerRead := open(held, "")
	kept, keptRead := open(other, "")
	h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {held}})
	if !ends(30*time.Second, revoked, revokedRead) || !ends(30*time.Second, answer, answerRead) {
		t.Error("the token is revoked, and what it opened goes on")
	}
	expiring, expiringRead := open(other, socket)
	told, toldRead := open(other, events)
	h.Advance(11 * time.Minute)
	if !ends(30*time.Second, expiring, expiringRead) || !ends(30*time.Second, told, toldRead) {
		t.Error("the token has expired, and its socket goes on")
	}
	if ends(1500*time.Millisecond, kept, keptRead) {
		t.Error("an answer that was begun in time was not given to its end")
	}
}

// A session that was refreshed reaches its browser: beside an interim answer of the service,
// which takes headers along for nobody to read, and when the fresh token cannot be judged.
func TestSignIn_KeepsARefreshedSession(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	b := f.h.Browser()
	f.visit(b, "/agents", "ann")
	f.service.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		fmt.Fprint(w, "served")
	})
	first := f.cookies(b)["gatehouse-guard"]
	f.advance(9*time.Minute + 30*time.Second)
	if p := f.send(b, http.MethodGet, "/agents", page); p.StatusCode != http.StatusOK || len(p.Header.Values("Set-Cookie")) != 1 || f.cookies(b)["gatehouse-guard"] == first {
		t.Errorf("after an interim answer: %d %v", p.StatusCode, p.Header)
	}

	second := f.cookies(b)["gatehouse-guard"]
	introspects := func(may bool) {
		f.h.World.Exec(`update platform.clients set introspect = $1 where id = 'guard'`, may)
	}
	introspects(false) // so that the feed is silent, while tokens are still given
	f.h.Advance(11 * time.Minute)
	for begun := time.Now(); f.made.Silence() < time.Minute; time.Sleep(10 * time.Millisecond) {
		if f.h.Advance(time.Second); time.Since(begun) > 30*time.Second {
			t.Fatal("the feed is not silent")
		}
	}
	if p := f.send(b, http.MethodGet, "/agents", page); p.StatusCode != http.StatusServiceUnavailable || f.cookies(b)["gatehouse-guard"] == second {
		t.Errorf("while the feed is silent: %d %v", p.StatusCode, p.Header)
	}
	introspects(true)
	f.advance(2 * time.Minute) // the older token is that of a thief by now
	if p := f.send(b, http.MethodGet, "/agents", page); p.StatusCode != http.StatusOK {
		t.Errorf("once the feed is back: %d %s", p.StatusCode, p.Body)
	}
}
