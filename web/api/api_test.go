package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestMe(t *testing.T) {
	t.Parallel()
	h := house(t)
	ann := h.User("ann")
	a := call(h, token(h, "ann", "openid user agents:read"), "GET", "/me", "")
	want(t, "me", a, http.StatusOK)
	if a.Text("id") != ann.String() || a.Text("username") != "ann" || a.Text("client_id") != "desk" || a.Text("tenant_id") != h.Tenant.String() ||
		fmt.Sprint(a.JSON["scopes"]) != "[openid user agents:read]" {
		t.Errorf("me: %s", a.Raw)
	}
	want(t, "without the scope user", call(h, token(h, "ann", "openid agents:read"), "GET", "/me", ""), http.StatusForbidden)
}

// An administrator's token with "openid admin" is made for this API too.
func TestUsers_Life(t *testing.T) {
	t.Parallel()
	h := house(t)
	ann := h.User("ann", authz.RoleAdmin)
	admin := token(h, "ann", "openid admin")

	made := call(h, admin, "POST", "/users", `{"username":"bob","email":"bob@example.com","password":"`+webtest.Password+`","tenant":"acme"}`)
	want(t, "create", made, http.StatusCreated)
	id := made.Text("id")
	if made.Text("role") != "user" || made.JSON["email_verified_at"] != nil || strings.Contains(made.Raw, webtest.Password) {
		t.Errorf("create: %s", made.Raw)
	}
	theirs := token(h, "bob", "openid user") // the password works

	want(t, "show", call(h, admin, "GET", "/users/"+id, ""), http.StatusOK)
	changed := call(h, admin, "PATCH", "/users/"+id, `{"display_name":"Bob","role":"viewer"}`)
	want(t, "update", changed, http.StatusOK)
	if changed.Text("display_name") != "Bob" || changed.Text("role") != "viewer" || changed.Text("email") != "bob@example.com" {
		t.Errorf("update: %s", changed.Raw)
	}
	if found := items(t, call(h, admin, "GET", "/users?search=BOB&role=viewer&status=active&tenant=acme", "")); len(found) != 1 || found[0]["id"] != id {
		t.Errorf("search: %v", found)
	}

	want(t, "disable", call(h, admin, "POST", "/users/"+id+"/disable", ""), http.StatusOK)
	want(t, "the token of a disabled user", call(h, theirs, "GET", "/me", ""), http.StatusUnauthorized)
	if found := items(t, call(h, admin, "GET", "/users?status=disabled", "")); len(found) != 1 {
		t.Errorf("disabled: %v", found)
	}
	want(t, "enable", call(h, admin, "POST", "/users/"+id+"/enable", ""), http.StatusOK)
	token(h, "bob", "openid user")

	var actor, address string
	var actorID authz.UserID
	h.World.Get(`select actor, actor_id, host(ip_address) from platform.audit_events where action = 'user.disable'`, nil, &actor, &actorID, &address)
	if actor != "ann" || actorID != ann || address != "127.0.0.1" {
		t.Errorf("audit: %q %v %q", actor, actorID, address)
	}
}

func TestLists_ReadOnByCursor(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleAdmin)
	for _, name := range []string{"bob", "cy", "dee"} {
		h.User(name)
	}
	admin := token(h, "ann", "openid admin")
	var names []string
	after := ""
	for range 4 {
		a := call(h, admin, "GET", "/users?limit=1&after="+after, "")
		names = append(names, items(t, a)[0]["username"].(string))
		after = a.Text("next")
	}
	if fmt.Sprint(names) != "[ann bob cy dee]" || after != "" {
		t.Errorf("read on: %v, then %q", names, after)
	}
	want(t, "limit too high", call(h, admin, "GET", "/users?limit=501", ""), http.StatusUnprocessableEntity)
}

func TestSessions_RevokeOneAndAll(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleAdmin)
	bob := h.User("bob")
	admin := token(h, "ann", "openid admin")
	first, second := token(h, "bob", "openid user"), token(h, "bob", "openid user")

	theirs := items(t, call(h, admin, "GET", "/sessions?user="+bob.String(), ""))
	if len(theirs) != 2 {
		t.Fatalf("sessions: %v", theirs)
	}
	// The newest stands first.
	want(t, "revoke", call(h, admin, "DELETE", fmt.Sprint("/sessions/", theirs[0]["id"]), ""), http.StatusOK)
	want(t, "its token", call(h, second, "GET", "/me", ""), http.StatusUnauthorized)
	want(t, "the other's", call(h, first, "GET", "/me", ""), http.StatusOK)

	all := call(h, admin, "POST", "/users/"+bob.String()+"/revoke-sessions", "")
	want(t, "revoke all", all, http.StatusOK)
	if all.JSON["revoked"] != float64(1) {
		t.Errorf("revoke all: %s", all.Raw)
	}
	want(t, "after all", call(h, first, "GET", "/me", ""), http.StatusUnauthorized)
	want(t, "the administrator", call(h, admin, "GET", "/sessions", ""), http.StatusOK)
}

func TestTenantsAndClients(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleOwner)
	admin := token(h, "ann", "openid admin agents:read")

	made := call(h, admin, "POST", "/tenants", `{"name":"Umbrella Research","max_users":5}`)
	want(t, "tenant", made, http.StatusCreated)
	if made.Text("slug") != "umbrella-research" || made.JSON["max_users"] != float64(5) {
		t.Errorf("tenant: %s", made.Raw)
	}
	want(t, "the same tenant", call(h, admin, "POST", "/tenants", `{"name":"Umbrella Research"}`), http.StatusConflict)
	if all := items(t, call(h, admin, "GET", "/tenants", "")); len(all) != 2 {
		t.Errorf("tenants: %v", all)
	}

	client := call(h, admin, "POST", "/clients", `{"name":"Importer","kind":"service","scopes":["agents:read"],"tenant":"umbrella-research"}`)
	want(t, "client", client, http.StatusCreated)
	id, secret := client.Text("client_id"), client.Text("client_secret")
	form := map[string][]string{"grant_type": {"client_credentials"}}
	if a := h.Call("/oauth2/token", id, secret, form); a.Status != http.StatusOK {
		t.Errorf("the secret does not work: %d %s", a.Status, a.Raw)
	}
	if list := call(h, admin, "GET", "/clients", ""); strings.Contains(list.Raw, secret) || len(items(t, list)) != 2 {
		t.Errorf("clients: %s", list.Raw)
	}
	want(t, "disable", call(h, admin, "POST", "/clients/"+id+"/disable", ""), http.StatusOK)
	if a := h.Call("/oauth2/token", id, secret, form); a.Status != http.StatusUnauthorized {
		t.Errorf("a disabled client: %d %s", a.Status, a.Raw)
	}
	want(t, "enable", call(h, admin, "POST", "/clients/"+id+"/enable", ""), http.StatusOK)
}

func TestRefusals_AreProblems(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("ann", authz.RoleOwner)
	admin := token(h, "ann", "openid admin users:manage")
	nobody := authz.NewID[authz.UserID](h.Now()).String()
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/nothing", "", 404},
		{"GET", "/users/x/y", "", 404},
		{"DELETE", "/users", "", 405},
		{"GET", "/users/" + nobody, "", 404},
		{"GET", "/users/bob", "", 404},
		{"GET", "/users/ann%40example.com", "", 200},
		{"GET", "/users/..%2fme", "", 404},
		{"POST", "/users/" + nobody + "/disable", "", 404},
		{"POST", "/users/" + nobody + "/revoke-sessions", "", 404},
		{"DELETE", "/sessions/" + nobody, "", 404},
		{"POST", "/clients/nobody/disable", "", 404},
		{"GET", "/users?tenant=nowhere", "", 404},
		{"GET", "/users?after=x", "", 422},
		{"GET", "/users?after=" + "'%20or%201=1--", "", 422},
		{"GET", "/users?search=%00", "", 200},
		{"GET", "/users?unknown=1", "", 422},
		{"POST", "/users", `{"username":"bob","email":"nonsense"}`, 422},
		{"POST", "/users", `{"username":"bob","email":"bob@example.com","tenant":"nowhere"}`, 404},
		{"POST", "/users", `{"username":"bob","email":"bob@example.com","password":"password12"}`, 422},
		{"POST", "/users", `{"username":"ANN","email":"other@example.com"}`, 409},
		{"POST", "/users", `{"username":`, 400},
		{"POST", "/users", ``, 400},
		{"POST", "/clients", `{"name":"x","kind":"web"}`, 422},
		{"POST", "/clients", `{"name":"x","kind":"service","scopes":["a b"]}`, 422},
		{"POST", "/clients", `{"name":"x","kind":"agent","owner":"` + nobody + `"}`, 404},
	} {
		want(t, c.method+" "+c.path+" "+c.body, call(h, admin, c.method, c.path, c.body), c.status)
	}
	a := call(h, admin, "PATCH", "/users", "")
	if a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", a.Header.Get("Allow"))
	}
}

// The document is what clients are generated from: every operation says what
// opens it.
func TestDocument(t *testing.T) {
	t.Parallel()
	h := house(t)
	a := call(h, "", "GET", "/openapi.json", "")
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Security    []map[string][]string
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal([]byte(a.Raw), &document); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%d %v %s", a.Status, err, a.Raw)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") {
		t.Errorf("openapi: %q", document.OpenAPI)
	}
	operations := 0
	for path, methods := range document.Paths {
		for method, o := range methods {
			operations++
			if len(o.Security) == 0 || o.OperationID == "" || o.Responses["403"] == nil {
				t.Errorf("%s %s: %+v", method, path, o)
			}
		}
	}
	if operations < 16 {
		t.Errorf("%d operations", operations)
	}
}

// How a user is reached: by operators and by themselves, each part alone, and said to be
// verified by operators only.
func TestUsers_PhoneAndAddress(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	h.User("carl")
	owner := token(h, "olga", "openid admin user")
	made := call(h, owner, "POST", "/users", `{"username":"bob","email":"bob@example.com","phone_number":"+49 30 123456","phone_number_verified":true,"address":{"locality":"Berlin"}}`)
	want(t, "create", made, http.StatusCreated)
	tag := call(h, owner, "GET", "/users/bob", "").Header.Get("ETag")
	h.World.Exec(`update platform.users set password_hash = (select password_hash from platform.users where username = 'olga') where username = 'bob'`)
	bob := token(h, "bob", "openid user")
	for _, c := range []struct {
		token, method, path, change string
		status                      int
		phone                       string
		verified                    bool
		address                     string
	}{
		{owner, "PATCH", "/users/bob", `{"display_name":"Bob"}`, 200, "+4930123456", true, "Berlin "},
		{owner, "PATCH", "/users/bob", `{"address":{"country":"Germany"}}`, 200, "+4930123456", true, "Berlin Germany"},
		{owner, "PATCH", "/users/bob", `{"address":{"locality":""}}`, 200, "+4930123456", true, " Germany"},
		{owner, "PATCH", "/users/bob", `{"address":{"city":"Bonn"}}`, 422, "+4930123456", true, " Germany"},
		{owner, "PATCH", "/users/bob", `{"phone_number":"030 123456"}`, 422, "+4930123456", true, " Germany"},
		{bob, "PATCH", "/me", `{"phone_number":"+49 30 123456"}`, 200, "+4930123456", true, " Germany"},
		{bob, "PATCH", "/me", `{"phone_number":"+4930123457","address":{"country":"France"}}`, 200, "+4930123457", false, " France"},
		{bob, "PATCH", "/me", `{"phone_number_verified":true}`, 422, "+4930123457", false, " France"},
		{owner, "PATCH", "/users/bob", `{"phone_number_verified":true}`, 200, "+4930123457", true, " France"},
		{owner, "PATCH", "/users/bob", `{"phone_number":""}`, 200, "", false, " France"},
		{owner, "PATCH", "/users/bob", `{"phone_number_verified":true}`, 422, "", false, " France"},
	} {
		want(t, c.change, call(h, c.token, c.method, c.path, c.change), c.status)
		a := call(h, owner, "GET", "/users/bob", "")
		address, _ := a.JSON["address"].(map[string]any)
		locality, _ := address["locality"].(string)
		country, _ := address["country"].(string)
		if a.Text("phone_number") != c.phone || a.JSON["phone_number_verified"] != c.verified || locality+" "+country != c.address {
			t.Errorf("after %s: %s", c.change, a.Raw)
		}
	}
	want(t, "under what was seen", withHeader(h, owner, "PATCH", "/users/bob", `{"phone_number":"+4930123456"}`, "If-Match", tag), http.StatusPreconditionFailed)
	bulk := call(h, owner, "POST", "/users:bulk", `{"action":"update","lines":[{"line":1,"user":"bob","phone_number":"+4930123456","phone_number_verified":true,"address":{"region":"BE"}},{"line":2,"user":"carl","phone_number":"1"}]}`)
	if refused := bulk.Raw; !strings.Contains(refused, `"field":"phone_number"`) || strings.Contains(refused, `"line":1`) {
		t.Errorf("bulk: %s", refused)
	}
	log := call(h, owner, "GET", "/audit?action=user.update-self", "").Raw
	if !strings.Contains(log, `"phone":"+4930123457"`) || !strings.Contains(log, `"country":"France"`) {
		t.Errorf("the log does not say what changed: %s", log)
	}
}
