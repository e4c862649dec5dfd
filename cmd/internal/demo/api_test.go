package demo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestAPIIsDescribed(t *testing.T) {
	stub, v := startWith(t)
	var document struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
	}
	if err := json.Unmarshal([]byte(v.get("/.well-known/oauth-protected-resource/api").body), &document); err != nil {
		t.Fatal(err)
	}
	if document.Resource != v.base+"/api" || !slices.Equal(document.Servers, []string{stub.URL}) {
		t.Errorf("described as %+v", document)
	}
	if want := []string{"admin", "agents:read", "billing", "tools:execute", "user"}; !slices.Equal(document.Scopes, want) {
		t.Errorf("scopes %q, want %q", document.Scopes, want)
	}
	if challenge := v.get("/api/me").header.Get("WWW-Authenticate"); !strings.Contains(challenge, v.base+"/.well-known/oauth-protected-resource/api") {
		t.Errorf("the challenge %q does not lead to the description", challenge)
	}
}

// TestAPINeedsItsScope: each operation opens to the scope that api.yaml names and
// to no other token.
func TestAPINeedsItsScope(t *testing.T) {
	stub, v := startWith(t)
	operations, err := parseOperations(apiDocument)
	if err != nil {
		t.Fatal(err)
	}
	for pattern, op := range operations {
		method, path, _ := strings.Cut(pattern, " ")
		need := op.Security[0]["oauth2"][0]
		for scope, want := range map[string]int{need: http.StatusOK, "openid " + need + ":more": http.StatusForbidden, "": http.StatusForbidden} {
			stub.scope = scope
			r, err := http.NewRequest(method, v.base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+stub.accessToken())
			if got := v.do(r, nil); got.status != want {
				t.Errorf("%s with scope %q: %d, want %d", pattern, scope, got.status, want)
			}
		}
	}
}

func TestAPIRefusesTokensForOthers(t *testing.T) {
	stub, v := startWith(t)
	stub.audience = "https://other.example/api"
	if got := ask(v, "/api/me", stub.accessToken()); got.status != http.StatusUnauthorized {
		t.Errorf("a token for another resource: %d", got.status)
	}
	if got := v.get("/api/me?access_token=" + stub.accessToken()); got.status != http.StatusUnauthorized {
		t.Errorf("a token in the query: %d", got.status)
	}
}

func TestUnknownKeysInTheDocument(t *testing.T) {
	if _, err := parseOperations([]byte("GET /api/me:\n  secruity: []\n")); err == nil {
		t.Error("a misspelt key was read over")
	}
}
