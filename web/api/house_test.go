package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// house is a house with a client through which anybody gets every scope they hold.
func house(t *testing.T) *webtest.House {
	t.Helper()
	h := webtest.Boot(t)
	h.Client("desk", func(c *storage.Client) {
		c.Scopes = []authz.Pattern{"openid", "user", "agents:read", "tools:execute", "admin", "billing", "users:manage"}
	})
	return h
}

// token signs a user in and returns an access token with what is granted of scopes.
func token(h *webtest.House, username, scopes string) string {
	h.T.Helper()
	proof := webtest.NewProof()
	left := h.Browser().Authorize(proof, "desk", username, url.Values{"scope": {scopes}})
	tokens := h.Exchange("desk", left.Get("code"), proof)
	if tokens.Status != http.StatusOK {
		h.T.Fatalf("exchange: %d %s", tokens.Status, tokens.Raw)
	}
	return tokens.Text("access_token")
}

// call sends one request to the API; a body that is not "" goes as JSON.
func call(h *webtest.House, token, method, path, body string) webtest.Answer {
	h.T.Helper()
	r, err := http.NewRequestWithContext(h.T.Context(), method, h.Socket()+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		h.T.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return h.Send(r)
}

// want fails unless the answer has a status, and is a problem document when that
// is a refusal.
func want(t *testing.T, what string, a webtest.Answer, status int) {
	t.Helper()
	if a.Status != status {
		t.Errorf("%s: %d, want %d: %s", what, a.Status, status, a.Raw)
		return
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: Cache-Control %q", what, a.Header.Get("Cache-Control"))
	}
	if status < 400 {
		return
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%s: Content-Type %q", what, kind)
	}
	if a.JSON["status"] != float64(status) || a.JSON["title"] == "" {
		t.Errorf("%s: no problem document: %s", what, a.Raw)
	}
}

func items(t *testing.T, a webtest.Answer) []map[string]any {
	t.Helper()
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(a.Raw), &page); err != nil || page.Items == nil {
		t.Fatalf("no list: %d %s", a.Status, a.Raw)
	}
	return page.Items
}
