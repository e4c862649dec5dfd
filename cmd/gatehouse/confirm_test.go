package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatehouse/gatehouse/cmd/internal/output"
)

// terminal is a pair of one: what a person types on, and what a program reads.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

// types is a call of somebody who sits at a terminal.
func (h *host) types(ctx context.Context, keys string, args ...string) result {
	h.t.Helper()
	keyboard, in := terminal(h.t)
	if _, err := keyboard.WriteString(keys); err != nil {
		h.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(ctx, args, &invocation{in: in, out: &out, errs: &errs, environ: h.environ, now: time.Now, format: output.Table})
	return result{code, out.String(), errs.String()}
}

// Who types a command that cannot be taken back sees first what goes, and nothing is gone
// unless they agree. A script is not asked.
func TestDeletionAsks(t *testing.T) {
	h, _ := deployment(t)
	users := t.TempDir() + "/users.txt"
	if err := os.WriteFile(users, []byte("bob\ncarl\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	furnish := func() {
		t.Helper()
		h.must("admin", "scopes", "create", "reports:read", "--title", "See reports")
		for _, name := range []string{"ann", "bob", "carl"} {
			h.must("admin", "users", "create", "--username", name, "--email", name+"@example.com", "--role", "user")
		}
		h.must("admin", "projects", "create", "website")
		h.must("admin", "groups", "create", "--name", "crew")
		h.must("admin", "groups", "add-member", "crew", "ann")
		h.must("admin", "clients", "create", "--id", "shop", "--name", "Shop", "--kind", "service")
		h.must("admin", "resources", "create", "--identifier", "https://api.example", "--scope", "user")
	}
	furnish()
	hook := h.document("admin", "webhooks", "create", "--url", "https://hooks.example.com/", "--event", "user.*")["id"].(string)
	// The order is one in which all of it can be deleted.
	commands := []struct{ line, asks string }{
		{"admin users merge carl bob", "Merge carl into bob, and delete carl? [y/N] "},
		{"admin users delete ann", "Delete the user ann (ann@example.com), with 2 memberships? [y/N] "},
		{"admin users bulk delete " + users, "Delete 2 users? [y/N] "},
		{"admin clients delete shop", "Delete the client Shop (shop), with every consent and token that it was given? [y/N] "},
		{"admin groups delete crew", "Delete the group crew, with all its memberships? [y/N] "},
		{"admin projects delete website", "Delete the project website, with its groups and their memberships? [y/N] "},
		{"admin resources delete https://api.example", "Delete the resource server https://api.example? [y/N] "},
		{"admin scopes delete reports:read", "Delete the scope reports:read (See reports)? [y/N] "},
		{"admin webhooks delete " + hook, "Delete the webhook " + hook + " to https://hooks.example.com/? [y/N] "},
	}
	events := func() string { return h.must("admin", "audit", "list", "--limit", "500", "--output", "json") }
	before := events()
	for _, c := range commands {
		for _, keys := range []string{"\n", "n\n", "yellow\n", "\x04"} {
			if r := h.types(t.Context(), keys, strings.Fields(c.line)...); r.code != exitFailure || r.out != "" || !strings.HasPrefix(r.errs, c.asks) || !strings.Contains(r.errs, "nothing was changed") {
				t.Errorf("%s, answered %q: exit %d %s%s", c.line, keys, r.code, r.out, r.errs)
			}
		}
	}
	ended, end := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, end)
	if r := h.types(ended, "", "admin", "users", "delete", "ann"); r.code != exitFailure {
		t.Errorf("Ctrl-C: exit %d %s", r.code, r.errs)
	}
	if r := h.types(t.Context(), "", "admin", "users", "delete", "nobody"); r.code != exitFailure || strings.Contains(r.errs, "[y/N]") {
		t.Errorf("nobody to delete: exit %d %s", r.code, r.errs)
	}
	if events() != before {
		t.Error("what nobody agreed to has left something")
	}
	for n, c := range commands[1:] {
		keys, more := "Yes\n", []string{}
		if n%2 == 0 {
			keys, more = "", []string{"--yes"}
		}
		if r := h.types(t.Context(), keys, append(strings.Fields(c.line), more...)...); r.code != exitOK || r.out == "" || strings.Contains(r.errs, "[y/N]") != (n%2 == 1) {
			t.Errorf("%s, agreed: exit %d %s%s", c.line, r.code, r.out, r.errs)
		}
	}
	furnish()
	for _, c := range commands[:len(commands)-1] {
		if r := h.call(strings.Fields(c.line)...); r.code != exitOK && !strings.Contains(c.line, "bulk") || strings.Contains(r.errs, "[y/N]") {
			t.Errorf("%s, in a script: exit %d %s", c.line, r.code, r.errs)
		}
	}
}
