package guard_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

func startAsked(t *testing.T, h *webtest.House) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(open(t, h, "forward_auth: true\n"+routes))
	t.Cleanup(server.Close)
	return server
}

func TestForwardAuth_Answers(t *testing.T) {
	t.Parallel()
	h, ann := house(t)
	g := startAsked(t, h)
	held := token(h, "ann", "openid user agents:read")
	ask := func(method, target string, more http.Header) http.Header {
		headers := http.Header{"X-Forwarded-Method": {method}, "X-Forwarded-Uri": {target}}
		for name, values := range more {
			headers[name] = values
		}
		return headers
	}
	for name, c := range map[string]struct {
		bearer  string
		headers http.Header
		status  int
	}{
		"let in":              {held, ask("GET", "/agents/7?x=1", nil), 200},
		"anybody":             {"", ask("GET", "/health", nil), 200},
		"another method":      {"", ask("POST", "/health", nil), 403},
		"no token":            {"", ask("GET", "/agents", nil), 401},
		"a scope is missing":  {held, ask("GET", "/admin", nil), 403},
		"no route":            {held, ask("GET", "/nowhere", nil), 403},
		"dot segments":        {held, ask("GET", "/health/../admin", nil), 403},
		"escaped dots":        {held, ask("GET", "/health/%2e%2e/admin", nil), 403},
		"two slashes":         {held, ask("GET", "//admin", nil), 403},
		"an absolute address": {held, ask("GET", "http://x/health", nil), 403},
		"no address":          {held, http.Header{"X-Forwarded-Method": {"GET"}}, 403},
		"two addresses":       {held, ask("GET", "/health", http.Header{"X-Forwarded-Uri": {"/health", "/admin"}}), 403},
		"two methods":         {held, ask("GET", "/health", http.Header{"X-Forwarded-Method": {"GET", "POST"}}), 403},
		"a forged subject":    {held, ask("GET", "/health", http.Header{"X-Gatehouse-Subject": {"root"}}), 403},
		"in another spelling": {held, ask("GET", "/health", http.Header{"X_gatehouse_Subject": {"root"}}), 403},
		"another method yet":  {held, ask("GET", "/health", http.Header{"X-Http-Method-Override": {"DELETE"}}), 403},
		"another address yet": {held, ask("GET", "/health", http.Header{"X-Original-Url": {"/admin"}}), 403},
	} {
		r, body := get(t, g.URL+"/", c.bearer, c.headers)
		if r.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", name, r.StatusCode, body, c.status)
		}
		subject := ""
		if name == "let in" {
			subject = ann.String()
		}
		if name != "anybody" && r.Header.Get("X-Gatehouse-Subject") != subject {
			t.Errorf("%s: subject %q", name, r.Header.Get("X-Gatehouse-Subject"))
		}
	}
}

// Where nginx asks for the words of a refusal there is no yes: nginx would give it to the
// client as the answer of the service.
func TestForwardAuth_RefusedIsNotServed(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	guarded := open(t, h, "forward_auth: true\nassertion: {key_files: ["+assertionKey(t)+"], audience: 'http://service'}\n"+routes)
	// The first question fails, as one does while the issuer is away.
	g := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth_request" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		guarded.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	s, listen := newService(t), webtest.FreeAddress(t)
	startGateway(t, "nginx", listen, asking(t, "nginx", listen, g.URL, s.URL))
	held := token(h, "ann", "openid user agents:read")
	for line, headers := range map[string]string{
		"GET /agents":  "Authorization: Bearer " + held + "\r\n",
		"POST /agents": "Content-Length: 4\r\nAuthorization: Bearer " + held + "\r\n",
		"GET /health":  "",
	} {
		answer := raw(t, listen, line, headers+"Cookie: a=1\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.Contains(answer, "\r\nRetry-After: 1\r\n") || !strings.Contains(answer, "application/problem+json") ||
			strings.Contains(answer, "X-Gatehouse-") || strings.Contains(answer, "Cookie") {
			t.Errorf("%s: %s", line, answer)
		}
	}
	if answer := raw(t, listen, "GET /agents?x=1", ""); !strings.HasPrefix(answer, "HTTP/1.1 401 ") || !strings.Contains(answer, "Www-Authenticate: ") {
		t.Errorf("no token: %s", answer)
	}
	if s.last != nil {
		t.Errorf("the service was asked for %s", s.last.URL)
	}
}

// What leads to the guard itself is no way to ask it: neither by a spelling that a proxy
// alone takes for the guard's path, nor by the paths at which proxies ask.
func TestForwardAuth_OutsidersAskNothing(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	g := httptest.NewServer(open(t, h, "forward_auth: true\nassertion: {key_files: ["+assertionKey(t)+"], audience: 'http://service'}\n"+routes))
	t.Cleanup(g.Close)
	question := "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /agents\r\nAuthorization: Bearer " + token(h, "ann", "openid user agents:read") + "\r\n"
	paths := []string{
		"/.gatehouse/y", "//.gatehouse/y", "/.gatehouse//y", "/./.gatehouse/y", "/x/../.gatehouse/y", "/x/%2e%2e/.gatehouse/y", "/.gatehouse/x/../y",
		"/%2egatehouse/y", "/.gatehouse%2fy", "/.GATEHOUSE/y", "/.Gatehouse/keys", "/auth_request", "/refused", "/auth_request/../.gatehouse/y", "/refused/../.gatehouse/y",
		"/.gatehouse/../refused", "/.gatehouse/../auth_request", "/gatehouse-guard", "/.well-known/oauth-protected-resource/y", "/.well-known/oauth-protected-resourceful",
		"//.well-known/oauth-protected-resource/agents", "/.Well-Known/oauth-protected-resource/agents", "/.well-known/oauth-protected-resource/../../refused",
	}
	for name := range gateways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, listen := newService(t), webtest.FreeAddress(t)
			startGateway(t, name, listen, asking(t, name, listen, g.URL, s.URL))
			for _, path := range paths {
				answer := raw(t, listen, "GET "+path, question)
				if !strings.HasPrefix(answer, "HTTP/1.1 4") || strings.Contains(answer, "X-Gatehouse-") {
					t.Errorf("%s: %s", path, answer)
				}
			}
			if s.last != nil {
				t.Errorf("the service was asked for %s", s.last.URL)
			}
			// The guard is not even told.
			behind, listen := newService(t), webtest.FreeAddress(t)
			startGateway(t, name, listen, asking(t, name, listen, behind.URL, s.URL))
			for _, path := range []string{"/.gatehouse/y", "/.well-known/oauth-protected-resource/y"} {
				behind.last = nil
				raw(t, listen, "GET "+path, question+"Client-Cert: :AA==:\r\n")
				if behind.last == nil || behind.last.URL.Path != path {
					t.Fatalf("%s did not reach the guard", path)
				}
				for _, header := range []string{"X-Forwarded-Method", "X-Forwarded-Uri", "Client-Cert"} {
					if got := behind.last.Header[header]; got != nil {
						t.Errorf("%s: %s went on: %q", path, header, got)
					}
				}
			}
		})
	}
	// Nor where a proxy sends everything on.
	for _, path := range append(paths, "/agents") {
		if path == "/auth_request" || path == "/refused" {
			continue // with which such a proxy would ask
		}
		if answer := raw(t, hostOf(g.URL), "GET "+path, question); !strings.HasPrefix(answer, "HTTP/1.1 4") || strings.Contains(answer, "X-Gatehouse-") {
			t.Errorf("%s: %s", path, answer)
		}
	}
}

// A client that is refused finds the issuer by the address in the challenge (RFC 9728 §5).
func TestForwardAuth_MetadataBehindGateways(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	g := startAsked(t, h)
	for name := range gateways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, listen := newService(t), webtest.FreeAddress(t)
			startGateway(t, name, listen, asking(t, name, listen, g.URL, s.URL))
			r, _ := get(t, "http://"+listen+"/agents", "", nil)
			_, named, _ := strings.Cut(r.Header.Get("WWW-Authenticate"), `resource_metadata="https://api.example`)
			path, _, _ := strings.Cut(named, `"`)
			if path == "" {
				t.Fatalf("%d %v", r.StatusCode, r.Header)
			}
			r, body := get(t, "http://"+listen+path, "", nil)
			var told struct {
				Issuers []string `json:"authorization_servers"`
			}
			if err := json.Unmarshal([]byte(body), &told); r.StatusCode != http.StatusOK || err != nil || len(told.Issuers) != 1 || told.Issuers[0] != h.URL {
				t.Errorf("%s: %d %s", path, r.StatusCode, body)
			}
		})
	}
}

// documented is the block of a language below a heading of docs/resource-servers.md, with
// the words of a test in the place of others.
func documented(t *testing.T, heading, language string, replace ...string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/resource-servers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, _ := strings.Cut(string(page), "\n### "+heading)
	_, rest, found := strings.Cut(below, "```"+language+"\n")
	text, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended {
		t.Fatalf("there is no block of %s below %q", language, heading)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the block of %s below %q does not have %q", language, heading, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// asking is the documented file of a proxy that asks a guard.
func asking(t *testing.T, name, listen, guarded, service string, replace ...string) string {
	t.Helper()
	return documented(t, "Behind nginx", languages[name], append(replace, "127.0.0.1:8000", listen, "127.0.0.1:8088", hostOf(guarded), "127.0.0.1:3000", hostOf(service))...)
}

func hostOf(address string) string { return strings.TrimPrefix(address, "http://") }

// languages is what each proxy's file is written in.
var languages = map[string]string{"nginx": "nginx", "caddy": "caddyfile"}

// gateways is how each proxy is started with a file that has this text.
var gateways = map[string]func(t *testing.T, text string) *exec.Cmd{
	"nginx": func(t *testing.T, text string) *exec.Cmd {
		directory := t.TempDir()
		around := "daemon off; master_process off; pid " + directory + "/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			around += kind + "_temp_path " + directory + "/" + kind + ";\n"
		}
		file := filepath.Join(directory, "nginx.conf")
		if err := os.WriteFile(file, []byte(around+text+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command("nginx", "-c", file, "-p", directory, "-e", "stderr")
	},
	"caddy": func(t *testing.T, text string) *exec.Cmd {
		file := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(file, []byte("{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.Command("caddy", "run", "--config", file, "--adapter", "caddyfile")
		command.Env = append(os.Environ(), "HOME="+t.TempDir())
		return command
	},
}

// startGateway starts a proxy that listens on an address.
func startGateway(t *testing.T, name, listen, text string) {
	t.Helper()
	command := gateways[name](t, text)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatalf("%v (run tools/install-gateways)", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	answers(t, listen)
}

func TestForwardAuth_BehindGateways(t *testing.T) {
	t.Parallel()
	h, ann := house(t)
	g := startAsked(t, h)
	held := token(h, "ann", "openid user agents:read")
	for name := range gateways {
		t.Run(name, func(t *testing.T) {
			s, listen := newService(t), webtest.FreeAddress(t)
			startGateway(t, name, listen, asking(t, name, listen, g.URL, s.URL))
			r, body := get(t, "http://"+listen+"/agents/7?x=1", held, nil)
			if r.StatusCode != http.StatusOK || body != "served" || s.last.URL.String() != "/agents/7?x=1" {
				t.Fatalf("%d %s", r.StatusCode, body)
			}
			for name, want := range map[string]string{"X-Gatehouse-Subject": ann.String(), "X-Gatehouse-Roles": "user", "X-Gatehouse-Client": "web", "Authorization": ""} {
				if got := strings.Join(s.last.Header.Values(name), "|"); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			// Nobody is asking, and nobody is named.
			if r, body = get(t, "http://"+listen+"/health", "", nil); r.StatusCode != http.StatusOK || s.last.Header.Get("X-Gatehouse-Subject") != "" {
				t.Errorf("%d %s %v", r.StatusCode, body, s.last.Header)
			}

			s.last = nil
			for _, c := range []struct {
				line, headers string
				status        string
			}{
				{"GET /agents", "", "401"},
				{"GET /admin", "Authorization: Bearer " + held + "\r\n", "403"},
				{"GET /admin", "X-Forwarded-Uri: /health\r\nX-Forwarded-Method: GET\r\n", "401"},
				{"POST /health", "X-Forwarded-Method: GET\r\nContent-Length: 0\r\n", "403"},
				{"GET /health", "X-Gatehouse-Subject: root\r\n", "403"},
				{"POST /agents", "X-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n", "403"},
				{"GET /health", "X-Original-URL: /admin\r\n", "403"},
				{"GET /health/../admin", "", "40"},
				{"GET /health/%2e%2e/admin", "", "40"},
				{"GET //admin", "", "40"},
				{"GET /health/..%2fadmin", "", "40"},
			} {
				status, _, _ := strings.Cut(raw(t, listen, c.line, c.headers), "\r\n")
				if !strings.HasPrefix(status, "HTTP/1.1 "+c.status) {
					t.Errorf("%s %q: %s, want %s", c.line, c.headers, status, c.status)
				}
				if s.last != nil {
					t.Fatalf("%s %q reached the service: %v", c.line, c.headers, s.last.Header)
				}
			}
			// What is a spelling to nginx alone may pass, without the header.
			raw(t, listen, "GET /health", "X_Gatehouse_Subject: root\r\n")
			if s.last != nil && s.last.Header["X_gatehouse_subject"] != nil {
				t.Errorf("the forged header went on: %v", s.last.Header)
			}
		})
	}
}

// Through each proxy a person is sent to sign in, comes back, and stays.
func TestForwardAuth_SignInBehindGateways(t *testing.T) {
	t.Parallel()
	for name := range gateways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, listen := newFront(t, ""), webtest.FreeAddress(t)
			f.base = "http://" + listen
			f.h.World.Exec(`update platform.clients set redirect_uris = $1 where id = 'guard'`, []string{f.base + "/.gatehouse/callback"})
			f.h.Advance(12 * time.Second) // tokens that are as old as the change, or as its being heard of, are refused
			f.made = open(t, f.h, fmt.Sprintf("forward_auth: true\nsign_in: {base_url: %q, cookie_keys_file: %q}\nclient: {id: guard, secret_file: %s}\n%s", f.base, f.keys, secretFile(t), pages))
			asked := httptest.NewServer(f.made)
			t.Cleanup(asked.Close)
			startGateway(t, name, listen, asking(t, name, listen, asked.URL, f.service.URL))

			if p := f.send(f.h.Browser(), http.MethodGet, "/agents", script); p.StatusCode != http.StatusUnauthorized || !strings.Contains(p.Header.Get("WWW-Authenticate"), `scope="user"`) {
				t.Errorf("a script: %d %v", p.StatusCode, p.Header)
			}
			b := f.h.Browser()
			p, sent := f.visit(b, "/agents/7?x=1", "ann")
			if p.StatusCode != http.StatusOK || len(sent) != 1 || f.service.last.URL.String() != "/agents/7?x=1" || f.service.last.Header.Get("X-Gatehouse-Client") != "guard" {
				t.Fatalf("%d %s %v", p.StatusCode, p.Body, sent)
			}
			if p := f.send(b, http.MethodPost, "/agents", script); p.StatusCode != http.StatusOK {
				t.Errorf("a script that posts: %d %s", p.StatusCode, p.Body)
			}
			if p := f.send(b, http.MethodPost, "/agents", http.Header{"Sec-Fetch-Site": {"cross-site"}}); p.StatusCode != http.StatusForbidden {
				t.Errorf("another site posts: %d", p.StatusCode)
			}
			if p, _ := f.visit(b, "/admin", "ann"); p.StatusCode != http.StatusForbidden || !strings.Contains(string(p.Body), "does not have the right") {
				t.Errorf("what ann may never: %d %s", p.StatusCode, p.Body)
			}
			// The cookie of a session that was refreshed reaches the browser, with the answer,
			// which no cache may give to another.
			f.visit(b, "/agents", "ann")
			before := f.cookies(b)["gatehouse-guard"]
			if p := f.send(b, http.MethodGet, "/agents", script); strings.Join(p.Header.Values("Cache-Control"), ", ") != cacheable {
				t.Errorf("what the service says of caches: %v", p.Header)
			}
			f.advance(9*time.Minute + 30*time.Second)
			p = f.send(b, http.MethodGet, "/agents", script)
			if after := f.cookies(b)["gatehouse-guard"]; p.StatusCode != http.StatusOK || string(p.Body) != "served" || after == before || after == "" {
				t.Errorf("refreshed: %d %s", p.StatusCode, p.Body)
			}
			if got := p.Header.Values("Cache-Control"); !slices.Contains(got, "no-store") {
				t.Errorf("refreshed: %q", got)
			}
			if p, _ := f.visit(b, "/.gatehouse/sign-out", "ann"); f.cookies(b)["gatehouse-guard"] != "" {
				t.Errorf("signed out: %d %v", p.StatusCode, f.cookies(b))
			}
		})
	}
}

// The service sees the cookies of others, as they came, and none of the guard's.
func TestForwardAuth_SessionsStayFromTheService(t *testing.T) {
	t.Parallel()
	f := newFront(t, "")
	b := f.h.Browser()
	f.visit(b, "/agents", "ann")
	f.send(b, http.MethodGet, "/agents", page)
	held := f.cookies(b)
	if len(held) != 3 {
		t.Fatalf("%v", held)
	}
	asked := httptest.NewServer(open(t, f.h, fmt.Sprintf("forward_auth: true\nsign_in: {base_url: %q, cookie_keys_file: %q}\nclient: {id: guard, secret_file: %s}\n%s", f.base, f.keys, secretFile(t), pages)))
	t.Cleanup(asked.Close)
	session, hint, browser := "gatehouse-guard="+held["gatehouse-guard"], "gatehouse-guard-hint="+held["gatehouse-guard-hint"], "gatehouse-guard-browser="+held["gatehouse-guard-browser"]
	large := "large=" + strings.Repeat("x", 10_000)
	for name := range gateways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, listen := newService(t), webtest.FreeAddress(t)
			startGateway(t, name, listen, asking(t, name, listen, asked.URL, s.URL))
			for sent, want := range map[string]string{
				session:                     "",
				"a=1; " + session + "; b=2": "a=1; b=2",
				session + ";" + hint + ";" + browser + "; a=\"x y\"; a=2": "a=\"x y\"; a=2",
				"b={http.request.host}$uri; " + hint + "; " + session:     "b={http.request.host}$uri",
				"a=1\r\nCookie: " + session + "\r\nCookie: b=2":           "a=1; b=2",
				"xgatehouse-guard=1; gatehouse-guardx=2; " + session:      "xgatehouse-guard=1; gatehouse-guardx=2",
				"a=\"1; " + session + "; 2\"":                             "a=\"1; 2\"",
				large + "\r\nCookie: " + session + "; " + large:           large + "; " + large,
			} {
				s.last = nil
				answer := raw(t, listen, "GET /agents", "Cookie: "+sent+"\r\n")
				if !strings.HasPrefix(answer, "HTTP/1.1 200 ") || s.last == nil {
					t.Errorf("%.200s: %s", sent, answer)
					continue
				}
				if got := strings.Join(s.last.Header["Cookie"], "|"); got != want {
					t.Errorf("%.200s: the service got %.300s", sent, got)
				}
				if strings.Contains(answer, "Cookie") {
					t.Errorf("%.200s: the client got %s", sent, answer)
				}
			}
			// Where nobody is asked, too.
			raw(t, listen, "GET /health", "Cookie: a=1; "+session+"; "+session+"\r\nDPoP: x\r\n")
			if got := s.last.Header; got.Get("Cookie") != "a=1" || got["Dpop"] != nil {
				t.Errorf("%v", got)
			}
		})
	}
}

// answers waits until something listens.
func answers(t *testing.T, address string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
	}
	t.Fatalf("nothing listens on %s", address)
}

// raw sends a request as it is written, with a body of four letters where its headers
// announce one, and returns the answer.
func raw(t *testing.T, address, line, headers string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := ""
	if strings.Contains(headers, "Content-Length: 4") {
		body = "body"
	}
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n%s", line, address, headers, body)
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
