package oidc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// manage asks the grant management endpoint, with an Authorization header when there is one.
func manage(h *webtest.House, method, grant, authorization string) webtest.Answer {
	h.T.Helper()
	r, err := http.NewRequestWithContext(h.T.Context(), method, h.URL+"/oauth2/grants/"+grant, nil)
	noError(h.T, err)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return h.Send(r)
}

func basicOf(client string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(client, webtest.ClientSecret)
	return r.Header.Get("Authorization")
}

// Grant Management for OAuth 2.0: a client that asks is told the id of its grant, sees
// what it is good for and ends it.
func TestGrantManagement(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if got := h.Tokens("web", "ann", nil).JSON["grant_id"]; got != nil {
		t.Errorf("grant_id %v without asking", got)
	}
	tokens := h.Tokens("web", "ann", url.Values{"grant_management_action": {"create"}, "scope": {"openid email offline_access"}})
	grant := tokens.Text("grant_id")
	if grant == "" || grant != claimsOf(t, tokens.Text("access_token"))["grant_id"] {
		t.Fatalf("grant_id %q", grant)
	}
	seen := manage(h, http.MethodGet, grant, basicOf("web"))
	scopes, _ := seen.JSON["scopes"].([]any)
	if seen.Status != http.StatusOK || seen.Header.Get("Cache-Control") != "no-store" || len(scopes) != 1 || scopes[0].(map[string]any)["scope"] != "openid email offline_access" {
		t.Errorf("query: %d %s", seen.Status, seen.Raw)
	}
	for name, c := range map[string]struct {
		grant, authorization string
		status               int
		code                 string
	}{
		"another client":    {grant, basicOf("other"), http.StatusNotFound, "invalid_grant_id"},
		"an unknown grant":  {"01a1fcf1-9c8a-706d-b68e-a0e140f40c17", basicOf("web"), http.StatusNotFound, "invalid_grant_id"},
		"no id":             {"x", basicOf("web"), http.StatusNotFound, "invalid_grant_id"},
		"a wrong secret":    {grant, "Basic d2ViOng=", http.StatusUnauthorized, "invalid_client"},
		"nobody":            {grant, "", http.StatusUnauthorized, "invalid_client"},
		"a user's token":    {grant, "Bearer " + tokens.Text("access_token"), http.StatusUnauthorized, "invalid_token"},
		"no token of ours":  {grant, "Bearer x", http.StatusUnauthorized, "invalid_token"},
		"an ID token":       {grant, "Bearer " + tokens.Text("id_token"), http.StatusUnauthorized, "invalid_token"},
		"an unknown scheme": {grant, "Digest x", http.StatusUnauthorized, "invalid_client"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			if a := manage(h, method, c.grant, c.authorization); a.Status != c.status || a.Text("error") != c.code {
				t.Errorf("%s, %s: %d %s", method, name, a.Status, a.Raw)
			}
		}
	}
	refreshed := mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	if refreshed.Text("grant_id") != grant {
		t.Errorf("after a refresh: grant_id %q", refreshed.Text("grant_id"))
	}
	if a := manage(h, http.MethodDelete, grant, basicOf("web")); a.Status != http.StatusNoContent || a.Raw != "" {
		t.Errorf("revoke: %d %s", a.Status, a.Raw)
	}
	if isActive(t, h, refreshed.Text("access_token")) || refresh(h, "web", refreshed.Text("refresh_token"), nil).Text("error") != "invalid_grant" {
		t.Error("tokens of a revoked grant live")
	}
	if a := manage(h, http.MethodGet, grant, basicOf("web")); a.Status != http.StatusNotFound {
		t.Errorf("after revoking: %d", a.Status)
	}
}

// With a token: one that the client got for itself, and with the scope of the deed.
func TestGrantManagementByToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.World.Exec(`insert into platform.scopes (name, title, description) values ('grant_management_query', 'Q', ''), ('grant_management_revoke', 'R', '')`)
	h.Client("keeper", func(c *storage.Client) {
		c.GrantTypes = []string{storage.GrantAuthorizationCode, storage.GrantClientCredentials}
		c.Scopes = []authz.Pattern{"openid", "grant_management_query", "grant_management_revoke"}
	})
	soon(t, "the scopes are known", func() bool {
		c, err := h.Store.Catalogue(t.Context())
		return err == nil && c.Scopes["grant_management_revoke"].Name != ""
	})
	grant := h.Tokens("keeper", "ann", url.Values{"grant_management_action": {"create"}, "scope": {"openid"}}).Text("grant_id")
	own := func(scope string) string {
		return "Bearer " + mustGrant(t, scope, h.Token("keeper", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})).Text("access_token")
	}
	query, revoke := own("grant_management_query"), own("grant_management_revoke")
	for name, got := range map[string]webtest.Answer{
		"query by the other": manage(h, http.MethodGet, grant, revoke), "revoke by the other": manage(h, http.MethodDelete, grant, query),
	} {
		if got.Status != http.StatusForbidden || got.Text("error") != "insufficient_scope" {
			t.Errorf("%s: %d %s", name, got.Status, got.Raw)
		}
	}
	if a := manage(h, http.MethodGet, grant, query); a.Status != http.StatusOK {
		t.Errorf("query: %d %s", a.Status, a.Raw)
	}
	if a := manage(h, http.MethodDelete, grant, revoke); a.Status != http.StatusNoContent {
		t.Errorf("revoke: %d %s", a.Status, a.Raw)
	}
}

func TestGrantManagementActions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	for name, change := range map[string]url.Values{
		"replace":        {"grant_management_action": {"replace"}, "grant_id": {"x"}},
		"merge":          {"grant_management_action": {"merge"}, "grant_id": {"x"}},
		"unheard of":     {"grant_management_action": {"x"}},
		"create with id": {"grant_management_action": {"create"}, "grant_id": {"x"}},
		"an id alone":    {"grant_id": {"x"}},
	} {
		if got := shows(b.Get(webtest.NewProof().Authorization("web", change))); got != "invalid_request" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
