package api_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// The page says of every operation what the document says, and asks nothing of others.
func TestReference(t *testing.T) {
	t.Parallel()
	h := house(t)
	a := call(h, "", "GET", "/docs", "")
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if _, err := html.Parse(strings.NewReader(a.Raw)); err != nil || strings.Contains(a.Raw, "<script") || strings.Contains(a.Raw, "style=") {
		t.Errorf("page: %v", err)
	}
	document := call(h, "", "GET", "/openapi.json", "")
	for path, methods := range document.JSON["paths"].(map[string]any) {
		for method, o := range methods.(map[string]any) {
			id := o.(map[string]any)["operationId"].(string)
			if !strings.Contains(a.Raw, strings.ToUpper(method)+" /api/v1"+path) {
				t.Errorf("%s is not on the page", id)
			}
		}
	}
	for _, text := range []string{"Idempotency-Key", "viewer, user, admin, owner", "required", "<code>users:manage</code>"} {
		if !strings.Contains(a.Raw, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}
