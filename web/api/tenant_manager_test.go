package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// ownObjects are the parts of a path that name what belongs to a tenant or to a user.
var ownObjects = regexp.MustCompile(`^/(users|sessions|tenants|clients|groups|projects|resources)/\{`)

// Whoever manages the people of one tenant, and holds nothing else, is told of no
// object of another tenant and of no user outside theirs that it exists: what
// users:manage opens answers "not found", and anything else the same as it answers
// about what was never there.
func TestM1_WhatIsAnotherTenantsDoesNotExist(t *testing.T) {
	t.Parallel()
	h := house(t)
	there := foreign(h)
	boss := h.User("boss")
	h.World.Join(boss, h.Tenant, h.World.Group(h.Tenant, "bosses", "users:manage"))
	held := token(h, "boss", "openid users:manage")
	nowhere := strings.NewReplacer("bob", "nobody", "beta", "nowhere", "btools", "nothing", "bdesk", "nothing", "bproject", "nothing", "bapi", "nothing", "198.51", "203.0")
	absent := strings.NewReplacer("{user}", "01890000-0000-7000-8000-000000000000", "{session}", "01890000-0000-7000-8000-000000000000", "{tenant}", "nowhere",
		"{client}", "nothing", "{role}", "user", "{scope}", "agents:read", "{group}", "nothing", "{project}", "nothing", "{network}", "203.0.113.0%2F24", "{kid}", "0", "{resource}", "https:%2F%2Fnothing.example")
	tried := 0
	for path, methods := range call(h, "", "GET", "/openapi.json", "").JSON["paths"].(map[string]any) {
		for method, operation := range methods.(map[string]any) {
			id := operation.(map[string]any)["operationId"].(string)
			try, before := attempts[id], everything(h)
			query := ""
			if try.query != "" {
				query = "?" + try.query
			}
			a := call(h, held, strings.ToUpper(method), there.Replace(path)+query, try.body)
			if everything(h) != before {
				t.Errorf("%s changed something", id)
			}
			opened := strings.Contains(strings.Join(scopesOf(operation), " "), "users:manage")
			if opened && (ownObjects.MatchString(path) || strings.Contains(try.query+try.body, "beta")) {
				tried++
				want(t, id, a, http.StatusNotFound)
			}
			if b := call(h, held, strings.ToUpper(method), absent.Replace(path)+nowhere.Replace(query), nowhere.Replace(try.body)); a.Status != b.Status || a.Raw != b.Raw {
				t.Errorf("%s tells what is there (%d %s) from what is not (%d %s)", id, a.Status, a.Raw, b.Status, b.Raw)
			}
		}
	}
	if tried < 30 {
		t.Errorf("%d operations were held to that", tried)
	}
}

// scopesOf is the scopes of which one opens an operation of the document.
func scopesOf(operation any) []string {
	var scopes []string
	for _, scheme := range operation.(map[string]any)["security"].([]any) {
		for _, held := range scheme.(map[string]any)["oauth2"].([]any) {
			scopes = append(scopes, held.(string))
		}
	}
	return scopes
}
