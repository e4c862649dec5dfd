package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// What is changed under If-Match is what was seen: of many who saw the same, one wins.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	h.User("bob")
	owner := token(h, "olga", "openid admin")
	seen := call(h, owner, "GET", "/users/bob", "")
	tag := seen.Header.Get("ETag")
	want(t, "stale", withHeader(h, owner, "PATCH", "/users/bob", `{"display_name":"X"}`, "If-Match", `"other"`), http.StatusPreconditionFailed)
	if again := call(h, owner, "GET", "/users/bob", ""); tag == "" || again.Header.Get("ETag") != tag || again.Text("display_name") != "" {
		t.Errorf("after a refusal: %q, then %q: %s", tag, again.Header.Get("ETag"), again.Raw)
	}
	var all sync.WaitGroup
	statuses := make(chan int, 10)
	for i := range cap(statuses) {
		all.Go(func() {
			a := withHeader(h, owner, "PATCH", "/users/bob", fmt.Sprintf(`{"display_name":"Bob %d"}`, i), "If-Match", `"other", `+tag)
			statuses <- a.Status
		})
	}
	all.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusPreconditionFailed] != cap(statuses)-1 {
		t.Errorf("of %d parallel changes: %v", cap(statuses), count)
	}
	want(t, "any state", withHeader(h, owner, "PATCH", "/users/bob", `{"display_name":"X"}`, "If-Match", "*"), http.StatusOK)
	want(t, "without", call(h, owner, "PATCH", "/users/bob", `{"display_name":"Y"}`), http.StatusOK)
}

// Every update is made under what was seen, in the same way, and the document says so.
func TestIfMatch_EveryUpdate(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	h.Machine("robot", func(c *storage.Client) { c.Tenant = h.Tenant })
	h.World.Group(h.Tenant, "tools", "agents:read")
	h.World.Exec(`insert into public.projects (id, tenant_id, name, created_at) values (gen_random_uuid(), $1, 'site', now())`, h.Tenant)
	owner := token(h, "olga", "openid admin agents:read tools:execute users:manage user billing")
	want(t, "resource", call(h, owner, "POST", "/resources", `{"identifier":"https://api.example","scopes":["agents:read"]}`), http.StatusCreated)
	document := call(h, "", "GET", "/openapi.json", "")
	for _, update := range []struct{ object, path, method, change, other string }{
		{"/users/olga", "/users/{user}", "PATCH", `{"display_name":"One"}`, `{"display_name":"Two"}`},
		{"/tenants/acme", "/tenants/{tenant}", "PATCH", `{"plan":"one"}`, `{"plan":"two"}`},
		{"/clients/robot", "/clients/{client}", "PATCH", `{"logo_uri":"https://one.example/"}`, `{"name":"Two"}`},
		{"/resources/https:%2F%2Fapi.example", "/resources/{resource}", "PATCH", `{"name":"One"}`, `{"access_token_seconds":60}`},
		{"/groups/tools", "/groups/{group}/scopes", "PUT", `{"scopes":["tools:execute"]}`, `{"scopes":["agents:read"]}`},
		{"/groups/tools", "/groups/{group}", "PATCH", `{"name":"tools"}`, `{"name":"tools"}`},
		{"/projects/site", "/projects/{project}", "PATCH", `{"name":"site"}`, `{"name":"site"}`},
		{"/scopes/agents:read", "/scopes/{scope}", "PUT", `{"title":"One"}`, `{"title":"Two"}`},
		{"/roles/viewer", "/roles/{role}/scopes", "PUT", `{"scopes":["user"]}`, `{"scopes":["user","agents:read"]}`},
	} {
		target := update.object
		if strings.HasSuffix(update.path, "}/scopes") {
			target += "/scopes"
		}
		tag := call(h, owner, "GET", update.object, "").Header.Get("ETag")
		if tag == "" {
			t.Errorf("%s has no ETag", update.object)
			continue
		}
		before := everything(h)
		want(t, "stale "+target, withHeader(h, owner, update.method, target, update.change, "If-Match", `"other"`), http.StatusPreconditionFailed)
		if everything(h) != before {
			t.Errorf("%s was changed in spite of its tag", target)
		}
		done := withHeader(h, owner, update.method, target, update.change, "If-Match", tag)
		want(t, "as seen "+target, done, http.StatusOK)
		if now := call(h, owner, "GET", update.object, "").Header.Get("ETag"); done.Header.Get("ETag") != now {
			t.Errorf("%s answers with tag %q, and is %q", target, done.Header.Get("ETag"), now)
		} else if update.change != update.other {
			if now == tag {
				t.Errorf("%s kept its tag", target)
			}
			want(t, "as seen before "+target, withHeader(h, owner, update.method, target, update.other, "If-Match", tag), http.StatusPreconditionFailed)
		}
		saysConditional(t, document, update.method, update.path)
	}
	want(t, "a scope that is not there yet", withHeader(h, owner, "PUT", "/scopes/moon:land", `{"title":"Land"}`, "If-Match", "*"), http.StatusPreconditionFailed)
	want(t, "nor then", call(h, owner, "GET", "/scopes/moon:land", ""), http.StatusNotFound)
	want(t, "without a condition", call(h, owner, "PUT", "/scopes/moon:land", `{"title":"Land"}`), http.StatusOK)
}

func saysConditional(t *testing.T, document webtest.Answer, method, path string) {
	t.Helper()
	operation := document.JSON["paths"].(map[string]any)[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
	if fmt.Sprint(operation["responses"].(map[string]any)["412"]) == "<nil>" || !strings.Contains(fmt.Sprint(operation["parameters"]), "If-Match") {
		t.Errorf("the document does not say that %s %s is conditional", method, path)
	}
}

// Whatever says in which state it is can be deleted in that state alone.
func TestIfMatch_EveryDeletion(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	h.User("bob")
	h.Machine("robot", func(c *storage.Client) { c.Tenant = h.Tenant })
	h.World.Group(h.Tenant, "tools", "agents:read")
	h.World.Exec(`insert into public.projects (id, tenant_id, name, created_at) values (gen_random_uuid(), $1, 'site', now())`, h.Tenant)
	owner := token(h, "olga", "openid admin agents:read users:manage user")
	want(t, "resource", call(h, owner, "POST", "/resources", `{"identifier":"https://api.example","scopes":["agents:read"]}`), http.StatusCreated)
	want(t, "scope", call(h, owner, "PUT", "/scopes/moon:land", `{"title":"Land"}`), http.StatusOK)
	want(t, "tenant", call(h, owner, "POST", "/tenants", `{"slug":"beta","name":"Beta"}`), http.StatusCreated)
	hook := call(h, owner, "POST", "/webhooks", `{"name":"Hook","url":"https://hook.example/","events":["user.*"]}`)
	want(t, "webhook", hook, http.StatusCreated)
	document := call(h, "", "GET", "/openapi.json", "")
	for _, deletion := range []struct{ object, query, path string }{
		{"/users/bob", "", "/users/{user}"},
		{"/clients/robot", "", "/clients/{client}"},
		{"/resources/https:%2F%2Fapi.example", "", "/resources/{resource}"},
		{"/groups/tools", "", "/groups/{group}"},
		{"/projects/site", "", "/projects/{project}"},
		{"/scopes/moon:land", "", "/scopes/{scope}"},
		{"/webhooks/" + hook.Text("id"), "", "/webhooks/{webhook}"},
		{"/tenants/beta", "?confirm=beta", "/tenants/{tenant}"},
	} {
		tag := call(h, owner, "GET", deletion.object, "").Header.Get("ETag")
		if tag == "" {
			t.Errorf("%s has no ETag", deletion.object)
			continue
		}
		target := deletion.object + deletion.query
		before := everything(h)
		want(t, "stale "+target, withHeader(h, owner, "DELETE", target, "", "If-Match", `"other"`), http.StatusPreconditionFailed)
		if everything(h) != before {
			t.Errorf("%s was deleted in spite of its tag", target)
		}
		want(t, "as seen "+target, withHeader(h, owner, "DELETE", target, "", "If-Match", tag), http.StatusOK)
		want(t, "gone "+target, call(h, owner, "GET", deletion.object, ""), http.StatusNotFound)
		saysConditional(t, document, "DELETE", deletion.path)
	}
}
