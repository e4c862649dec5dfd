package guard_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
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
				status := raw(t, listen, c.line, c.headers)
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
			// The cookie of a session that was refreshed reaches the browser, with the answer.
			f.visit(b, "/agents", "ann")
			before := f.cookies(b)["gatehouse-guard"]
			f.advance(9*time.Minute + 30*time.Second)
			p = f.send(b, http.MethodGet, "/agents", script)
			if after := f.cookies(b)["gatehouse-guard"]; p.StatusCode != http.StatusOK || string(p.Body) != "served" || after == before || after == "" {
				t.Errorf("refreshed: %d %s", p.StatusCode, p.Body)
			}
			if p, _ := f.visit(b, "/.gatehouse/sign-out", "ann"); f.cookies(b)["gatehouse-guard"] != "" {
				t.Errorf("signed out: %d %v", p.StatusCode, f.cookies(b))
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

// raw sends a request as it is written, and returns the status line.
func raw(t *testing.T, address, line, headers string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", line, address, headers)
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	status, _, _ := strings.Cut(string(answer), "\r\n")
	return status
}
