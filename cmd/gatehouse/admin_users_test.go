package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// usersFile is a file of users in a folder of the test's own.
func usersFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func count(h *host, args ...string) int {
	h.t.Helper()
	n, _ := h.document(append([]string{"admin", "users", "count"}, args...)...)["count"].(float64)
	return int(n)
}

// How people are reached is said one by one and in files, and told again.
func TestUsers_PhoneAndAddress(t *testing.T) {
	h, _ := deployment(t)
	reached := func(user string) string {
		t.Helper()
		d := h.document("admin", "users", "show", user)
		address, _ := d["address"].(map[string]any)
		return fmt.Sprintf("%v %v %v", d["phone_number"], d["phone_number_verified"], address)
	}
	h.must("admin", "users", "create", "--email", "ann@example.com", "--phone-number", "+49 30 123456", "--phone-number-verified", "--locality", "Berlin")
	h.must("admin", "users", "update", "ann", "--country", "Germany", "--street-address", "Hauptstr. 1")
	if got := reached("ann"); got != "+4930123456 true map[country:Germany locality:Berlin street_address:Hauptstr. 1]" {
		t.Errorf("ann: %s", got)
	}
	if shown := h.must("admin", "users", "show", "ann"); !strings.Contains(shown, "Hauptstr. 1, Berlin, Germany") {
		t.Errorf("shown:\n%s", shown)
	}
	h.must("admin", "users", "update", "ann", "--phone-number", "", "--locality", "")
	if got := reached("ann"); got != " false map[country:Germany street_address:Hauptstr. 1]" {
		t.Errorf("ann without a number: %s", got)
	}
	people := usersFile(t, "people.csv", "username,email,phone_number,phone_number_verified,street_address,postal_code\nbob,bob@example.com,+81 3 1234 5678,true,1-2-3,100-0001\n")
	h.must("admin", "users", "bulk", "import", people)
	h.given(`{"user":"bob","region":"Tokyo","street_address":"1-2-3\nChiyoda","phone_number_verified":false}`).must("admin", "users", "bulk", "update")
	if got := reached("bob"); got != "+81312345678 false map[postal_code:100-0001 region:Tokyo street_address:1-2-3\nChiyoda]" {
		t.Errorf("bob: %q", got)
	}
	if r := h.given(`{"user":"bob","phone_number":"03-1234-5678"}`).call("admin", "users", "bulk", "update"); r.code != exitFailure || !strings.Contains(r.out, "phone_number") {
		t.Errorf("a number without its country: %+v", r)
	}
	if lines := h.must("admin", "users", "export", "--ndjson"); !strings.Contains(lines, `"phone_number":"+81312345678"`) {
		t.Errorf("export:\n%s", lines)
	}
}

func TestUsers_Bulk(t *testing.T) {
	h, store := deployment(t)
	people := usersFile(t, "people.csv", "username,email,display_name,role,password\nann,ann@example.com,\"Other, Ann\",admin,\nbob,bob@example.com,,,"+goodPassword+"\ncid,cid@example.com,,,\n")
	d := h.document("admin", "users", "bulk", "import", people, "--dry-run")
	if d["lines"] != 3.0 || d["changed"] != 3.0 || count(h) != 0 {
		t.Errorf("dry run: %v", d)
	}
	h.must("admin", "users", "bulk", "import", people)
	if d := h.document("admin", "users", "show", "ann"); d["display_name"] != "Other, Ann" || d["role"] != "admin" || d["has_password"] != false {
		t.Errorf("ann: %v", d)
	}
	if u, err := store.UserByIdentifier(t.Context(), "bob"); err != nil || !strings.HasPrefix(u.PasswordHash, "$argon2id$") {
		t.Errorf("bob: %v, %v", u, err)
	}
	if r := h.call("admin", "users", "bulk", "import", people); r.code != exitFailure || !strings.Contains(r.errs, "3 of 3 lines were refused") {
		t.Errorf("imported again: %+v", r)
	}
	if d := h.document("admin", "users", "bulk", "import", people, "--resume"); d["unchanged"] != 3.0 {
		t.Errorf("resumed: %v", d)
	}
	h.given(`{"user":"ann","username":"anna","disabled":true}`+"\n"+`{"user":"bob","role":"viewer"}`).must("admin", "users", "bulk", "update")
	if d := h.document("admin", "users", "show", "anna"); d["disabled_at"] == nil || d["email"] != "ann@example.com" {
		t.Errorf("anna: %v", d)
	}
	h.given("anna\n\nbob@example.com\n").must("admin", "users", "bulk", "role", "user")
	if n := count(h, "--role", "user"); n != 3 {
		t.Errorf("%d users of the role", n)
	}
	h.given("bob\ncid\n").must("admin", "users", "bulk", "disable")
	h.given("anna\nbob\ncid\n").must("admin", "users", "bulk", "enable")
	h.given("bob\ncid\n").must("admin", "users", "bulk", "revoke-all")
	h.given("bob\ncid\n").must("admin", "users", "bulk", "delete")
	if n := count(h); n != 1 {
		t.Errorf("%d users are left", n)
	}
}

// Input that cannot be had is refused with line and reason, and nothing of it is written.
func TestUsers_Bulk_BadInput(t *testing.T) {
	h, store := deployment(t)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	good := "username,email\nnew,new@example.com\n"
	hash := func(text string) string { return "username,email,password_hash\nnew,new@example.com," + text + "\n" }
	for name, tt := range map[string]struct{ text, line, problem string }{
		"an address in another case":   {good + "other,ANN@example.com\n", "3", "is taken, perhaps in another case"},
		"the same line twice":          {good + "New,x@example.com\n", "3", "stands in line 2 already"},
		"an unknown role":              {"username,email,role\nnew,new@example.com,emperor\n", "2", "emperor"},
		"an unknown tenant":            {"username,email,tenant\nnew,new@example.com,nowhere\n", "2", "does not exist"},
		"a byte-order mark":            {"\xef\xbb\xbf" + good, "1", "byte-order mark"},
		"an open quote":                {good + "\"x,y@example.com\n", "3", "quote"},
		"a line of 10 MB":              {good + strings.Repeat("x", 10<<20) + "\n", "3", "longer than"},
		"Latin-1":                      {good + "zo\xeb,z@example.com\n", "3", "UTF-8"},
		"UTF-16":                       {"\xff\xfeu\x00", "1", "UTF-16"},
		"a zero byte":                  {good + "x\x00y,z@example.com\n", "3", "UTF-8"},
		"a column of nobody":           {"username,email,is_admin\nnew,new@example.com,1\n", "1", "is_admin"},
		"no address":                   {"username,email\nnew,\n", "2", "e-mail"},
		"a name with a line break":     {`{"username":"ne\nw","email":"new@example.com"}`, "1", "username"},
		"a weak password":              {"username,email,password\nnew,new@example.com,password1\n", "2", "password"},
		"a hash of bcrypt":             {hash("$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"), "2", "argon2id"},
		"a hash that eats the machine": {hash("\"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\""), "2", "argon2id"},
		"a password as its own hash":   {hash("hunter2"), "2", "argon2id"},
	} {
		r := h.given(tt.text).call("admin", "users", "bulk", "import", "--output", "json")
		var report bulkReport
		if err := json.Unmarshal([]byte(r.out), &report); r.code != exitFailure || err != nil || len(report.Refused) != 1 {
			t.Errorf("%s: exit %d, %+v, %v\n%.300s", name, r.code, report, err, r.errs)
			continue
		}
		refused := report.Refused[0]
		if said := refused.Field + " " + refused.Problem; fmt.Sprint(refused.Line) != tt.line || !strings.Contains(said, tt.problem) {
			t.Errorf("%s: line %d %s; want line %s and %q", name, refused.Line, said, tt.line, tt.problem)
		}
		if strings.Contains(r.out+r.errs, "hunter2") || strings.Contains(r.out+r.errs, "$2a$") {
			t.Errorf("%s: the refusal repeats a secret", name)
		}
	}
	if n, err := store.ForOperator().CountUsers(t.Context(), postgres.UserFilter{}); err != nil || n != 1 {
		t.Errorf("%d users are there, %v", n, err)
	}
}

func TestUsers_ListAndSearch(t *testing.T) {
	h, store := deployment(t)
	for _, name := range []string{"jonathan", "petra", "quentin"} {
		h.must("admin", "users", "create", "--username", name, "--email", name+"@example.com", "--display-name", strings.ToUpper(name)+" Weiß")
	}
	found := func(args ...string) string {
		return strings.Join(items(h.document(append([]string{"admin", "users"}, args...)...), "username"), " ")
	}
	u, err := store.UserByIdentifier(t.Context(), "petra")
	if err != nil {
		t.Fatal(err)
	}
	signIn(t, store, u.ID)
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for _, tt := range []struct{ want, args string }{
		{"petra", "list --last-login-after " + today}, {"", "list --last-login-after " + tomorrow}, {"petra", "list --last-login-before " + tomorrow},
		{"jonathan quentin", "list --never-logged-in"}, {"jonathan quentin", "list --never-logged-in --tenant default --role user --status active"},
		{"petra", "search PETRA"}, {"jonathan petra quentin", "search weiss"}, {"jonathan", "search jonatan"}, {"petra", "search petra@exampel"},
		{"", "search zzzzzz"}, {"", "search %"}, {"", "search _"}, {"petra", "search petra --last-login-after " + today}, {"", "search petra --never-logged-in"},
	} {
		if got := found(strings.Fields(tt.args)...); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.args, got, tt.want)
		}
	}
	if d := h.document("admin", "users", "count", "--last-login-after", today); d["count"] != 1.0 {
		t.Errorf("count: %v", d)
	}
}

// M5: what narrows a list is a value of its type, or refused.
func TestM5_UserFiltersAreNoSQL(t *testing.T) {
	h, store := deployment(t)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	u, err := store.UserByIdentifier(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	for _, text := range []string{"'", "') or true --", `\`, "%", "_", "\x00", "a' <% words"} {
		if got := items(h.document("admin", "users", "search", text), "username"); len(got) != 0 {
			t.Errorf("search %q: %v", text, got)
		}
	}
	h.fails(exitFailure, "last_login_after", "admin", "users", "list", "--last-login-after", "yesterday")
	h.fails(exitFailure, "never_logged_in", "admin", "users", "list", "--last-login-after", today, "--never-logged-in")
	h.fails(exitFailure, "group", "admin", "users", "list", "--group", "' or 1=1 --")
	h.fails(exitFailure, "after", "admin", "users", "list", "--after", u.ID.String())
}

func TestUsers_StatsExportMerge(t *testing.T) {
	h, store := deployment(t)
	for _, name := range []string{"ann", "bob"} {
		h.must("admin", "users", "create", "--username", name, "--email", name+"@example.com")
	}
	u, err := store.UserByIdentifier(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	signIn(t, store, u.ID)
	stats := h.document("admin", "users", "stats")
	days, _ := stats["sign_ins"].([]any)
	if stats["total"] != 2.0 || stats["active_sessions"] != 1.0 || stats["never_signed_in"] != 1.0 || len(days) != 14 || days[13].(map[string]any)["count"] != 1.0 {
		t.Errorf("stats: %v", stats)
	}
	if drawn := h.must("admin", "users", "stats"); !strings.Contains(drawn, "█ 1\n") || !strings.Contains(drawn, "2 active") {
		t.Errorf("dashboard:\n%s", drawn)
	}
	lines := strings.Split(strings.TrimSpace(h.must("admin", "users", "export", "--ndjson")), "\n")
	if len(lines) != 2 || !json.Valid([]byte(lines[0])) || strings.Contains(lines[0], "argon2id") {
		t.Errorf("export: %v", lines)
	}
	var all struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(h.must("admin", "users", "export")), &all); err != nil || len(all.Items) != 2 {
		t.Errorf("export: %v, %v", all, err)
	}
	if out := h.must("admin", "users", "merge", "bob", "ann", "--dry-run"); !strings.Contains(out, "Both have, and the source's goes: memberships (1)") || count(h) != 2 {
		t.Errorf("dry run:\n%s", out)
	}
	merged := h.document("admin", "users", "merge", "bob", "ann")
	if from, _ := h.document("admin", "users", "show", "ann")["merged_from"].([]any); len(from) != 1 || from[0] != merged["source_id"] || count(h) != 1 {
		t.Errorf("merged from %v, %v", from, merged)
	}
}

// M6: a line says what an import may say, and nothing else.
func TestM6_BulkTakesNoOtherColumns(t *testing.T) {
	h, _ := deployment(t)
	for _, line := range []string{`"id":"x"`, `"tenant_id":"x"`, `"email_verified_at":"2026-01-01T00:00:00Z"`, `"created_at":"2020-01-01"`, `"disabled":false`} {
		r := h.given(`{"username":"a","email":"a@example.com",`+line+`}`).call("admin", "users", "bulk", "import")
		if r.code != exitFailure || !strings.Contains(r.out, "column") {
			t.Errorf("%s: exit %d\n%s", line, r.code, r.out)
		}
	}
}

// signIn gives a user a session, as a sign-in does.
func signIn(t *testing.T, store *postgres.Store, user authz.UserID) {
	t.Helper()
	p, err := store.ForUser(user).Person(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	err = store.ForUser(user).InsertSession(t.Context(), storage.Session{
		ID: authz.NewID[authz.SessionID](now), TokenJTI: authz.NewID[authz.SessionID](now), User: user, Tenant: p.Preferences.Tenant,
		SecretHash: []byte("digest"), CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(time.Hour), IdleLifetime: time.Hour,
		AuthTime: now, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"},
	}, storage.Evidence{}, "", authz.SessionID{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
}

// A link that is handed over chooses the password of a new account, once, and is shown once.
func TestUsers_SetUpLink(t *testing.T) {
	t.Parallel()
	h, store := deployment(t)
	made := h.document("admin", "users", "create", "--username", "bob", "--email", "bob@example.com", "--setup-link")
	links, err := authn.NewLinks("http://localhost:8080", []byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	reset := h.document("admin", "users", "reset-link", "bob")
	for purpose, address := range map[storage.LinkPurpose]any{storage.LinkSetUp: made["setup_url"], storage.LinkResetPassword: reset["url"]} {
		u, err := url.Parse(fmt.Sprint(address))
		if err != nil {
			t.Fatal(err)
		}
		id, err := links.Open(u.Query().Get("token"))
		if err != nil {
			t.Fatalf("%v: %v", address, err)
		}
		l, _, err := store.Link(t.Context(), id, time.Now())
		if err != nil || l.Purpose != purpose || l.User.String() != made["id"] {
			t.Errorf("%v: %+v, %v", address, l, err)
		}
	}
	if got := h.document("admin", "users", "invite", "--email", "carl@example.com"); got["email"] != "carl@example.com" || got["url"] != nil {
		t.Errorf("invite: %v", got)
	}
	// The agents that somebody answers for stand on their record.
	agent := h.document("admin", "clients", "create", "--name", "Helper", "--kind", "agent", "--owner", "bob")
	if got := fmt.Sprint(h.document("admin", "users", "show", "bob")["agents"]); got != fmt.Sprintf("[%v]", agent["client_id"]) {
		t.Errorf("agents of bob: %v", got)
	}
}
