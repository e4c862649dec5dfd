package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const (
	agentsAPI = "https://agents.example"
	toolsAPI  = "https://tools.example/v1"
	shortAPI  = "https://short.example"
	foreign   = "https://foreign.example"
)

// withResources is a house with two resources of the tenant, one of the whole
// deployment whose tokens live a minute, and one of another tenant.
func withResources(t *testing.T) *webtest.House {
	h := newHouse(t)
	other := h.World.Tenant("beta")
	add := func(identifier string, tenant authz.TenantID, lifetime any, scopes ...string) {
		h.World.Exec(`insert into platform.resources (identifier, tenant_id, scopes, access_token_lifetime, created_at)
			values ($1, $2, $3, $4::interval, now())`, identifier, tenant, scopes, lifetime)
	}
	add(agentsAPI, h.Tenant, nil, "agents:read", "agents:write")
	add(toolsAPI, h.Tenant, nil, "tools:execute")
	add(shortAPI, authz.TenantID{}, "1 minute", "reports:read")
	add(foreign, other, nil, "foreign:read")
	return h
}

func audienceOf(t *testing.T, token string) []string {
	t.Helper()
	raw, _ := json.Marshal(claimsOf(t, token)["aud"])
	var audience []string
	if err := json.Unmarshal(raw, &audience); err != nil {
		t.Fatalf("aud is %s", raw)
	}
	return audience
}

func mustBeFor(t *testing.T, what string, a webtest.Answer, scope string, audience ...string) {
	t.Helper()
	mustGrant(t, what, a)
	if got := audienceOf(t, a.Text("access_token")); !slices.Equal(got, audience) || a.Text("scope") != scope {
		t.Errorf("%s: for %q with %q, want %q with %q", what, got, a.Text("scope"), audience, scope)
	}
}

// RFC 8707 §2: the token is for the resources that were named, and carries the
// scopes of no other.
func TestResourceIndicators(t *testing.T) {
	t.Parallel()
	h := withResources(t)
	const everything = "user agents:read tools:execute offline_access"
	for _, test := range []struct {
		name      string
		resources []string
		scope     string
		audience  []string
	}{
		{"none: it follows from the scopes", nil, everything, []string{agentsAPI, toolsAPI}},
		{"one", []string{agentsAPI}, "user agents:read offline_access", []string{agentsAPI}},
		{"both", []string{toolsAPI, agentsAPI}, everything, []string{agentsAPI, toolsAPI}},
		{"one twice", []string{toolsAPI, toolsAPI}, "user tools:execute offline_access", []string{toolsAPI}},
		{"ourselves", []string{h.URL}, "user offline_access", []string{h.URL}},
	} {
		a := h.Tokens("web", "ann", url.Values{"scope": {everything}, "resource": test.resources})
		mustBeFor(t, test.name, a, test.scope, test.audience...)
		mustBeFor(t, test.name+", refreshed", refresh(h, "web", a.Text("refresh_token"), nil), test.scope, test.audience...)
	}
	// With openid the UserInfo endpoint is meant too.
	a := h.Tokens("web", "ann", url.Values{"scope": {"openid agents:read"}, "resource": {agentsAPI}})
	mustBeFor(t, "openid", a, "openid agents:read", agentsAPI, h.URL)
	if answer := userInfo(t, h, a.Text("access_token")); answer.Status != http.StatusOK {
		t.Errorf("userinfo: %d %s", answer.Status, answer.Raw)
	}
}

// RFC 8707 §2.2: a token request may narrow further, each time anew, and never widen.
func TestResourceIndicators_OneTokenEach(t *testing.T) {
	t.Parallel()
	h := withResources(t)
	scope := url.Values{"scope": {"agents:read tools:execute offline_access"}, "resource": {agentsAPI, toolsAPI}}
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "web", "ann", scope).Get("code")
	first := h.Token("web", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier},
		"resource": {agentsAPI},
	})
	mustBeFor(t, "exchange", first, "agents:read offline_access", agentsAPI)
	second := refresh(h, "web", first.Text("refresh_token"), url.Values{"resource": {toolsAPI}})
	mustBeFor(t, "another", second, "tools:execute offline_access", toolsAPI)
	third := refresh(h, "web", second.Text("refresh_token"), nil)
	mustBeFor(t, "all again", third, "agents:read tools:execute offline_access", agentsAPI, toolsAPI)
	mustRefuse(t, "wider", refresh(h, "web", third.Text("refresh_token"), url.Values{"resource": {shortAPI}}), http.StatusBadRequest, "invalid_target")
	mustBeFor(t, "a refusal spends nothing", refresh(h, "web", third.Text("refresh_token"), nil), "agents:read tools:execute offline_access", agentsAPI, toolsAPI)

	// What was narrowed at authorization stays so.
	narrow := h.Tokens("web", "ann", url.Values{"scope": {"agents:read tools:execute offline_access"}, "resource": {agentsAPI}})
	mustRefuse(t, "not authorized", refresh(h, "web", narrow.Text("refresh_token"), url.Values{"resource": {toolsAPI}}), http.StatusBadRequest, "invalid_target")
}

func TestResourceIndicators_InvalidTarget(t *testing.T) {
	t.Parallel()
	h := withResources(t)
	h.Machine("wide", func(c *storage.Client) { c.Scopes = []authz.Pattern{"*"} })
	for name, resources := range map[string][]string{
		"unknown": {"https://nowhere.example"}, "of another tenant": {foreign}, "one of two": {agentsAPI, foreign}, "relative": {"/api"},
		"with a fragment": {agentsAPI + "#x"}, "another spelling": {agentsAPI + "/"}, "upper case": {"HTTPS://agents.example"},
		"too many": slices.Repeat([]string{agentsAPI}, 9),
	} {
		q := h.Browser().Get(webtest.NewProof().Authorization("web", url.Values{"resource": resources})).Left
		if q == nil || q.Query().Get("error") != "invalid_target" || q.Query().Get("iss") != h.URL || q.Query().Get("state") != "state-1" {
			t.Errorf("%s: authorization leads to %v", name, q)
		}
		mustRefuse(t, name, h.Token("wide", url.Values{"grant_type": {"client_credentials"}, "resource": resources}), http.StatusBadRequest, "invalid_target")
		mustRefuse(t, name, h.Call("/oauth2/par", "web", webtest.ClientSecret, url.Values{
			"response_type": {"code"}, "redirect_uri": {webtest.RedirectURI}, "code_challenge": {webtest.NewProof().Challenge}, "code_challenge_method": {"S256"}, "resource": resources,
		}), http.StatusBadRequest, "invalid_target")
	}
	a := h.Token("wide", url.Values{"grant_type": {"client_credentials"}, "scope": {"agents:read"}, "resource": {agentsAPI}})
	mustBeFor(t, "client credentials", a, "agents:read", agentsAPI)
	mustRefuse(t, "a scope of another", h.Token("wide", url.Values{"grant_type": {"client_credentials"}, "scope": {"agents:read"}, "resource": {toolsAPI}}),
		http.StatusBadRequest, "invalid_scope")
}

// A resource may want its tokens to live less long than the others'.
func TestResourceLifetime(t *testing.T) {
	t.Parallel()
	h := withResources(t)
	h.Machine("reporter", func(c *storage.Client) { c.Scopes = []authz.Pattern{"reports:read", "agents:read"} })
	ask := func(scope string) webtest.Answer {
		return mustGrant(t, scope, h.Token("reporter", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}))
	}
	for scope, want := range map[string]float64{"agents:read": 600, "reports:read": 60, "agents:read reports:read": 60} {
		a := ask(scope)
		c := claimsOf(t, a.Text("access_token"))
		if a.JSON["expires_in"] != want || c["exp"].(float64)-c["iat"].(float64) != want {
			t.Errorf("%s: expires_in %v, exp-iat %v, want %v", scope, a.JSON["expires_in"], c["exp"].(float64)-c["iat"].(float64), want)
		}
	}
	token := ask("reports:read").Text("access_token")
	if !isActive(t, h, token) {
		t.Error("a fresh token is inactive")
	}
	h.Advance(61 * time.Second)
	if isActive(t, h, token) {
		t.Error("it outlives what its resource allows")
	}
}
