package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// Every operation of the document, with every role, with every scope that the
// role can get: who may do it is decided here and not by what is asked for. The
// matrix is docs/permissions.md, which is generated.
func TestM2_RolesTimesRoutes(t *testing.T) {
	t.Parallel()
	h := house(t)
	const everything = "openid user agents:read tools:execute admin users:manage"
	document := call(h, "", "GET", "/openapi.json", "")
	for _, role := range authz.Roles() {
		h.User(string(role), role)
		held := token(h, string(role), everything)
		for path, methods := range document.JSON["paths"].(map[string]any) {
			for method, o := range methods.(map[string]any) {
				// What is named is not there, and no body is sent: nothing is changed by who may.
				target := placeholder.ReplaceAllString(path, "none")
				a := call(h, held, strings.ToUpper(method), target, "")
				opens := opened(t, h, role, o.(map[string]any))
				if refused := a.Status == http.StatusForbidden; refused == opens || a.Status == http.StatusUnauthorized || a.Status >= 500 {
					t.Errorf("%s %s as %s: %d %s", method, path, role, a.Status, a.Raw)
				}
				if a.Status == http.StatusForbidden && !strings.Contains(a.Header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
					t.Errorf("%s %s as %s: no challenge: %q", method, path, role, a.Header.Get("WWW-Authenticate"))
				}
				nobody := call(h, "", strings.ToUpper(method), target, "")
				want(t, method+" "+path+" as nobody", nobody, http.StatusUnauthorized)
				if got := nobody.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="gatehouse", scope="`) {
					t.Errorf("%s %s as nobody: %q", method, path, got)
				}
			}
		}
	}
}

var placeholder = regexp.MustCompile(`\{[^}]+\}`)

// opened reports whether a role holds one of the scopes that open an operation.
func opened(t *testing.T, h *webtest.House, role authz.Role, operation map[string]any) bool {
	t.Helper()
	catalogue, err := h.Store.Catalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, alternative := range operation["security"].([]any) {
		for _, scopes := range alternative.(map[string]any) {
			if authz.AnyMatches(catalogue.Roles[role].Scopes, authz.Scope(scopes.([]any)[0].(string))) {
				return true
			}
		}
	}
	return false
}

// Nobody gives what they do not hold, and owners are the owner's business.
func TestM3_NoEscalation(t *testing.T) {
	t.Parallel()
	h := house(t)
	owner := h.User("olga", authz.RoleOwner)
	ann := h.User("ann", authz.RoleAdmin)
	admin := token(h, "ann", "openid admin")
	for what, c := range map[string][3]string{
		"make an owner":              {"POST", "/users", `{"username":"eve","email":"eve@example.com","role":"owner"}`},
		"become an owner":            {"PATCH", "/users/" + ann.String(), `{"role":"owner"}`},
		"unmake an owner":            {"PATCH", "/users/" + owner.String(), `{"role":"viewer"}`},
		"disable an owner":           {"POST", "/users/" + owner.String() + "/disable", ""},
		"a client with more":         {"POST", "/clients", `{"name":"x","kind":"service","scopes":["billing"]}`},
		"a client with every scope":  {"POST", "/clients", `{"name":"x","kind":"service","scopes":["*"]}`},
		"a client with users:manage": {"POST", "/clients", `{"name":"x","kind":"service","scopes":["users:manage"]}`},
	} {
		want(t, what, call(h, admin, c[0], c[1], c[2]), http.StatusForbidden)
	}
	// Who changes an owner holds all that an owner holds.
	last := token(h, "olga", "openid admin billing users:manage")
	want(t, "disable the last owner", call(h, last, "POST", "/users/"+owner.String()+"/disable", ""), http.StatusForbidden)
}

// "admin" from a group of one tenant, or in the own token of a client of one
// tenant, is not "admin" over the deployment.
func TestM4_TenantScopeStaysInItsTenant(t *testing.T) {
	t.Parallel()
	h := house(t)
	eve := h.User("eve")
	h.World.Join(eve, h.Tenant, h.World.Group(h.Tenant, "bosses", "admin"))
	held := token(h, "eve", "openid user admin")
	if me := call(h, held, "GET", "/me", ""); !strings.Contains(fmt.Sprint(me.JSON["scopes"]), "admin") {
		t.Fatalf("the group gives no admin: %s", me.Raw)
	}
	want(t, "a group's admin", call(h, held, "GET", "/users", ""), http.StatusForbidden)

	admin := func(c *storage.Client) { c.Scopes = []authz.Pattern{"admin"} }
	h.Machine("local", admin)
	h.Machine("global", admin, func(c *storage.Client) { c.Tenant = authz.TenantID{} })
	for client, status := range map[string]int{"local": http.StatusForbidden, "global": http.StatusOK} {
		a := h.Token(client, url.Values{"grant_type": {"client_credentials"}})
		want(t, client, call(h, a.Text("access_token"), "GET", "/users", ""), status)
	}
}

func TestM6_UnknownFieldsAreRefused(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleOwner)
	bob := h.User("bob")
	admin := token(h, "ann", "openid admin users:manage")
	for _, field := range []string{`"email_verified":true`, `"id":"x"`, `"tenant_id":"x"`, `"password_hash":"!"`, `"disabled_at":null`} {
		want(t, field, call(h, admin, "PATCH", "/users/"+bob.String(), `{"display_name":"B",`+field+`}`), http.StatusUnprocessableEntity)
	}
	if a := call(h, admin, "GET", "/users/"+bob.String(), ""); a.Text("display_name") != "" || a.Text("role") != "user" {
		t.Errorf("changed all the same: %s", a.Raw)
	}
}

func TestC5_TokensOfOthers(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.World.Exec(`insert into platform.resources (identifier, name, scopes, created_at) values ('https://api.example', 'API', '{user,admin}', now())`)
	h.User("ann", authz.RoleAdmin)
	proof := webtest.NewProof()
	left := h.Browser().Authorize(proof, "desk", "ann", url.Values{"scope": {"openid user"}})
	tokens := h.Exchange("desk", left.Get("code"), proof)
	good := tokens.Text("access_token")
	want(t, "with openid", call(h, good, "GET", "/me", ""), http.StatusOK)

	head, payload, _ := strings.Cut(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + strings.SplitN(payload, ".", 2)[0] + "."
	for what, text := range map[string]string{
		"made for another resource": token(h, "ann", "user admin"),
		"an ID token":               tokens.Text("id_token"),
		"without signature":         none,
		"cut off":                   head + "." + payload[:len(payload)-4],
		"nonsense":                  "x",
		"huge":                      strings.Repeat("a.", 9000),
	} {
		a := call(h, text, "GET", "/me", "")
		want(t, what, a, http.StatusUnauthorized)
		if !strings.Contains(a.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: %q", what, a.Header.Get("WWW-Authenticate"))
		}
	}
	want(t, "in the query", call(h, "", "GET", "/me?access_token="+good, ""), http.StatusUnauthorized)
	h.Advance(11 * time.Minute)
	want(t, "expired", call(h, good, "GET", "/me", ""), http.StatusUnauthorized)
}

// C15: what a role no longer holds, its tokens no longer open.
func TestC15_NarrowingIsImmediate(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	ann := h.User("ann", authz.RoleAdmin)
	owner, admin := token(h, "olga", "openid admin users:manage"), token(h, "ann", "openid user admin")
	want(t, "before", call(h, admin, "GET", "/users", ""), http.StatusOK)
	want(t, "the change", call(h, owner, "PATCH", "/users/"+ann.String(), `{"role":"user"}`), http.StatusOK)
	want(t, "after", call(h, admin, "GET", "/users", ""), http.StatusForbidden)
	want(t, "what is left", call(h, admin, "GET", "/me", ""), http.StatusOK)
}

func TestO1_BodyLimit(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleAdmin)
	admin := token(h, "ann", "openid admin")
	for size, status := range map[int]int{255 << 10: http.StatusUnprocessableEntity, 256 << 10: http.StatusRequestEntityTooLarge, 10 << 20: http.StatusRequestEntityTooLarge} {
		body := `{"name":"` + strings.Repeat("x", size) + `"}`
		want(t, fmt.Sprintf("a name of %d bytes", size), call(h, admin, "POST", "/tenants", body), status)
	}
}

// What a caller sent is not repeated, and nothing of it is logged.
func TestP1_NoSecretComesBack(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleAdmin)
	admin := token(h, "ann", "openid admin")
	const canary = "canary-7391"
	for _, body := range []string{
		`{"username":"bob","email":"bob@example.com","pass":"` + canary + `"}`,
		`{"username":"bob","email":"bob@example.com","role":"` + canary + `"}`,
		`{"username":"bob","email":"bob@example.com","password":["` + canary + `"]}`,
		`{"username":"bob","email":"bob@example.com","password":"` + canary[:6] + `"}`,
		`"` + canary + `"`, `{"password":"` + canary,
	} {
		a := call(h, admin, "POST", "/users", body)
		if a.Status < 400 || a.Status >= 500 || strings.Contains(a.Raw, canary[:6]) {
			t.Errorf("%s: %d %s", body, a.Status, a.Raw)
		}
	}
	if log := h.Log.String(); strings.Contains(log, canary) || strings.Contains(log, admin) {
		t.Error("a secret stands in the log")
	}
}

// P6: a fault says nothing of the inside.
func TestP6_FaultsAreGeneric(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleAdmin)
	admin := token(h, "ann", "openid admin")
	h.World.Exec(`alter table platform.tenants rename column plan to plan_was`)
	a := call(h, admin, "GET", "/tenants", "")
	if a.Status != http.StatusInternalServerError || strings.Contains(a.Raw, "plan") || strings.Contains(a.Raw, "SQL") {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

// M7: the API stands beside the pages, so what protects it is asked for on every
// address: no cookie, no query and no other listener opens it, and nothing but the
// document answers to nobody.
func TestM7_NothingAnswersWithoutAToken(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	b := h.Browser()
	b.SignIn(b.Get("/login"), "olga")
	document := call(h, "", "GET", "/openapi.json", "")
	for path, methods := range document.JSON["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			r, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), h.URL+"/api/v1"+placeholder.ReplaceAllString(path, "olga"), strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Forwarded-For", "127.0.0.1")
			if p := b.Do(r); p.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(p.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s %s with the cookie of an owner: %d", method, path, p.StatusCode)
			}
		}
	}
}
