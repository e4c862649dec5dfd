package resource

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

func TestMetadataURL(t *testing.T) {
	for resource, want := range map[string]string{
		"https://api.example.com":          "https://api.example.com/.well-known/oauth-protected-resource",
		"https://api.example.com/":         "https://api.example.com/.well-known/oauth-protected-resource",
		"https://api.example.com/v1/tools": "https://api.example.com/.well-known/oauth-protected-resource/v1/tools",
		"https://api.example.com/v1?x=y":   "https://api.example.com/.well-known/oauth-protected-resource/v1?x=y",
		"http://localhost:8081":            "http://localhost:8081/.well-known/oauth-protected-resource",
	} {
		if got, err := (Metadata{Resource: resource}).URL(); err != nil || got != want {
			t.Errorf("%s: got %s, %v", resource, got, err)
		}
	}
	for _, resource := range []string{"", "api", "http://api.example.com", "https://api.example.com/#x", "urn:example:api"} {
		if got, err := (Metadata{Resource: resource}).URL(); err == nil {
			t.Errorf("%s: got %s", resource, got)
		}
	}
}

func TestMetadataDocument(t *testing.T) {
	m := Metadata{
		Resource: testAudience, AuthorizationServers: []string{"https://id.example.com"},
		Scopes: authz.ScopeSet{"user", "agents:read"},
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/oauth-protected-resource", nil))
	want := `{"resource":"https://api.example.com","authorization_servers":["https://id.example.com"],` +
		`"scopes_supported":["user","agents:read"],"bearer_methods_supported":["header"]}`
	if got := strings.TrimSpace(w.Body.String()); got != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %s, %v", got, w.Header())
	}
	m.DPoP = true
	w = httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/oauth-protected-resource", nil))
	if !strings.Contains(w.Body.String(), `"dpop_signing_alg_values_supported":["ES256",`) {
		t.Errorf("with DPoP: %s", w.Body)
	}
}
