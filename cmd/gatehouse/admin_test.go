package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

const (
	goodPassword = "quiet-otter-plays-chess"
	testSecret   = "hX9vQm2TtR7pLc4WzYb8Kd1NfGs6Ju3E"
)

// deployment is a host whose settings lead to a database of its own, and that
// database as the servers see it.
func deployment(t *testing.T) (*host, *postgres.Store) {
	t.Helper()
	dsn := storagetest.NewDSN(t)
	return newHost(t, "GATEHOUSE_DATABASE_URL="+dsn, "GATEHOUSE_SECRET="+testSecret), storagetest.Open(t, dsn, postgres.Options{})
}

func keysOf(d map[string]any) []string {
	var keys []string
	for key := range d {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// items is the list in a document, as the names of one of their keys.
func items(d map[string]any, key string) []string {
	names := []string{}
	for _, item := range d["items"].([]any) {
		names = append(names, fmt.Sprint(item.(map[string]any)[key]))
	}
	return names
}

// heardOf reads a client that another process made, once the feed has brought it.
func heardOf(t *testing.T, s *postgres.Store, id string) (*storage.Client, error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := s.Client(t.Context(), authz.ClientID(id))
		if !errors.Is(err, storage.ErrNotFound) || time.Now().After(deadline) {
			return c, err
		}
	}
}

// The two calls that others script (and the one beside them), word for word.
func TestScriptedCalls(t *testing.T) {
	h, store := deployment(t)

	user := h.given(goodPassword).document("admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--role", "user", "--password-stdin")
	stored, err := store.UserByIdentifier(t.Context(), "ann")
	if err != nil || stored.ID.String() != user["id"] || stored.Role != authz.RoleUser {
		t.Fatalf("%v is not %+v: %v", user, stored, err)
	}
	if ok, _, err := authn.NewHasher().Verify(t.Context(), stored.PasswordHash, authn.NewPassword(goodPassword)); !ok || err != nil {
		t.Errorf("the password does not sign in: %v", err)
	}
	person, err := store.ForUser(stored.ID).Person(t.Context())
	if err != nil || len(person.Tenants) != 1 {
		t.Errorf("without --tenant: %v, %v", person.Tenants, err)
	}

	jwks := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(jwks, []byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args   []string
		secret bool
	}{
		"web": {[]string{"--kind", "web", "--scope", "openid profile", "--scope", "agents:read", "--redirect-uri", "http://localhost:9999/cb", "--redirect-uri", "http://localhost:9999/cb2",
			"--post-logout-redirect-uri", "http://localhost:9999/bye", "--auth-method", "client_secret_basic"}, true},
		"spa":     {[]string{"--kind", "spa", "--redirect-uri", "https://spa.example.com/cb", "--auth-method", "none"}, false},
		"native":  {[]string{"--kind", "native", "--redirect-uri", "com.example.app:/cb"}, false},
		"service": {[]string{"--kind", "service", "--scope", "agents:read", "--introspect"}, true},
		"agent":   {[]string{"--kind", "agent", "--scope", "tools:execute", "--owner", "ann", "--auth-method", "private_key_jwt", "--jwks-file", jwks}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := h.document(append([]string{"admin", "clients", "create", "--name", "Client " + name}, c.args...)...)
			if got := keysOf(d); !slices.Equal(got, []string{"client_id", "client_secret"}) {
				t.Fatalf("keys: %v", got)
			}
			client, err := heardOf(t, store, d["client_id"].(string))
			if err != nil || string(client.Kind) != name {
				t.Fatalf("%+v: %v", client, err)
			}
			secret, _ := d["client_secret"].(string)
			if (secret != "") != c.secret {
				t.Errorf("secret %q", secret)
			}
			pepper, err := storage.ClientSecretPepper([]byte(testSecret))
			if err != nil {
				t.Fatal(err)
			}
			if c.secret && string(storage.HashClientSecret(pepper, secret)) != string(client.SecretHash) {
				t.Error("the servers would not know this secret")
			}
			if name == "web" && (len(client.Scopes) != 3 || len(client.RedirectURIs) != 2 || len(client.PostLogoutRedirectURIs) != 1) {
				t.Errorf("%+v", client)
			}
			if name == "service" && !client.Introspect {
				t.Error("may not introspect")
			}
		})
	}

	d := h.document("admin", "resources", "create", "--identifier", "https://api.example.com", "--scope", "agents:read", "--scope", "tools:execute")
	if d["identifier"] != "https://api.example.com" || len(d["scopes"].([]any)) != 2 {
		t.Errorf("resource: %v", d)
	}
}

func TestUsers_Lifecycle(t *testing.T) {
	h, store := deployment(t)
	create := h.call("admin", "users", "create", "--username", "bob", "--email", "bob@example.com", "--output", "json")
	if create.code != exitOK || !strings.Contains(create.errs, "admin users update bob --password-stdin") {
		t.Fatalf("%+v", create)
	}
	stored, err := store.UserByIdentifier(t.Context(), "bob@example.com")
	if err != nil || stored.PasswordHash != storage.UnusablePassword {
		t.Errorf("%+v, %v", stored, err)
	}
	h.given(goodPassword+"\n").must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--role", "owner", "--password-stdin")

	if got := items(h.document("admin", "users", "list"), "username"); len(got) != 2 {
		t.Errorf("list: %v", got)
	}
	if got := items(h.document("admin", "users", "list", "--role", "owner"), "username"); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("owners: %v", got)
	}
	first := h.document("admin", "users", "list", "--limit", "1")
	second := h.document("admin", "users", "list", "--limit", "1", "--after", first["next"].(string))
	if items(first, "id")[0] == items(second, "id")[0] || second["next"] != nil {
		t.Errorf("pages: %v, then %v", first, second)
	}
	if got := items(h.document("admin", "users", "search", "BOB@"), "username"); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("search: %v", got)
	}
	if d := h.document("admin", "users", "update", "bob", "--display-name", "Bob B.", "--role", "admin"); d["display_name"] != "Bob B." || d["role"] != "admin" || d["email"] != "bob@example.com" {
		t.Errorf("update: %v", d)
	}
	if d := h.document("admin", "users", "role", "set", "bob", "viewer"); d["role"] != "viewer" {
		t.Errorf("role set: %v", d)
	}
	if d := h.document("admin", "users", "show", "bob"); fmt.Sprint(d["role_scopes"]) != "[user agents:read]" || len(d["tenants"].([]any)) != 1 {
		t.Errorf("show: %v", d)
	}
	h.given(goodPassword).must("admin", "users", "update", "bob", "--password-stdin")
	if d := h.document("admin", "users", "show", "bob"); d["has_password"] != true {
		t.Errorf("after a password was set: %v", d)
	}
	h.must("admin", "users", "disable", "bob")
	if d := h.document("admin", "users", "count", "--status", "disabled"); d["count"] != 1.0 {
		t.Errorf("disabled: %v", d)
	}
	h.must("admin", "users", "enable", "bob")
	h.must("admin", "users", "delete", "bob")
	h.fails(exitFailure, "bob", "admin", "users", "show", "bob")
}

func TestUsers_Refusals(t *testing.T) {
	h, _ := deployment(t)
	h.given(goodPassword).must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--role", "owner", "--password-stdin")
	create := func(more ...string) []string {
		return append([]string{"admin", "users", "create", "--username", "bob", "--email", "bob@example.com"}, more...)
	}
	production := &host{h.t, append(slices.Clone(h.environ), "GATEHOUSE_ENV=production"), ""}
	production.given("short").fails(exitFailure, "too short", create("--password-stdin")...)
	production.given("bob@example.com!").fails(exitFailure, "built from your name", create("--password-stdin")...)
	h.given("").fails(exitFailure, "there is no password on standard input", create("--password-stdin")...)
	h.given(strings.Repeat("long ", 300)).fails(exitFailure, "too long", create("--password-stdin")...)
	h.fails(exitFailure, "role: expected value to be one of", create("--role", "king")...)
	h.fails(exitFailure, "gatehouse: role: expected value to be one of", "admin", "users", "list", "--role", "king")
	h.fails(exitUsage, "required flag", "admin", "users", "create", "--username", "bob")
	h.fails(exitUsage, "unknown flag: --password", create("--password", goodPassword)...)
	h.fails(exitUsage, "at least one of the flags", "admin", "users", "update", "ann")
	h.fails(exitFailure, "username", "admin", "users", "create", "--username", "ANN", "--email", "other@example.com")
	h.fails(exitRefused, "last owner", "admin", "users", "delete", "ann")
	h.fails(exitRefused, "last owner", "admin", "users", "update", "ann", "--role", "user")
}

func TestM11_PasswordIsNeverShown(t *testing.T) {
	h, _ := deployment(t)
	for _, args := range [][]string{
		{"admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--password-stdin"},
		{"admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--password-stdin", "--output", "json"},
		{"admin", "users", "update", "ann", "--password-stdin", "--log-level", "debug"},
		{"admin", "users", "show", "ann", "--output", "json"},
		{"admin", "users", "export"},
		{"admin", "audit", "list", "--output", "json"},
	} {
		r := h.given(goodPassword).call(args...)
		for _, secret := range []string{goodPassword, "$argon2id$", testSecret} {
			if strings.Contains(r.out+r.errs, secret) {
				t.Errorf("%v shows %q", args, secret)
			}
		}
	}
}

func TestPlaces(t *testing.T) {
	h, _ := deployment(t)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	if d := h.document("admin", "tenants", "create", "--slug", "acme", "--name", "Acme Corp", "--region", "iad", "--max-users", "50", "--feature", "custom_domains"); d["max_users"] != 50.0 || d["max_agents"] != nil {
		t.Errorf("tenant: %v", d)
	}
	h.must("admin", "projects", "create", "website", "--tenant", "acme")
	if got := items(h.document("admin", "projects", "list", "--tenant", "acme"), "name"); !slices.Equal(got, []string{"website"}) {
		t.Errorf("projects: %v", got)
	}
	if d := h.document("admin", "groups", "create", "--name", "editors", "--tenant", "acme", "--project", "website", "--scope", "pages:* files:read"); len(d["scopes"].([]any)) != 2 || d["project_id"] == nil {
		t.Errorf("group: %v", d)
	}
	h.must("admin", "groups", "add-member", "editors", "ann", "--tenant", "acme")
	if d := h.document("admin", "users", "show", "ann"); len(d["tenants"].([]any)) != 2 || !slices.Contains(d["groups"].([]any), any("editors")) {
		t.Errorf("ann: %v", d)
	}
	if d := h.document("admin", "groups", "set-scopes", "editors", "--tenant", "acme", "--scope", "pages:read"); fmt.Sprint(d["scopes"]) != "[pages:read]" {
		t.Errorf("set-scopes: %v", d)
	}
	h.must("admin", "groups", "remove-member", "editors", "ann", "--tenant", "acme")
	if got := items(h.document("admin", "groups", "list", "--tenant", "acme"), "name"); !slices.Contains(got, "editors") {
		t.Errorf("groups: %v", got)
	}
	h.must("admin", "tenants", "suspend", "acme")
	if d := h.document("admin", "tenants", "show", "acme"); d["suspended_at"] == nil {
		t.Errorf("suspended: %v", d)
	}
	h.must("admin", "tenants", "resume", "acme")
	if got := items(h.document("admin", "tenants", "list"), "suspended_at"); !slices.Equal(got, []string{"<nil>", "<nil>"}) {
		t.Errorf("resumed: %v", got)
	}
}

func TestClients_Lifecycle(t *testing.T) {
	h, store := deployment(t)
	first := h.document("admin", "clients", "create", "--id", "reports", "--name", "Reports", "--kind", "service", "--scope", "agents:read")
	second := h.document("admin", "clients", "rotate-secret", "reports", "--overlap", "7d")
	if first["client_secret"] == second["client_secret"] || second["client_id"] != "reports" {
		t.Errorf("rotated: %v", second)
	}
	c, err := store.Client(t.Context(), "reports")
	if err != nil || len(c.PreviousSecretHash) == 0 {
		t.Errorf("the old secret is gone: %v", err)
	}
	h.must("admin", "clients", "disable", "reports")
	if d := h.document("admin", "clients", "show", "reports"); d["disabled_at"] == nil {
		t.Errorf("disabled: %v", d)
	}
	h.must("admin", "clients", "enable", "reports")
	if got := items(h.document("admin", "clients", "list"), "client_id"); !slices.Equal(got, []string{"reports"}) {
		t.Errorf("list: %v", got)
	}
	h.must("admin", "clients", "delete", "reports")
	h.fails(exitFailure, "reports", "admin", "clients", "show", "reports")
	h.fails(exitFailure, "kind", "admin", "clients", "create", "--name", "X", "--kind", "toaster")
	h.fails(exitUsage, "tenant", "admin", "clients", "create", "--name", "X", "--kind", "service", "--tenant", "a", "--all-tenants")
}

func TestScopes(t *testing.T) {
	h, _ := deployment(t)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--role", "user")
	h.must("admin", "clients", "create", "--id", "shop", "--name", "Shop", "--kind", "spa", "--redirect-uri", "https://shop.example.com/cb",
		"--scope", "openid agents:read reports:read billing")
	h.must("admin", "scopes", "put", "reports:read", "--title", "See reports", "--needs-acr", "phr")
	if got := items(h.document("admin", "scopes", "list"), "name"); !slices.Contains(got, "reports:read") {
		t.Errorf("registry: %v", got)
	}
	explain := func(more ...string) map[string]bool {
		d := h.document(append([]string{"admin", "scopes", "explain", "--user", "ann", "--client", "shop"}, more...)...)
		granted := map[string]bool{}
		for _, item := range d["items"].([]any) {
			scope := item.(map[string]any)
			if got := keysOf(scope); !slices.Equal(got, []string{"detail", "granted", "reason", "scope"}) || scope["reason"] == "" {
				t.Errorf("explanation: %v", scope)
			}
			granted[scope["scope"].(string)] = scope["granted"].(bool)
		}
		return granted
	}
	if got := explain("--scope", "openid agents:read reports:read tools:execute"); !got["openid"] || !got["agents:read"] || got["reports:read"] || got["tools:execute"] || len(got) != 4 {
		t.Errorf("before: %v", got)
	}
	if got := explain(); len(got) != 4 || got["billing"] {
		t.Errorf("without --scope: %v", got)
	}
	h.must("admin", "scopes", "grant", "ann", "reports:read")
	if got := explain("--scope", "reports:read"); got["reports:read"] {
		t.Errorf("one factor was enough: %v", got)
	}
	if got := explain("--scope", "reports:read", "--acr", "phr"); !got["reports:read"] {
		t.Errorf("granted, with a passkey: %v", got)
	}
	h.must("admin", "scopes", "revoke", "ann", "reports:read")
	if got := explain("--scope", "reports:read", "--acr", "phr"); got["reports:read"] {
		t.Errorf("revoked: %v", got)
	}
	if out := h.must("admin", "scopes", "explain", "--user", "ann", "--client", "shop", "--scope", "agents:read tools:execute"); !strings.Contains(out, "held by role") || !strings.Contains(out, "not allowed to the client") {
		t.Errorf("table:\n%s", out)
	}
	if d := h.document("admin", "roles", "set-scopes", "viewer", "--scope", "user reports:*"); fmt.Sprint(d["scopes"]) != "[user reports:*]" {
		t.Errorf("role: %v", d)
	}
	if d := h.document("admin", "roles", "show", "viewer"); fmt.Sprint(d["scopes"]) != "[user reports:*]" {
		t.Errorf("role: %v", d)
	}
	if got := items(h.document("admin", "roles", "list"), "name"); len(got) != 4 {
		t.Errorf("roles: %v", got)
	}
	for _, family := range []string{"resources create", "bans add"} {
		list, adds := strings.Fields(family)[0], "gatehouse admin "+family+" --help"
		if got := h.must("admin", list, "list"); !strings.HasSuffix(got, "There is nothing to list. To make one: "+adds+"\n") {
			t.Errorf("%s: %s", list, got)
		}
	}
	h.must("admin", "scopes", "grant", "ann", "tools:execute")
	h.fails(exitFailure, "scope: is theirs already", "admin", "scopes", "grant", "ann", "tools:execute")
	if got := items(h.document("admin", "resources", "list"), "identifier"); len(got) != 0 {
		t.Errorf("resources: %v", got)
	}
}

func TestBans_BothNames(t *testing.T) {
	h, _ := deployment(t)
	h.must("admin", "bans", "add", "203.0.113.9/24", "--reason", "guessing", "--for", "7d")
	h.must("admin", "users", "ban", "add", "2001:db8::1")
	if got := items(h.document("admin", "users", "ban", "list"), "network"); !slices.Contains(got, "203.0.113.0/24") || !slices.Contains(got, "2001:db8::1/128") {
		t.Errorf("list: %v", got)
	}
	for address, banned := range map[string]int{"203.0.113.200": 1, "::ffff:203.0.113.1": 1, "198.51.100.1": 0} {
		if got := items(h.document("admin", "bans", "check", address), "network"); len(got) != banned {
			t.Errorf("%s: %v", address, got)
		}
	}
	h.must("admin", "bans", "remove", "203.0.113.0/24")
	h.fails(exitFailure, "neither an address nor a network", "admin", "bans", "add", "example.com")
}

func TestSessions_BothNames(t *testing.T) {
	h, store := deployment(t)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	user, err := store.UserByIdentifier(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	insert := func() string {
		return strings.TrimSpace(h.must("db", "psql", "--", "--no-align", "--tuples-only", "--quiet", "--command", `
			insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at,
				expires_at, idle_lifetime, user_agent, auth_time, acr, amr)
			select gen_random_uuid(), gen_random_uuid(), '`+user.ID.String()+`', id, '\x00', now(), now(),
				now() + interval '1 hour', interval '10 minutes', E'\x1b[2JBrowser', now(), 'aal1', '{pwd}' from platform.tenants limit 1 returning id`))
	}
	one, two := insert(), insert()
	if got := items(h.document("admin", "sessions", "list", "--user", "ann"), "id"); len(got) != 2 {
		t.Fatalf("list: %v", got)
	}
	if out := h.must("admin", "sessions", "list"); strings.Contains(out, "\x1b") || !strings.Contains(out, `\u001b[2JBrowser`) {
		t.Errorf("what a stranger calls their browser reaches the terminal:\n%q", out)
	}
	h.must("admin", "sessions", "revoke", one)
	if got := items(h.document("admin", "users", "session", "list"), "id"); !slices.Equal(got, []string{two}) {
		t.Errorf("after one was revoked: %v", got)
	}
	if d := h.document("admin", "users", "session", "revoke-all", "--user", "ann@example.com"); d["revoked"] != 1.0 {
		t.Errorf("revoke-all: %v", d)
	}
	h.fails(exitFailure, "there is no ", "admin", "sessions", "revoke", "x")
}

func TestKeys(t *testing.T) {
	h, _ := deployment(t)
	before := h.document("admin", "keys", "rotate")
	if got := items(before, "state"); !slices.Contains(got, "active") || !slices.Contains(got, "next") {
		t.Errorf("first: %v", got)
	}
	after := h.document("admin", "keys", "rotate", "--now")
	if got := items(after, "state"); !slices.Contains(got, "retired") {
		t.Errorf("rotated: %v", got)
	}
	kid := items(after, "kid")[0]
	h.must("admin", "keys", "revoke", kid)
	for _, item := range h.document("admin", "keys", "list")["items"].([]any) {
		if k := item.(map[string]any); k["kid"] == kid && k["state"] != "expired" {
			t.Errorf("revoked: %v", k)
		}
	}
	h.fails(exitFailure, "there is no ", "admin", "keys", "revoke", "nonsense")
	wrong := &host{t, append(slices.Clone(h.environ), "GATEHOUSE_SECRET=J3uG6sNf1Kd8bYzW4cLp7RtT2mQv9XhE"), ""}
	wrong.fails(exitFailure, "sealed under another secret", "admin", "keys", "rotate", "--now")
}

func TestAudit_EveryChangeHasItsEvent(t *testing.T) {
	h, _ := deployment(t)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	h.must("admin", "users", "disable", "ann")
	d := h.document("admin", "audit", "list", "--object-kind", "user")
	if got := items(d, "action"); !slices.Equal(got, []string{"user.disable", "user.create"}) {
		t.Errorf("actions: %v", got)
	}
	if got := items(d, "actor"); !strings.HasPrefix(got[0], "host") {
		t.Errorf("actors: %v", got)
	}
	// What became of an account that was merged away is the other's history.
	h.must("admin", "users", "create", "--username", "anna", "--email", "anna@example.com")
	h.must("admin", "users", "merge", "ann", "anna")
	d = h.document("admin", "audit", "list", "--user", "anna")
	if got := items(d, "action"); !slices.Equal(got, []string{"user.merge", "user.create", "user.disable", "user.create"}) {
		t.Errorf("the history of who was merged: %v", got)
	}
	h.fails(exitFailure, "user: does not exist", "admin", "audit", "list", "--user", "ann")
}

func TestAdmin_SchemaBehind(t *testing.T) {
	h := newHost(t, "GATEHOUSE_DATABASE_URL="+storagetest.Empty(t))
	h.fails(exitFailure, "run gatehouse migrate", "admin", "users", "list")
}

// TestI10_WeakPasswordAtTheHost: in production nobody sets a password that everybody
// tries first; while trying things out one is warned.
func TestI10_WeakPasswordAtTheHost(t *testing.T) {
	t.Parallel()
	h, _ := deployment(t)
	create := []string{"admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--password-stdin"}
	production := &host{h.t, append(slices.Clone(h.environ), "GATEHOUSE_ENV=production"), "password-1"}
	production.fails(exitFailure, "everybody tries first", create...)
	r := h.given("password-1").call(create...)
	if r.code != exitOK || !strings.Contains(r.errs, "production would refuse this password") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errs)
	}
	if strings.Contains(r.errs, "password-1") {
		t.Error("the warning repeats the password")
	}
	h.given(strings.Repeat("x", 2000)).fails(exitFailure, "", "admin", "users", "create", "--username", "bob", "--email", "bob@example.com", "--password-stdin")
}

// A scope that the registry does not know is taken, and said: it may be mistyped.
func TestUndescribedScopes(t *testing.T) {
	h, _ := deployment(t)
	h.given(goodPassword).must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--password-stdin")
	client := []string{"admin", "clients", "create", "--kind", "service", "--scope", "agents:read agents:*", "--scope", "reports:raed", "--name"}
	r := h.call(append(client, "Reports")...)
	if r.code != exitOK || !strings.Contains(r.errs, "described reports:raed ") || strings.Contains(r.errs, "described agents:") {
		t.Errorf("a new client: exit %d\n%s", r.code, r.errs)
	}
	if r := h.call("admin", "scopes", "grant", "ann", "memos:*"); r.code != exitOK || !strings.Contains(r.errs, "described memos:* ") {
		t.Errorf("a scope for a user: exit %d\n%s", r.code, r.errs)
	}
	h.must("admin", "scopes", "put", "reports:raed", "--title", "See reports")
	if r := h.call(append(client, "More reports")...); r.code != exitOK || strings.Contains(r.errs, "described") {
		t.Errorf("once it is described: exit %d\n%s", r.code, r.errs)
	}
}
