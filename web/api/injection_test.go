package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// injections are what databases have been talked into. Five seconds of sleep would show.
var injections = []string{
	"'", `"`, `\`, "';--", "' or '1'='1", "1 or 1=1", "') or true --", "'; drop table platform.users; --", "' union select secret_hash from platform.clients --",
	"'||(select pg_sleep(5))||'", "1); select pg_sleep(5); --", "id; select pg_sleep(5)", "(select pg_sleep(5))", "$1", "%s", "${x}", "{\"$ne\":null}", "*", "%", "_", "a' <% b",
	"\x00", "\xbf\x27", "\u02bc or 1=1", "null", "-1", "99999999999999999999", "1e999", "desc", "id desc, (select 1)",
}

// TestM5_EveryParameter: whatever stands in a parameter of an operation, one after
// another, is a value and never a part of a statement. An operation that is added
// tomorrow is tried tomorrow.
func TestM5_EveryParameter(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	held := token(h, "olga", "openid user agents:read admin billing users:manage")
	document := call(h, "", "GET", "/openapi.json", "")
	before, tried := everything(h), 0
	for path, methods := range document.JSON["paths"].(map[string]any) {
		for method, operation := range methods.(map[string]any) {
			parameters, _ := operation.(map[string]any)["parameters"].([]any)
			for _, p := range parameters {
				parameter := p.(map[string]any)
				name, in := parameter["name"].(string), parameter["in"].(string)
				if in != "path" && (in != "query" || method != "get") {
					continue
				}
				tried++
				for _, text := range injections {
					target, query := path, ""
					if in == "query" {
						query = "?" + url.Values{name: {text}}.Encode()
					} else {
						target = strings.Replace(target, "{"+name+"}", strings.ReplaceAll(url.PathEscape(text), "/", "%2F"), 1)
					}
					begun := time.Now()
					a := call(h, held, strings.ToUpper(method), placeholder.ReplaceAllString(target, "none")+query, "")
					if a.Status >= http.StatusInternalServerError || strings.Contains(a.Raw, "SQLSTATE") || time.Since(begun) > 4*time.Second {
						t.Errorf("%s %s with %s=%q: %d after %v %s", method, path, name, text, a.Status, time.Since(begun), a.Raw)
					}
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d parameters were tried", tried)
	}
	if everything(h) != before {
		t.Error("something was changed")
	}
}

// TestM6_NoOperationTakesUnknownFields: one member more than an operation knows, and
// nothing is done.
func TestM6_NoOperationTakesUnknownFields(t *testing.T) {
	t.Parallel()
	h := house(t)
	paths := foreign(h)
	h.User("olga", authz.RoleOwner)
	held := token(h, "olga", "openid user agents:read admin billing users:manage")
	document := call(h, "", "GET", "/openapi.json", "")
	before, tried := everything(h), 0
	for path, methods := range document.JSON["paths"].(map[string]any) {
		for method, operation := range methods.(map[string]any) {
			id := operation.(map[string]any)["operationId"].(string)
			try := attempts[id]
			if !strings.HasPrefix(try.body, "{") {
				continue
			}
			tried++
			body := strings.Replace(strings.TrimSuffix(try.body, "}")+`,"self_registered":true}`, "{,", "{", 1)
			a := call(h, held, strings.ToUpper(method), paths.Replace(path)+"?"+try.query, body)
			if a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Raw, "self_registered") {
				t.Errorf("%s: %d %s", id, a.Status, a.Raw)
			}
		}
	}
	if tried < 25 {
		t.Errorf("only %d operations were tried", tried)
	}
	if everything(h) != before {
		t.Error("something was changed")
	}
}
