package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage/embedded"
)

func (h *host) dataDir() string {
	for _, pair := range h.environ {
		if dir, ok := strings.CutPrefix(pair, "GATEHOUSE_DATA_DIR="); ok {
			return dir
		}
	}
	return ""
}

// serving is a host on which a server keeps the private database running.
func serving(t *testing.T) (*host, *embedded.Server) {
	t.Helper()
	h := newHost(t)
	s, err := embedded.Start(context.Background(), embedded.Options{DataDir: h.dataDir(), Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h, s
}

func TestDB_OnAServerThatRuns(t *testing.T) {
	h, s := serving(t)
	if d := h.document("db", "status"); d["private"] != true || d["running"] != true || d["up_to_date"] != false || d["schema_version"] != 0.0 {
		t.Errorf("status before: %v", d)
	}
	if d := h.document("migrate"); d["version"] != d["wanted"] || len(d["applied"].([]any)) == 0 {
		t.Errorf("migrate: %v", d)
	}
	if d := h.document("migrate", "up"); len(d["applied"].([]any)) != 0 {
		t.Errorf("migrate again: %v", d)
	}
	if d := h.document("db", "status"); d["up_to_date"] != true {
		t.Errorf("status after: %v", d)
	}
	if got := h.must("db", "dsn"); strings.TrimSpace(got) != s.DSN(embedded.Database) {
		t.Errorf("dsn: %s", got)
	}
	if got := h.must("db", "psql", "--", "--no-align", "--tuples-only", "--command", "select count(*) from platform.roles"); got != "4\n" {
		t.Errorf("psql: %q", got)
	}
	if d := h.document("migrate", "down", "--to", "0"); d["version"] != 0.0 {
		t.Errorf("down: %v", d)
	}
	h.fails(exitFailure, "a server runs on this data directory", "db", "import", "--file", os.DevNull)
}

func TestDB_PrivateDatabaseRunsForTheCommandAlone(t *testing.T) {
	h := newHost(t)
	h.must("migrate")
	if d := h.document("db", "status"); d["running"] != false || d["schema_version"] != nil {
		t.Errorf("status: %v", d)
	}
	h.fails(exitFailure, "is not running", "db", "dsn")
}

func TestDB_ExportAndImport(t *testing.T) {
	h := newHost(t)
	h.must("migrate")
	sql := func(h *host, statement string) string {
		return strings.TrimSpace(h.must("db", "psql", "--", "--no-align", "--tuples-only", "--quiet", "--command", statement))
	}
	sql(h, "insert into platform.tenants (id, slug, name, created_at) values (gen_random_uuid(), 'acme', 'Acme', now())")
	backup := filepath.Join(t.TempDir(), "backup.dump")
	h.must("db", "export", "--file", backup)
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("export: %v, %v", info, err)
	}
	sql(h, "update platform.tenants set name = 'Changed'")

	h.fails(exitFailure, "not empty", "db", "import", "--file", backup)
	half := filepath.Join(t.TempDir(), "half.dump")
	whole, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, whole[:len(whole)*2/3], 0o600); err != nil {
		t.Fatal(err)
	}
	h.fails(exitFailure, "nothing was changed", "db", "import", "--file", half, "--replace")
	if got := sql(h, "select name from platform.tenants"); got != "Changed" {
		t.Errorf("half an import left %q", got)
	}
	h.must("db", "import", "--file", backup, "--replace")
	if got := sql(h, "select name from platform.tenants"); got != "Acme" {
		t.Errorf("import left %q", got)
	}

	other := newHost(t).given(string(whole))
	other.environ = append(other.environ, "GATEHOUSE_SECRET="+testSecret)
	other.must("db", "import", "--file", "-")
	if got := sql(other, "set role gatehouse_app; select count(*) from platform.roles"); got != "4" {
		t.Errorf("on an empty host: %q", got)
	}
}

// A backup knows nothing of what was revoked after it, so nothing of it may live on.
func TestP10_ImportEndsWhatWasIssued(t *testing.T) {
	h := newHost(t, "GATEHOUSE_SECRET="+testSecret)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	h.must("admin", "keys", "rotate")
	h.must("db", "psql", "--", "--quiet", "--command", `
		insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at,
			expires_at, idle_lifetime, user_agent, auth_time, acr, amr)
		select gen_random_uuid(), gen_random_uuid(), u.id, t.id, '\x00', now(), now(), now() + interval '1 hour', interval '10 minutes', '', now(), 'aal1', '{pwd}'
		from platform.users u, platform.tenants t`)
	backup := filepath.Join(t.TempDir(), "backup.dump")
	h.must("db", "export", "--file", backup)
	signing := items(h.document("admin", "keys", "list"), "kid")

	h.must("db", "import", "--file", backup, "--replace")
	if got := items(h.document("admin", "sessions", "list"), "id"); len(got) != 0 {
		t.Errorf("sessions that live on: %v", got)
	}
	for _, item := range h.document("admin", "keys", "list")["items"].([]any) {
		if k := item.(map[string]any); slices.Contains(signing, k["kid"].(string)) && k["state"] != "expired" {
			t.Errorf("a key that lives on: %v", k)
		}
	}
	elsewhere := newHost(t, "GATEHOUSE_SECRET=J3uG6sNf1Kd8bYzW4cLp7RtT2mQv9XhE")
	elsewhere.fails(exitFailure, "sealed under another secret", "db", "import", "--file", backup)
}

// A snapshot that was put back by other means has its own command.
func TestP10_RestoredByOtherMeans(t *testing.T) {
	h := newHost(t, "GATEHOUSE_SECRET="+testSecret)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	h.must("admin", "users", "reset-link", "ann")
	h.must("admin", "keys", "rotate")
	h.must("admin", "clients", "create", "--id", "shop", "--name", "Shop", "--kind", "web", "--redirect-uri", "https://shop.example/callback")
	h.must("db", "psql", "--", "--quiet", "--command", `
		insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at,
			expires_at, idle_lifetime, user_agent, auth_time, acr, amr)
		select gen_random_uuid(), gen_random_uuid(), u.id, t.id, '\x00', now(), now(), now() + interval '1 hour', interval '10 minutes', '', now(), 'aal1', '{pwd}'
		from platform.users u, platform.tenants t;
		insert into platform.grants (id, user_id, sid, client_id, tenant_id, requested_scopes, scopes, audience, auth_time, acr, amr, requested_at, issued_at, code_hash)
		select gen_random_uuid(), user_id, token_jti, 'shop', current_tenant_id, 'openid', 'openid', '', now(), 'aal1', '{pwd}', now(), now(), '\x00'
		from platform.user_sessions`)
	ended := h.document("db", "restored")
	if ended["sessions"] != 1.0 || ended["authorizations"] != 1.0 || ended["links"] != 1.0 || ended["keys"] == 0.0 {
		t.Errorf("ended: %v", ended)
	}
	if live := items(h.document("admin", "sessions", "list"), "id"); len(live) != 0 {
		t.Errorf("sessions that live on: %v", live)
	}
	if again := h.document("db", "restored"); again["sessions"] != 0.0 || again["links"] != 0.0 {
		t.Errorf("the second time: %v", again)
	}
}

// Where the database has a password, psql must not get it as an argument.
func TestM11_PasswordOfTheDatabaseIsNoArgument(t *testing.T) {
	const password = "hunter2-of-the-database"
	for _, dsn := range []string{"postgres://u:" + password + "@localhost/d", "host=localhost user=u password=" + password} {
		cmd := tool{name: "psql", dsn: dsn, args: []string{"-X"}}.command(context.Background(), "/bin/true", nil)
		if strings.Contains(strings.Join(cmd.Args, " "), password) {
			t.Errorf("arguments: %q", cmd.Args)
		}
		if !strings.Contains(strings.Join(cmd.Env, "\n"), "PGPASSWORD="+password) {
			t.Errorf("environment: %q", cmd.Env)
		}
		h := newHost(t, "GATEHOUSE_DATABASE_URL="+dsn)
		if out := h.must("db", "dsn"); strings.Contains(out, password) {
			t.Errorf("dsn: %s", out)
		}
		if out := h.must("db", "dsn", "--with-password"); !strings.Contains(out, password) {
			t.Errorf("dsn --with-password: %s", out)
		}
	}
}

func TestDB_Unreachable(t *testing.T) {
	h := newHost(t, "GATEHOUSE_DATABASE_URL=postgres://u:hunter2-of-the-database@127.0.0.1:1/d")
	h.fails(exitFailure, "Check GATEHOUSE_DATABASE_URL", "migrate")
	if r := h.call("migrate"); strings.Contains(r.errs, "hunter2") {
		t.Errorf("the error quotes the password: %s", r.errs)
	}
}
