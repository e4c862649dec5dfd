package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// The command line that this program takes the place of, line for line: every command
// of it is here under its own words (cloud tenant is admin tenants), runs against a
// server, and answers in JSON.
func TestCommandsOfThePlatform(t *testing.T) {
	t.Parallel()
	server, h := newServer(t), newHost(t)
	server.User("olga", authz.RoleOwner)
	if r := h.login(server, "olga", "accept"); r.code != exitOK {
		t.Fatalf("login: exit %d\n%s", r.code, r.errs)
	}
	session := func() string { return items(h.document("admin", "sessions", "list", "--user", "ann"), "id")[0] }
	signIn := func() { b := server.Browser(); b.SignIn(b.Get("/login"), "ann") }
	signIn()
	for _, c := range []struct{ line, in, holds string }{
		{"admin users list", "", `"olga"`},
		{"admin users show ann", "", `"ann"`},
		{"admin users create --email user@example.com --role user", "", `"user@example.com"`},
		{"admin users update user --role admin", "", `"admin"`},
		{"admin users search user", "", `"user@example.com"`},
		{"admin users count", "", `"count": 3`},
		{"admin users export", "", `"ann"`},
		{"admin users stats", "", `"sign_ins"`},
		{"admin users role list", "", `"owner"`},
		{"admin users role show user", "", `"admin"`},
		{"admin users role set user viewer", "", `"viewer"`},
		{"admin users role set-scopes viewer --scope user", "", `"user"`},
		{"admin users ban add 203.0.113.0/24 --reason noise", "", `"203.0.113.0/24"`},
		{"admin users ban list", "", `"noise"`},
		{"admin users ban check 203.0.113.7", "", `"noise"`},
		{"admin users ban remove 203.0.113.0/24", "", `"203.0.113.0/24"`},
		{"admin users bulk disable -", "user\n", `"changed": 1`},
		{"admin users merge user ann", "", `"moved"`},
		{"admin session show", "", `"scopes"`},
		{"admin sessions list", "", `"ip_address"`},
		{"admin users session list", "", `"user_agent"`},
		{"admin users session show {session}", "", `"expires_at"`},
		{"admin sessions revoke {session}", "", `"revoked"`},
		{"admin sessions revoke-all --user ann", "", `"revoked"`},
		{"admin tenants create --slug other --region iad", "", `"iad"`},
		{"admin tenants create --region iad", "", `"slug": "tenant-`},
		{"admin tenants list", "", `"other"`},
		{"admin tenants select other", "", `"other"`},
		{"admin users delete ann", "", `"deleted"`},
	} {
		if strings.Contains(c.line, "{session}") {
			signIn()
			c.line = strings.Replace(c.line, "{session}", session(), 1)
		}
		out := h.given(c.in).must(append(strings.Fields(c.line), "--output", "json")...)
		if !json.Valid([]byte(out)) || !strings.Contains(out, c.holds) {
			t.Errorf("gatehouse %s: no JSON with %s:\n%s", c.line, c.holds, out)
		}
	}
}

// tail shows what happens from now on, one line for each event, until it is stopped, and
// verify tells whether anybody changed what stands there.
func TestAuditOnTheCommandLine(t *testing.T) {
	t.Parallel()
	h, _ := deployment(t)
	h.must("admin", "users", "create", "--email", "before@example.com")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	lines, ended := h.following(ctx, "admin", "audit", "tail", "--output", "json")
	for n := 0; ; n++ {
		h.must("admin", "bans", "add", "192.0.2.1")
		h.must("admin", "bans", "remove", "192.0.2.1")
		if line, ok := lines(); ok {
			var event map[string]any
			if err := json.Unmarshal([]byte(line), &event); err != nil || !strings.HasPrefix(event["action"].(string), "ban.") {
				t.Errorf("tail: %v: %s", err, line)
			}
			break
		}
		if n > 20 {
			t.Fatal("tail shows nothing")
		}
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("stopped: exit %d", code)
	}

	if d := h.document("admin", "audit", "verify"); d["intact"] != true {
		t.Errorf("verify: %v", d)
	}
	h.must("db", "psql", "--", "--quiet", "--command", `alter table platform.audit_events disable trigger user;
		update platform.audit_events set actor = 'nobody' where action = 'user.create'`)
	if r := h.call("admin", "audit", "verify", "--output", "json"); r.code != exitFailure || !strings.Contains(r.errs, "the audit log is broken") || !strings.Contains(r.out, `"intact": false`) {
		t.Errorf("verify after a change: exit %d\n%s%s", r.code, r.out, r.errs)
	}
}
