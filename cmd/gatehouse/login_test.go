package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/cmd/internal/remote"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// newServer is a house that the command line is registered at, as serve does it.
func newServer(t *testing.T) *webtest.House {
	t.Helper()
	h := webtest.Boot(t)
	h.User("ann")
	i := &invocation{now: time.Now}
	for range 2 { // as at a second start
		if err := i.registerCommandLine(t.Context(), &house{store: h.Store}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// login calls "gatehouse login" and answers, in a browser, at the address that it shows.
func (h *host) login(server *webtest.House, username, button string, flags ...string) result {
	h.t.Helper()
	shown, errs := io.Pipe()
	var out bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(context.Background(), append([]string{"login", "--issuer", server.URL, "--output", "json"}, flags...), &invocation{
			in: strings.NewReader(""), out: &out, errs: errs, environ: h.environ, now: server.Now, format: output.Table,
		})
		_ = errs.Close()
	}()
	var text strings.Builder
	for lines := bufio.NewScanner(shown); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		text.WriteString(line + "\n")
		if strings.HasPrefix(line, server.URL+"/device?user_code=") {
			b := server.Browser()
			b.Press(b.Press(b.SignIn(b.Get(line), username), "continue", nil), button, nil)
		}
		if strings.HasPrefix(line, server.URL+"/oauth2/authorize?") {
			b := server.Browser()
			brought := b.Press(b.SignIn(b.Get(line), username), button, nil).Left
			if response, err := http.Get(brought.String()); err != nil || response.StatusCode != http.StatusOK {
				h.t.Errorf("the terminal does not take %s: %v", brought, err)
			}
		}
	}
	return result{<-code, out.String(), text.String()}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	h.fails(exitFailure, "gatehouse login", "whoami")
	h.fails(exitFailure, "gatehouse login", "logout")

	r := h.login(server, "ann", "accept")
	var said map[string]any
	if err := json.Unmarshal([]byte(r.out), &said); err != nil || r.code != exitOK || said["username"] != "ann" {
		t.Fatalf("login: exit %d\n%s%s", r.code, r.out, r.errs)
	}
	d := h.document("whoami")
	if d["username"] != "ann" || d["issuer"] != server.URL || d["email"] != "ann@example.com" || len(d["scopes"].([]any)) != 7 {
		t.Errorf("whoami: %v", d)
	}
	if shown := h.document("admin", "session", "show"); shown["username"] != d["username"] || len(shown["scopes"].([]any)) == 0 {
		t.Errorf("admin session show: %v", shown)
	}
	if table := h.must("whoami"); !strings.Contains(table, "USERNAME") || !strings.Contains(table, "tools:execute") {
		t.Errorf("whoami:\n%s", table)
	}
	file := remote.File{Path: filepath.Join(h.home(), ".config", "gatehouse", "credentials.json")}
	first, err := file.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{first.AccessToken.Reveal(), first.RefreshToken.Reveal()} {
		if all := r.out + r.errs + server.Log.String(); strings.Contains(all, secret) {
			t.Error("a token was shown")
		}
	}

	// A second sign-in ends the first, and the sign-out the second.
	if r := h.login(server, "ann", "accept"); r.code != exitOK || strings.Contains(r.errs, "was not ended") {
		t.Fatalf("second login: exit %d\n%s", r.code, r.errs)
	}
	h.must("logout")
	var live int
	server.World.Get(`select count(*) from platform.grants where revoked_at is null`, nil, &live)
	if live != 0 {
		t.Errorf("%d of two sign-ins live on", live)
	}
	if _, err := os.Stat(file.Path); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

// Where somebody sits before a screen, their own browser is opened, and brings the answer
// to a port of this machine (RFC 8252); --device is by a code all the same.
func TestLogin_ByTheBrowserOfThisMachine(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	dir := t.TempDir()
	opener, opened := filepath.Join(dir, "opener"), filepath.Join(dir, "opened")
	if err := os.WriteFile(opener, []byte("#!/bin/sh\necho \"$@\" >"+opened+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	seated := &host{t, append(slices.Clone(h.environ), "BROWSER="+opener+" --new-tab"), ""}
	r := seated.login(server, "ann", "accept")
	if r.code != exitOK || !strings.Contains(r.out, `"ann"`) {
		t.Fatalf("login: exit %d\n%s%s", r.code, r.out, r.errs)
	}
	if at, err := os.ReadFile(opened); err != nil || !strings.HasPrefix(string(at), "--new-tab "+server.URL+"/oauth2/authorize?") || !strings.Contains(r.errs, strings.TrimSpace(string(at)[len("--new-tab "):])) {
		t.Errorf("opened: %q, %v; shown:\n%s", at, err, r.errs)
	}
	if d := seated.document("whoami"); d["username"] != "ann" || !strings.Contains(fmt.Sprint(d["scopes"]), "offline_access") {
		t.Errorf("whoami: %v", d)
	}
	server.Advance(11 * time.Minute)
	seated.must("admin", "session", "show") // renewed
	if r := seated.login(server, "ann", "deny"); r.code != exitRefused || !strings.Contains(r.errs, "access_denied") {
		t.Errorf("denied: exit %d\n%s%s", r.code, r.out, r.errs)
	}
	for _, environ := range [][]string{{"BROWSER=/nowhere/opener"}, {"DISPLAY=:0", "SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22"}, nil} {
		i := &invocation{environ: append(slices.Clone(h.environ), environ...)}
		if _, ok := i.browser(); ok {
			t.Errorf("%v has a browser", environ)
		}
	}
	if r := seated.login(server, "ann", "accept", "--device"); r.code != exitOK || !strings.Contains(r.errs, "/device?user_code=") {
		t.Errorf("with --device: exit %d\n%s", r.code, r.errs)
	}
}

func TestLogin_Refused(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	if r := h.login(server, "ann", "deny"); r.code != exitRefused || !strings.Contains(r.errs, "access_denied") || r.out != "" {
		t.Errorf("denied: exit %d\n%s%s", r.code, r.out, r.errs)
	}
	server.World.Exec(`update platform.clients set disabled_at = now() where id = 'gatehouse-cli'`)
	i := &invocation{now: time.Now}
	if err := i.registerCommandLine(t.Context(), &house{store: server.Store}); err != nil {
		t.Fatal(err)
	}
	c, err := directory.New(server.Store, nil, time.Now).Client(t.Context(), hostActor(), remote.ClientID)
	if err != nil || c.Active(time.Now()) {
		t.Errorf("a start enables what an operator disabled: %v, %v", c, err)
	}
}

// TestLogin_Ended: the session was ended on the server, and whoami says what to do.
func TestLogin_Ended(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	if r := h.login(server, "ann", "accept"); r.code != exitOK {
		t.Fatalf("login: exit %d\n%s", r.code, r.errs)
	}
	server.World.Exec(`update platform.users set disabled_at = now() where username = 'ann'`)
	h.fails(exitRefused, "gatehouse login", "whoami")
}

// home is the home directory that the commands are told.
func (h *host) home() string {
	for _, pair := range h.environ {
		if dir, ok := strings.CutPrefix(pair, "HOME="); ok {
			return dir
		}
	}
	h.t.Fatal("no HOME")
	return ""
}
