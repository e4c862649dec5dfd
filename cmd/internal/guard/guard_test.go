package guard_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/cmd/internal/guard"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const audience = "https://api.example/agents"

// cacheable is what a service says of its answers that does not know of sessions.
const cacheable = "public, max-age=60"

// service keeps the last request that reached it.
type service struct {
	*httptest.Server
	last *http.Request
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	var mu sync.Mutex
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // trailers stand at its end
		mu.Lock()
		s.last = r
		mu.Unlock()
		w.Header().Set("Cache-Control", cacheable)
		fmt.Fprint(w, "served")
	}))
	t.Cleanup(s.Close)
	return s
}

const routes = `
routes:
  - path: /health
    methods: [GET]
    security: [{}]
  - prefix: /agents
    security:
      - oauth2: ["user", "agents:read"]
      - oauth2: ["admin"]
  - prefix: /admin
    security:
      - oauth2: ["admin"]
`

// secretFile holds the secret of every client of a house.
func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(webtest.ClientSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// start puts a guard before a service, with the lines that a test adds.
func start(t *testing.T, h *webtest.House, upstream, lines string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(open(t, h, "upstream: "+upstream+"\n"+lines+routes))
	t.Cleanup(server.Close)
	return server
}

// open makes a guard that follows the feed, of a file without what is the same in all.
func open(t *testing.T, h *webtest.House, text string) *guard.Guard {
	t.Helper()
	text += fmt.Sprintf("\nissuer: %s\naudience: %s\n", h.URL, audience)
	if !strings.Contains(text, "client:") {
		text += "client: {id: agents-guard, secret_file: " + secretFile(t) + "}\n"
	}
	c, err := guard.ParseConfig(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(t.Context(), c, slog.New(slog.NewTextHandler(t.Output(), nil)), h.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		g.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return g
}

// house has the resource and, in a group with a difficult name, a user.
func house(t *testing.T) (*webtest.House, authz.UserID) {
	t.Helper()
	h := webtest.Boot(t)
	h.World.Exec(`insert into platform.resources (identifier, name, scopes, created_at) values ($1, 'Agents', '{user,agents:read,admin}', now())`, audience)
	h.Client("web")
	h.Machine("agents-guard", func(c *storage.Client) { c.Introspect = true })
	ann := h.User("ann")
	h.World.Join(ann, h.Tenant, h.World.Group(h.Tenant, "R&D, Zürich"))
	return h, ann
}

func token(h *webtest.House, username, scopes string) string {
	h.T.Helper()
	proof := webtest.NewProof()
	left := h.Browser().Authorize(proof, "web", username, url.Values{"scope": {scopes}})
	return h.Exchange("web", left.Get("code"), proof).Text("access_token")
}

func get(t *testing.T, address, bearer string, headers http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestGuard_TellsTheServiceWhoIsAsking(t *testing.T) {
	t.Parallel()
	h, ann := house(t)
	s := newService(t)
	g := start(t, h, s.URL+"/base", "")
	held := token(h, "ann", "openid user agents:read")
	r, body := get(t, g.URL+"/agents/7?x=1&y=a%20b", held, nil)
	if r.StatusCode != http.StatusOK || body != "served" {
		t.Fatalf("%d %s", r.StatusCode, body)
	}
	if s.last.URL.String() != "/base/agents/7?x=1&y=a%20b" {
		t.Errorf("asked for %s", s.last.URL)
	}
	for name, want := range map[string]string{
		"Subject": ann.String(), "Client": "web", "Tenant": h.Tenant.String(), "Scopes": "openid user agents:read", "Roles": "user",
	} {
		if got := s.last.Header.Get("X-Gatehouse-" + name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var groups []string
	for name := range strings.SplitSeq(s.last.Header.Get("X-Gatehouse-Groups"), ",") {
		plain, err := url.PathUnescape(name)
		if err != nil {
			t.Error(err)
		}
		groups = append(groups, plain)
	}
	if len(groups) != 2 || !strings.Contains(strings.Join(groups, "|"), "R&D, Zürich") {
		t.Errorf("groups: %q", groups)
	}
	if got := s.last.Header.Values("Authorization"); got != nil {
		t.Errorf("the token went on: %q", got)
	}
	if s.last.Header.Get("X-Forwarded-For") != "127.0.0.1" || s.last.Header.Get("X-Forwarded-Host") == "" {
		t.Errorf("forwarded: %v", s.last.Header)
	}
}

func TestGuard_ForwardsTheTokenWhenItIsTold(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	s := newService(t)
	g := start(t, h, s.URL, "forward_authorization: true\n")
	held := token(h, "ann", "openid user agents:read")
	get(t, g.URL+"/agents", held, nil)
	if got := s.last.Header.Get("Authorization"); got != "Bearer "+held {
		t.Errorf("Authorization: %q", got)
	}
}

func TestGuard_RefusesWithAChallenge(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	s := newService(t)
	g := start(t, h, s.URL, "")
	held := token(h, "ann", "openid user agents:read")
	const metadata = `resource_metadata="https://api.example/.well-known/oauth-protected-resource/agents"`
	for _, c := range []struct {
		path, bearer string
		status       int
		challenge    string
	}{
		{"/agents", "", 401, `scope="user agents:read", ` + metadata},
		{"/agents", "nonsense", 401, `error="invalid_token"`},
		{"/agents", token(h, "ann", "openid user"), 403, `error="insufficient_scope", scope="user agents:read"`},
		{"/agents", token(h, "ann", "openid"), 401, `error="invalid_token"`}, // made for the issuer alone
		{"/admin/x", held, 403, `scope="admin"`},
		{"/health", "nonsense", 401, `error="invalid_token"`},
		{"/health", "", 200, ""},
		{"/nowhere", held, 404, ""},
		{"/", held, 404, ""},
		{"/agentsx", held, 404, ""},
	} {
		s.last = nil
		r, body := get(t, g.URL+c.path, c.bearer, nil)
		if r.StatusCode != c.status || !strings.Contains(r.Header.Get("WWW-Authenticate"), c.challenge) {
			t.Errorf("%s: %d %q %s", c.path, r.StatusCode, r.Header.Get("WWW-Authenticate"), body)
		}
		if reached := s.last != nil; reached != (c.status == 200) {
			t.Errorf("%s: reached the service: %v", c.path, reached)
		}
		if c.status >= 400 && r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %q", c.path, r.Header.Get("Content-Type"))
		}
	}
	r, err := http.Post(g.URL+"/health", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET" {
		t.Errorf("POST /health: %d, Allow %q", r.StatusCode, r.Header.Get("Allow"))
	}
	if r, body := get(t, g.URL+"/.well-known/oauth-protected-resource/agents", "", nil); r.StatusCode != 200 || !strings.Contains(body, h.URL) {
		t.Errorf("metadata: %d %s", r.StatusCode, body)
	}
}

// Nobody but the guard says who is asking: not in another spelling, not hidden
// behind Connection, not in a trailer, and not where nobody is asked.
func TestGuard_IdentityComesFromNobodyElse(t *testing.T) {
	t.Parallel()
	h, ann := house(t)
	s := newService(t)
	g := start(t, h, s.URL, "")
	held := token(h, "ann", "openid user agents:read")
	forged := http.Header{
		"X-Gatehouse-Subject": {"root"}, "X-Gatehouse-Roles": {"owner"}, "X-Gatehouse-Anything": {"x"}, "x-gatehouse-scopes": {"admin"},
		"X_Gatehouse_Subject": {"root"}, "X-Gatehouse_Tenant": {"x"}, "Connection": {"X-Gatehouse-Subject, X-Gatehouse-Roles, X-Hop"}, "X-Hop": {"1"},
		"X-Http-Method-Override": {"DELETE"}, "X-Original-Url": {"/admin"}, "X-Rewrite-Url": {"/admin"}, "X-Forwarded-For": {"192.0.2.1"},
		"X-Forwarded-Proto": {"https"}, "Client-Cert": {"forged"}, "Client_Cert": {"forged"}, "Client-Cert-Chain": {"forged"}, "client_cert_chain": {"forged"},
	}
	get(t, g.URL+"/agents", held, forged)
	if s.last == nil {
		t.Fatal("the service was not reached")
	}
	if got := s.last.Header.Values("X-Gatehouse-Subject"); len(got) != 1 || got[0] != ann.String() {
		t.Errorf("subject: %q", got)
	}
	if got := s.last.Header.Get("X-Gatehouse-Roles"); got != "user" {
		t.Errorf("roles: %q", got)
	}
	for _, name := range []string{"X-Gatehouse-Anything", "X_Gatehouse_Subject", "X-Gatehouse_Tenant", "X-Hop", "X-Http-Method-Override", "X-Original-Url", "X-Rewrite-Url",
		"Client-Cert", "Client_Cert", "Client-Cert-Chain", "client_cert_chain"} {
		if got := s.last.Header[name]; got != nil {
			t.Errorf("%s went on: %q", name, got)
		}
	}
	if got := s.last.Header; got.Get("X-Forwarded-For") != "127.0.0.1" || got.Get("X-Forwarded-Proto") != "http" {
		t.Errorf("forwarded for %q by %q", got.Get("X-Forwarded-For"), got.Get("X-Forwarded-Proto"))
	}

	get(t, g.URL+"/health", "", forged)
	for name := range s.last.Header {
		if strings.HasPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "x-gatehouse") {
			t.Errorf("nobody is asking, and yet there is %s", name)
		}
	}

	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/agents", io.NopCloser(strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+held)
	r.Trailer = http.Header{"X-Gatehouse-Subject": {"root"}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if len(s.last.Trailer) > 0 {
		t.Errorf("a trailer went on: %v", s.last.Trailer)
	}
}

// What a trusted proxy tells of its client goes on to the service, and what it passes on
// of the client's certificate does not, however it is spelt.
func TestGuard_BehindATrustedProxy(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	s := newService(t)
	g := start(t, h, s.URL, "trusted_proxies: [127.0.0.1]\nclient_certificate_header: X-Client-Pem\n")
	get(t, g.URL+"/health", "", http.Header{
		"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"https"}, "X-Client-Pem": {"x"}, "X_client_pem": {"x"},
	})
	if got := s.last.Header; got.Get("X-Forwarded-For") != "192.0.2.1, 127.0.0.1" || got.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("forwarded for %q by %q", got.Get("X-Forwarded-For"), got.Get("X-Forwarded-Proto"))
	}
	for name := range s.last.Header {
		if strings.Contains(strings.ToLower(name), "pem") {
			t.Errorf("%s went on", name)
		}
	}
}

// The request line goes out as it is, past the client's own cleaning.
func TestGuard_UncleanPathsReachNothing(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	s := newService(t)
	g := start(t, h, s.URL, "")
	for _, path := range []string{
		"/health/../admin", "/health/%2e%2e/admin", "//admin", "/agents//..//admin", "/health/..%2fadmin", "/health/..;/admin", "/health\\..\\admin", "/health%00",
		"http://" + strings.TrimPrefix(s.URL, "http://") + "/admin",
	} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
		answer, err := io.ReadAll(connection)
		_ = connection.Close()
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: %.60q %v", path, answer, err)
		}
	}
	if s.last != nil {
		t.Errorf("the service was asked for %s", s.last.URL)
	}
}

// A revoked token is refused when the guard has heard of it, within a second or two;
// with signatures alone, when it expires.
func TestG8_GuardChecksAsItIsTold(t *testing.T) {
	t.Parallel()
	h, ann := house(t)
	s := newService(t)
	guards := map[string]*httptest.Server{}
	for _, check := range []string{"offline", "introspect", "signature"} {
		guards[check] = start(t, h, s.URL, "check: "+check+"\n")
	}
	held := token(h, "ann", "openid user agents:read")
	status := func(check string) int {
		r, _ := get(t, guards[check].URL+"/agents", held, nil)
		return r.StatusCode
	}
	for check := range guards {
		if got := status(check); got != 200 || s.last.Header.Get("X-Gatehouse-Subject") != ann.String() {
			t.Fatalf("%s: %d before", check, got)
		}
	}
	h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {held}})
	begun := time.Now()
	for _, check := range []string{"offline", "introspect"} {
		for asked := begun; status(check) != 401; asked = time.Now() {
			if asked.Sub(begun) > 2*time.Second {
				t.Fatalf("%s: let in two seconds after the token was revoked", check)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	if got := status("signature"); got != 200 {
		t.Errorf("by its signature: %d", got)
	}
	h.Advance(11 * time.Minute)
	if got := status("signature"); got != 401 {
		t.Errorf("expired: %d", got)
	}
}

// When the feed is silent nobody is let in, and nobody is told that their token is bad.
func TestGuard_SilentFeed(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	s := newService(t)
	g := start(t, h, s.URL, "")
	held := token(h, "ann", "openid user agents:read")
	h.World.Exec(`update platform.clients set introspect = false where id = 'agents-guard'`)
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		r, _ := get(t, g.URL+"/agents", held, nil)
		if r.StatusCode == http.StatusServiceUnavailable && r.Header.Get("Retry-After") != "" && r.Header.Get("WWW-Authenticate") == "" {
			break
		}
		if r.StatusCode != http.StatusOK || time.Since(begun) > time.Minute {
			t.Fatalf("%d after %v", r.StatusCode, time.Since(begun))
		}
		h.Advance(time.Second)
	}
	if r, _ := get(t, g.URL+"/health", "", nil); r.StatusCode != http.StatusOK {
		t.Errorf("where nobody is asked: %d", r.StatusCode)
	}
}

func TestGuard_ServiceDown(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	s := newService(t)
	g := start(t, h, s.URL, "")
	s.Close()
	r, body := get(t, g.URL+"/health", "", nil)
	if r.StatusCode != http.StatusBadGateway || strings.Contains(body, "127.0.0.1") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

func TestNew_FindsWrongSettings(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := "client: {id: agents-guard, secret_file: " + secretFile(t) + "}\n"
	for lines, want := range map[string]string{
		"client: {id: x, secret_file: /nonexistent}":                                       "read client secret",
		"client: {id: x, secret_file: " + empty + "}":                                      "is empty",
		"client: {id: x, secret_env: GATEHOUSE_NO_ONE}":                                    "GATEHOUSE_NO_ONE is not set",
		"client: {id: x, key_file: /nonexistent}":                                          "read client key",
		"client: {id: x, key_file: " + empty + "}":                                         "client key: expected a private key",
		good + "sign_in: {base_url: 'https://a.example', cookie_keys_file: " + empty + "}": "cookie keys",
		good + "assertion: {key_files: [" + empty + "]}":                                   "expected a private key of P-256",
		"client: {id: stranger, secret_file: " + secretFile(t) + "}":                       "the feed answered 401",
	} {
		c, err := guard.ParseConfig(strings.NewReader(fmt.Sprintf("upstream: http://x\nissuer: %s\naudience: %s\n%s\n%s", h.URL, audience, lines, routes)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := guard.New(t.Context(), c, slog.New(slog.DiscardHandler), time.Now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
