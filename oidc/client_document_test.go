package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// describes serves one metadata document, which change makes out of one in order.
func describes(t *testing.T, change func(id string, d map[string]any)) (id string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := map[string]any{"client_id": id, "client_name": "Notes <b>", "redirect_uris": []string{"http://127.0.0.1/callback"}, "token_endpoint_auth_method": "none"}
		change(id, d)
		if to, ok := d["redirect"].(string); ok && r.URL.Path == "/client.json" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(d)
	}))
	t.Cleanup(s.Close)
	id = s.URL + "/client.json"
	return id
}

func TestF12_ClientsThatDescribeThemselves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	id := describes(t, func(string, map[string]any) {})
	rows := func() (n int) {
		h.World.Get(`select count(*) from platform.clients where id = $1`, []any{id}, &n)
		return n
	}
	here := url.Values{"redirect_uri": {"http://127.0.0.1:51004/callback"}}
	b, proof := h.Browser(), webtest.NewProof()
	p := b.Get(proof.Authorization(id, here))
	if shows(p) != "sign-in" || rows() != 0 {
		t.Fatalf("%s, %d rows before anybody signed in", shows(p), rows())
	}
	p = b.SignIn(p, "ann")
	if body := string(p.Body); shows(p) != "consent" || !strings.Contains(body, "Notes &lt;b&gt;") || !strings.Contains(body, "Did you just start this yourself?") || !strings.Contains(body, "Any program on your device can use the name of") {
		t.Fatalf("consent: %s", body)
	}
	p = b.Press(p, "accept", nil)
	if shows(p) != "code" || rows() != 1 {
		t.Fatalf("%s, %d rows after consent", shows(p), rows())
	}
	a := mustGrant(t, "exchange", h.Call("/oauth2/token", "", "", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {id}, "code": {p.Left.Query().Get("code")},
		"redirect_uri": here["redirect_uri"], "code_verifier": {proof.Verifier},
	}))
	if !isActive(t, h, a.Text("access_token")) {
		t.Error("the token is not active")
	}
	if got := shows(b.Get(webtest.NewProof().Authorization(id, here))); got != "consent" {
		t.Errorf("the second time: %s", got)
	}
	h.World.Exec(`update platform.clients set disabled_at = now() where id = $1`, id)
	if got := shows(b.Get(webtest.NewProof().Authorization(id, here))); got == "consent" || got == "code" {
		t.Errorf("disabled: %s", got)
	}
	if isActive(t, h, a.Text("access_token")) {
		t.Error("the token outlives its client")
	}
}

// Only a document of a JSON type, with the status 200, describes anybody (draft §5).
func TestF12_AnswersThatDescribeNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	for _, test := range []struct {
		status int
		media  string
		good   bool
	}{
		{200, "application/json", true}, {200, "application/json; charset=utf-8", true}, {200, "application/cimd+json", true}, {200, "APPLICATION/JSON", true},
		{200, "text/html", false}, {200, "text/plain", false}, {200, "", false}, {200, "application/jsonp", false}, {200, "application/json+xml", false},
		{201, "application/json", false}, {203, "application/json", false}, {206, "application/json", false}, {304, "application/json", false}, {404, "application/json", false},
		{500, "application/json", false},
	} {
		var id string
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{test.media}
			w.WriteHeader(test.status)
			_ = json.NewEncoder(w).Encode(map[string]any{"client_id": id, "client_name": "Notes", "redirect_uris": []string{"http://127.0.0.1/callback"}})
		}))
		t.Cleanup(s.Close)
		id = s.URL + "/client.json"
		h.Advance(10 * time.Second) // documents of no use are fetched so often, and then no more
		if p := h.Browser().Get(webtest.NewProof().Authorization(id, onDevice)); (shows(p) == "sign-in") != test.good {
			t.Errorf("%d %q: %s", test.status, test.media, shows(p))
		}
	}
}

func TestF12_DocumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	for what, change := range map[string]func(string, map[string]any){
		"another id": func(id string, d map[string]any) { d["client_id"] = id + "/" },
		"no name":    func(_ string, d map[string]any) { delete(d, "client_name") },
		"redirect to a host": func(_ string, d map[string]any) {
			d["redirect_uris"] = []string{"http://127.0.0.1/callback", "https://evil.example/"}
		},
		"redirect to a script": func(_ string, d map[string]any) {
			d["redirect_uris"] = []string{"http://127.0.0.1/callback", "javascript:alert(1)"}
		},
		"a secret":              func(_ string, d map[string]any) { d["client_secret"] = "s" },
		"a method with secret":  func(_ string, d map[string]any) { d["token_endpoint_auth_method"] = "client_secret_post" },
		"keys that are missing": func(_ string, d map[string]any) { d["token_endpoint_auth_method"] = "private_key_jwt" },
		"too long":              func(_ string, d map[string]any) { d["x"] = strings.Repeat("x", 5<<10) },
		"elsewhere":             func(_ string, d map[string]any) { d["redirect"] = "/other.json" },
	} {
		p := h.Browser().Get(webtest.NewProof().Authorization(describes(t, change), url.Values{"redirect_uri": {"http://127.0.0.1:1/callback"}}))
		if p.StatusCode != http.StatusBadRequest && p.StatusCode != http.StatusUnauthorized || p.Left != nil {
			t.Errorf("%s: %s", what, shows(p))
		}
	}
}
