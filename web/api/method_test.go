package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// RFC 9110 §15.5.6: a method that an address does not have is refused before anything
// is asked, with those that it has; whether it is one that HTTP knows or not.
func TestMethods(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	held := token(h, "olga", "openid user admin users:manage")
	paths := foreign(h)
	for path, methods := range call(h, "", "GET", "/openapi.json", "").JSON["paths"].(map[string]any) {
		var has []string
		for method := range methods.(map[string]any) {
			has = append(has, strings.ToUpper(method))
		}
		if slices.Contains(has, "GET") {
			has = append(has, "HEAD")
		}
		slices.Sort(has)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"} {
			if slices.Contains(has, method) {
				continue
			}
			for _, token := range []string{"", held} {
				a := call(h, token, method, paths.Replace(path), "")
				if method == "HEAD" {
					if a.Status != http.StatusMethodNotAllowed || a.Raw != "" {
						t.Errorf("HEAD %s: %d %s", path, a.Status, a.Raw)
					}
				} else {
					want(t, method+" "+path, a, http.StatusMethodNotAllowed)
				}
				allow := strings.Split(a.Header.Get("Allow"), ", ")
				if slices.Sort(allow); !slices.Equal(allow, has) {
					t.Errorf("%s %s: Allow %q, want %q", method, path, allow, has)
				}
			}
		}
	}
}
