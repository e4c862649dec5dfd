package oidc_test

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessType    = "urn:ietf:params:oauth:token-type:access_token"
)

// withExchange is a house with an app, a service that takes the app's tokens, and
// one behind it that takes the service's.
func withExchange(t *testing.T) *webtest.House {
	h := withResources(t)
	for client, takes := range map[string]string{"gateway": "web", "backend": "gateway", "loner": "loner"} {
		h.Machine(client, func(c *storage.Client) {
			c.GrantTypes, c.OpenTo = []string{storage.GrantClientCredentials, storage.GrantTokenExchange}, storage.OpenToTenant
			c.Metadata.ExchangesTokensOf = []string{takes}
		})
	}
	return h
}

func exchange(h *webtest.House, client, token string, more url.Values) webtest.Answer {
	h.T.Helper()
	form := url.Values{"grant_type": {exchangeGrant}, "subject_token": {token}, "subject_token_type": {accessType}}
	maps.Copy(form, more)
	return h.Token(client, form)
}

// RFC 8693: the new token is the user's, in the client's hands, for less.
func TestTokenExchange(t *testing.T) {
	t.Parallel()
	h := withExchange(t)
	first := h.Tokens("web", "ann", url.Values{"scope": {"openid user agents:read tools:execute"}}).Text("access_token")
	of := claimsOf(t, first)
	a := mustGrant(t, "exchange", exchange(h, "gateway", first, nil))
	if a.Text("issued_token_type") != accessType || a.Text("token_type") != "Bearer" || a.Text("refresh_token") != "" || a.Text("id_token") != "" {
		t.Errorf("the answer is %s", a.Raw)
	}
	// What the service may not ask for is left out: user, openid.
	if a.Text("scope") != "agents:read tools:execute" {
		t.Errorf("scope is %q", a.Text("scope"))
	}
	c := claimsOf(t, a.Text("access_token"))
	for _, same := range []string{"sub", "grant_id", "sid", "tenant_id", "auth_time", "acr"} {
		if c[same] != of[same] {
			t.Errorf("%s is %v, was %v", same, c[same], of[same])
		}
	}
	if act, _ := c["act"].(map[string]any); c["client_id"] != "gateway" || act["sub"] != "gateway" || c["exp"].(float64) > of["exp"].(float64) || c["jti"] == of["jti"] {
		t.Errorf("the token says %v", c)
	}
	// For one resource, and handed on: each pair of hands is named, the last one first.
	b := exchange(h, "backend", a.Text("access_token"), url.Values{"scope": {"agents:read"}, "resource": {agentsAPI}})
	mustBeFor(t, "handed on", b, "agents:read", agentsAPI)
	act, _ := claimsOf(t, b.Text("access_token"))["act"].(map[string]any)
	before, _ := act["act"].(map[string]any)
	if act["sub"] != "backend" || before["sub"] != "gateway" || before["act"] != nil {
		t.Errorf("act is %v", act)
	}
	if i := h.Introspect("rs", b.Text("access_token")); i.JSON["act"] == nil || i.Text("sub") != of["sub"] {
		t.Errorf("introspection says %s", i.Raw)
	}
	// Ending the first ends what was made of it.
	h.World.Exec(`insert into platform.revoked_tokens (jti, user_id, reason, revoked_at, expires_at) values ($1, $2, 'test', now(), now() + interval '1 hour')`, of["grant_id"], of["sub"])
	soon(t, "the exchanged tokens end", func() bool {
		return !isActive(t, h, a.Text("access_token")) && !isActive(t, h, b.Text("access_token"))
	})
}

func TestTokenExchange_LivesNoLonger(t *testing.T) {
	t.Parallel()
	h := withExchange(t)
	first := h.Tokens("web", "ann", nil).Text("access_token")
	h.Advance(9 * time.Minute)
	a := mustGrant(t, "late", exchange(h, "gateway", first, nil))
	if left, _ := a.JSON["expires_in"].(float64); left > 60 || left <= 0 {
		t.Errorf("expires_in is %v with a minute left", left)
	}
}

func TestTokenExchange_ActorToken(t *testing.T) {
	t.Parallel()
	h := withExchange(t)
	first := h.Tokens("web", "ann", nil).Text("access_token")
	own := h.Token("gateway", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	others := h.Token("backend", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	a := mustGrant(t, "its own", exchange(h, "gateway", first, url.Values{"actor_token": {own}, "actor_token_type": {accessType}}))
	if act, _ := claimsOf(t, a.Text("access_token"))["act"].(map[string]any); act["sub"] != "gateway" {
		t.Errorf("act is %v", act)
	}
	for name, more := range map[string]url.Values{
		"of another client": {"actor_token": {others}, "actor_token_type": {accessType}}, "junk": {"actor_token": {"junk"}, "actor_token_type": {accessType}},
		"without its type": {"actor_token": {own}}, "a type alone": {"actor_token_type": {accessType}},
	} {
		mustRefuse(t, name, exchange(h, "gateway", first, more), http.StatusBadRequest, "invalid_request")
	}
}

// RFC 8693 §2.1: a service is named by its address or by a logical name, once or more
// often; a token for another one than was asked for is none that was asked for.
func TestTokenExchange_Audience(t *testing.T) {
	t.Parallel()
	h := withExchange(t)
	first := h.Tokens("web", "ann", url.Values{"scope": {"openid agents:read tools:execute"}}).Text("access_token")
	mustBeFor(t, "by name", exchange(h, "gateway", first, url.Values{"audience": {agentsAPI}}), "agents:read", agentsAPI)
	mustBeFor(t, "by name and by address", exchange(h, "gateway", first, url.Values{"audience": {agentsAPI}, "resource": {toolsAPI}}), "agents:read tools:execute", agentsAPI, toolsAPI)
	mustBeFor(t, "by two names", exchange(h, "gateway", first, url.Values{"audience": {agentsAPI, toolsAPI}}), "agents:read tools:execute", agentsAPI, toolsAPI)
	for name, more := range map[string]url.Values{
		"unknown": {"audience": {"payments"}}, "of another tenant": {"audience": {foreign}}, "one of two": {"audience": {agentsAPI, "payments"}},
	} {
		mustRefuse(t, name, exchange(h, "gateway", first, more), http.StatusBadRequest, "invalid_target")
	}
}

// G9: exchange is no way around what sign-in asks for.
func TestG9_TokenExchangeHoldsToPolicy(t *testing.T) {
	t.Parallel()
	h := withExchange(t)
	h.Machine("closed", func(c *storage.Client) {
		c.GrantTypes, c.OpenTo, c.Metadata.ExchangesTokensOf = []string{storage.GrantTokenExchange}, storage.OpenToNobody, []string{"web"}
	})
	beta := h.World.Tenant("gamma")
	h.Machine("foreign", func(c *storage.Client) {
		c.GrantTypes, c.OpenTo, c.Metadata.ExchangesTokensOf, c.Tenant = []string{storage.GrantTokenExchange}, storage.OpenToTenant, []string{"web"}, beta
	})
	h.Client("spa", func(c *storage.Client) {
		c.Kind, c.AuthMethod, c.GrantTypes = storage.ClientSPA, storage.AuthMethodNone, append(c.GrantTypes, storage.GrantAuthorizationCode, storage.GrantTokenExchange)
	})
	tokens := h.Tokens("web", "ann", url.Values{"scope": {"openid user agents:read offline_access"}})
	first := tokens.Text("access_token")
	machine := h.Token("gateway", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	for _, test := range []struct {
		name, client, token string
		more                url.Values
		code                string
	}{
		{"not a client whose tokens it may take", "loner", first, nil, "invalid_request"},
		{"of another tenant", "foreign", first, nil, "invalid_request"},
		{"not open to the user", "closed", first, nil, "access_denied"},
		{"not registered for it", "rs", first, nil, "unauthorized_client"},
		{"a client's own token", "gateway", machine, nil, "invalid_request"},
		{"an ID token", "gateway", tokens.Text("id_token"), nil, "invalid_request"},
		{"a refresh token", "gateway", tokens.Text("refresh_token"), nil, "invalid_request"},
		{"junk", "gateway", "junk", nil, "invalid_request"},
		{"nothing", "gateway", "", nil, "invalid_request"},
		{"another subject type", "gateway", first, url.Values{"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}}, "invalid_request"},
		{"no subject type", "gateway", first, url.Values{"subject_token_type": {""}}, "invalid_request"},
		{"another type wanted", "gateway", first, url.Values{"requested_token_type": {"urn:ietf:params:oauth:token-type:refresh_token"}}, "invalid_request"},
		{"C14: more than the token", "gateway", first, url.Values{"scope": {"agents:read tools:execute"}}, "invalid_scope"},
		{"more than the client", "gateway", first, url.Values{"scope": {"user"}}, "invalid_scope"},
		{"a resource out of reach", "gateway", first, url.Values{"resource": {foreign}}, "invalid_target"},
	} {
		mustRefuse(t, test.name, exchange(h, test.client, test.token, test.more), http.StatusBadRequest, test.code)
	}
	public := url.Values{"grant_type": {exchangeGrant}, "client_id": {"spa"}, "subject_token": {first}, "subject_token_type": {accessType}}
	mustRefuse(t, "a public client", h.Call("/oauth2/token", "", "", public), http.StatusBadRequest, "unauthorized_client")

	h.World.Exec(`update platform.users set disabled_at = now(), authz_changed_at = now() where username = 'ann'`)
	soon(t, "a disabled user's token is exchanged for nothing", func() bool { return exchange(h, "gateway", first, nil).Status == http.StatusBadRequest })
}

// An agent acts for a user with less than both: what the token, the user and the
// agent's owner all hold.
func TestTokenExchange_AgentActsForItsUser(t *testing.T) {
	t.Parallel()
	h := withExchange(t)
	owner := h.User("owner", authz.RoleViewer)
	h.Client("bot", func(c *storage.Client) {
		c.Kind, c.Owner, c.RedirectURIs, c.OpenTo = storage.ClientAgent, owner, nil, storage.OpenToTenant
		c.GrantTypes, c.Metadata.ExchangesTokensOf = []string{storage.GrantClientCredentials, storage.GrantTokenExchange}, []string{"web"}
		c.Scopes = []authz.Pattern{"agents:*", "tools:*"}
	})
	first := h.Tokens("web", "ann", url.Values{"scope": {"user agents:read tools:execute"}}).Text("access_token")
	a := mustGrant(t, "bot", exchange(h, "bot", first, nil))
	if a.Text("scope") != "agents:read" { // a viewer does not hold tools:execute
		t.Errorf("scope is %q", a.Text("scope"))
	}
	if c := claimsOf(t, a.Text("access_token")); c["act"].(map[string]any)["sub"] != "bot" {
		t.Errorf("the token says %v", c)
	}
	h.World.Exec(`update platform.users set disabled_at = now(), authz_changed_at = now() where username = 'owner'`)
	soon(t, "the agent falls with its owner", func() bool { return !isActive(t, h, a.Text("access_token")) })
}

func TestTokenExchange_HandsAreCounted(t *testing.T) {
	t.Parallel()
	h := withExchange(t)
	hands := []string{"web", "h1", "h2", "h3", "h4", "h5"}
	for n, client := range hands[1:] {
		h.Machine(client, func(c *storage.Client) {
			c.GrantTypes, c.OpenTo, c.Metadata.ExchangesTokensOf = []string{storage.GrantTokenExchange}, storage.OpenToTenant, []string{hands[n]}
		})
	}
	token := h.Tokens("web", "ann", nil).Text("access_token")
	for _, client := range hands[1:5] {
		token = mustGrant(t, client, exchange(h, client, token, nil)).Text("access_token")
	}
	mustRefuse(t, "one too many", exchange(h, "h5", token, nil), http.StatusBadRequest, "invalid_request")
}
