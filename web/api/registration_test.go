package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// registering is a house with an administrator where clients may register so.
func registering(t *testing.T, mode oidc.RegistrationMode, options ...webtest.Option) (h *webtest.House, admin string) {
	t.Helper()
	h = webtest.Boot(t, append(options, func(c *web.Config, _ *postgres.Options) { c.Registration = mode })...)
	h.Client("desk", func(c *storage.Client) {
		c.Scopes = []authz.Pattern{"openid", "user", "agents:*", "admin", "users:manage"}
	})
	h.User("root", authz.RoleOwner)
	return h, token(h, "root", "openid admin agents:read")
}

// initialToken is one that the administrator has made.
func initialToken(h *webtest.House, admin, policy string) (text, id string) {
	h.T.Helper()
	a := call(h, admin, "POST", "/registration-tokens", policy)
	want(h.T.(*testing.T), "make a registration token", a, http.StatusCreated)
	return a.Text("token"), a.Text("id")
}

// manage asks the client configuration endpoint.
func manage(h *webtest.House, method, client, access, body string) webtest.Answer {
	h.T.Helper()
	r, err := http.NewRequestWithContext(h.T.Context(), method, h.Socket()+"/oauth2/register/"+client, strings.NewReader(body))
	if err != nil {
		h.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if access != "" {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	return h.Send(r)
}

const webMetadata = `"client_name":"Shop","redirect_uris":["https://shop.apps.example/cb"],"token_endpoint_auth_method":"client_secret_basic","grant_types":["authorization_code","refresh_token"],"scope":"openid agents:read"`

// TestF9_RegistrationIsOffByDefault: without a word of the operator neither a stranger
// nor the holder of a token registers anything, and nothing is announced.
func TestF9_RegistrationIsOffByDefault(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, "")
	text, _ := initialToken(h, admin, `{"name":"farm"}`)
	for name, held := range map[string]string{"nobody": "", "a token": text} {
		if a := register(h, held, `{`+webMetadata+`}`); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	if announced := strings.Contains(string(h.Browser().Get("/.well-known/openid-configuration").Body), "registration_endpoint"); announced {
		t.Error("the endpoint is announced")
	}
}

// TestF9_OpenRegistrationIsLimitedAndUnverified: where anybody may register, an address
// may a few times in an hour, and people are asked about such a client each time.
func TestF9_OpenRegistrationIsLimitedAndUnverified(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationOpen)
	h.User("ann")
	made := register(h, "", `{"client_name":"Agent","redirect_uris":["`+webtest.RedirectURI+`"],"token_endpoint_auth_method":"none","application_type":"native"}`)
	if made.Status != http.StatusCreated || made.Text("registration_access_token") == "" {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	shown := call(h, admin, "GET", "/clients/"+made.Text("client_id"), "")
	if shown.JSON["self_registered"] != true || shown.Text("origin") != "open" || shown.JSON["tenant_id"] != nil {
		t.Errorf("%s", shown.Raw)
	}
	if found := items(t, call(h, admin, "GET", "/clients?origin=open", "")); len(found) != 1 {
		t.Errorf("the operator finds %v", found)
	}
	b := h.Browser()
	proof := webtest.NewProof()
	for range 2 { // asked the second time as well
		if got := b.Authorize(proof, made.Text("client_id"), "ann", url.Values{"scope": {"openid"}}); got.Get("code") == "" {
			t.Fatalf("sign-in: %v", got)
		}
		p := b.Get(proof.Authorization(made.Text("client_id"), url.Values{"scope": {"openid"}}))
		if p.Left != nil {
			t.Error("nobody was asked about an unverified client")
		}
	}
	for name, wrong := range map[string]string{"a wildcard": "*", "administration": "openid admin"} {
		if a := register(h, "", `{"redirect_uris":["`+webtest.RedirectURI+`"],"scope":"`+wrong+`"}`); a.Text("error") != "invalid_client_metadata" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	var last webtest.Answer
	for range 20 {
		last = register(h, "", `{`+webMetadata+`}`)
	}
	if last.Status != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
		t.Errorf("the twenty-first: %d %s", last.Status, last.Raw)
	}
}

// TestF9_InitialTokenIsSpentOnce: of many at once as many register as the token lets in,
// within what it says and no longer.
func TestF9_InitialTokenIsSpentOnce(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationToken)
	text, id := initialToken(h, admin, `{"name":"farm","uses":3,"scopes":["openid","agents:read"]}`)
	var made atomic.Int32
	var parallel sync.WaitGroup
	for range 12 {
		parallel.Go(func() {
			switch a := register(h, text, `{`+webMetadata+`}`); a.Status {
			case http.StatusCreated:
				made.Add(1)
			case http.StatusUnauthorized:
			default:
				t.Errorf("%d %s", a.Status, a.Raw)
			}
		})
	}
	parallel.Wait()
	if made.Load() != 3 {
		t.Errorf("%d clients came in, want 3", made.Load())
	}
	found := items(t, call(h, admin, "GET", "/clients?origin=token", ""))
	if len(found) != 3 || found[0]["registration_token_id"] != id || found[0]["self_registered"] == true {
		t.Errorf("%v", found)
	}
	if listed := items(t, call(h, admin, "GET", "/registration-tokens", "")); len(listed) != 1 || listed[0]["uses_left"] != 0.0 {
		t.Errorf("%v", listed)
	}
	if h.World.Text(`select * from platform.registration_tokens`) == "" || strings.Contains(h.World.Text(`select * from platform.registration_tokens`), text) {
		t.Error("the token stands in the database")
	}

	revoked, id := initialToken(h, admin, `{"name":"farm"}`)
	want(t, "revoke", call(h, admin, "POST", "/registration-tokens/"+id+"/revoke", ""), http.StatusOK)
	expired, _ := initialToken(h, admin, `{"name":"farm","lifetime_seconds":60}`)
	h.Advance(2 * time.Minute)
	for name, held := range map[string]string{"revoked": revoked, "expired": expired, "made up": "gth_ia_x"} {
		if a := register(h, held, `{`+webMetadata+`}`); a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
}

// TestF10_PolicyBoundsRegistration: nothing that a client says of itself, when it comes
// or later, gets it past the policy of its token.
func TestF10_PolicyBoundsRegistration(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationToken)
	text, _ := initialToken(h, admin, `{"name":"farm","uses":9,"scopes":["openid","agents:read"],"redirect_hosts":["apps.example"]}`)
	over := map[string]struct{ metadata, code string }{
		"a scope":               {`"redirect_uris":["https://shop.apps.example/cb"],"scope":"openid tools:execute"`, "invalid_client_metadata"},
		"a wildcard":            {`"redirect_uris":["https://shop.apps.example/cb"],"scope":"agents:*"`, "invalid_client_metadata"},
		"a grant type":          {`"redirect_uris":["https://shop.apps.example/cb"],"grant_types":["authorization_code","client_credentials"]`, "invalid_client_metadata"},
		"a service":             {`"grant_types":["client_credentials"]`, "invalid_client_metadata"},
		"token exchange":        {`"redirect_uris":["https://shop.apps.example/cb"],"exchanges_tokens_of":["desk"],"grant_types":["authorization_code","urn:ietf:params:oauth:grant-type:token-exchange"]`, "invalid_client_metadata"},
		"assertions":            {`"redirect_uris":["https://shop.apps.example/cb"],"takes_assertions_of":["https://idp.example"],"grant_types":["authorization_code","urn:ietf:params:oauth:grant-type:jwt-bearer"]`, "invalid_client_metadata"},
		"a host":                {`"redirect_uris":["https://apps.example.evil.example/cb"]`, "invalid_redirect_uri"},
		"a host that ends so":   {`"redirect_uris":["https://evilapps.example/cb"]`, "invalid_redirect_uri"},
		"a host after sign-out": {`"redirect_uris":["https://shop.apps.example/cb"],"post_logout_redirect_uris":["https://evil.example/"]`, "invalid_redirect_uri"},
		"a frame elsewhere":     {`"redirect_uris":["https://shop.apps.example/cb"],"frontchannel_logout_uri":"https://evil.example/"`, "invalid_client_metadata"},
	}
	for name, c := range over {
		if a := register(h, text, `{`+c.metadata+`}`); a.Status != http.StatusBadRequest || a.Text("error") != c.code {
			t.Errorf("register with %s: %d %s", name, a.Status, a.Raw)
		}
	}
	a := register(h, text, `{"redirect_uris":["https://shop.apps.example/cb"],"first_party":true,"skip_consent":true,"introspect":true,"open_to":"everyone","origin":"operator","tenant_id":"x","client_id":"chosen","backchannel_token_delivery_mode":"poll","exchanges_tokens_of":["desk"],"takes_assertions_of":["https://idp.example"]}`)
	if a.Status != http.StatusCreated || a.Text("scope") != "openid agents:read" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	client, access := a.Text("client_id"), a.Text("registration_access_token")
	unprivileged := func(when string) {
		t.Helper()
		got := h.World.Text(`select first_party or skip_consent or introspect or self_registered, open_to, origin, tenant_id is not null, grant_types, metadata ?| array['exchanges_tokens_of', 'takes_assertions_of'] from platform.clients where id = '` + client + `'`)
		if strings.TrimSpace(got) != `(f,nobody,token,t,"{authorization_code,refresh_token}",f)` {
			t.Errorf("%s: %s", when, got)
		}
	}
	unprivileged("after registration")
	whole := func(more string) string { return `{"client_id":"` + client + `",` + more + `}` }
	for name, c := range over {
		if a := manage(h, "PUT", client, access, whole(c.metadata)); a.Status != http.StatusBadRequest {
			t.Errorf("update with %s: %d %s", name, a.Status, a.Raw)
		}
	}
	if a := manage(h, "PUT", client, access, whole(`"redirect_uris":["https://new.apps.example/cb"],"first_party":true,"skip_consent":true,"introspect":true,"open_to":"everyone"`)); a.Status != http.StatusOK {
		t.Errorf("update: %d %s", a.Status, a.Raw)
	}
	unprivileged("after an update")
	want(t, "the operator takes a scope", call(h, admin, "PATCH", "/clients/"+client, `{"scopes":["openid"]}`), http.StatusOK)
	if a := manage(h, "PUT", client, access, whole(`"redirect_uris":["https://new.apps.example/cb"],"scope":"openid agents:read"`)); a.Status != http.StatusBadRequest {
		t.Errorf("the client took back what the operator took: %d %s", a.Status, a.Raw)
	}
}

// TestF11_RegistrationAccessTokenOfAnother: a token speaks for its own client, while
// that works.
func TestF11_RegistrationAccessTokenOfAnother(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationToken)
	text, _ := initialToken(h, admin, `{"name":"farm","uses":3,"scopes":["openid","agents:read"]}`)
	one, two := register(h, text, `{`+webMetadata+`}`), register(h, text, `{`+webMetadata+`}`)
	mine, access := one.Text("client_id"), one.Text("registration_access_token")
	replacement := func(id string) string { return `{"client_id":"` + id + `",` + webMetadata + `}` }
	refused := func(when, id, held string) {
		t.Helper()
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := manage(h, method, id, held, replacement(id)); a.Status != http.StatusUnauthorized || a.Text("error") != "invalid_token" {
				t.Errorf("%s, %s: %d %s", when, method, a.Status, a.Raw)
			}
		}
	}
	refused("another's", two.Text("client_id"), access)
	refused("no token", mine, "")
	refused("the initial token", mine, text)
	refused("an administrator's", mine, admin)
	refused("a client that has none", "desk", "")
	refused("a client that is not there", "nobody-here", access)
	if a := manage(h, "GET", mine, access, ""); a.Status != http.StatusOK || a.Text("client_id") != mine || a.Text("registration_access_token") != access || a.Text("client_secret") != "" {
		t.Errorf("its own: %d %s", a.Status, a.Raw)
	}
	want(t, "disable", call(h, admin, "POST", "/clients/"+mine+"/disable", ""), http.StatusOK)
	refused("disabled", mine, access)
	want(t, "enable", call(h, admin, "POST", "/clients/"+mine+"/enable", ""), http.StatusOK)
	if a := manage(h, "DELETE", mine, access, ""); a.Status != http.StatusNoContent || a.Raw != "" {
		t.Errorf("delete: %d %s", a.Status, a.Raw)
	}
	refused("deleted", mine, access)
}

// TestRegistrationManagement is RFC 7592 §2: reading, replacing by the whole, deleting.
func TestRegistrationManagement(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationToken)
	text, _ := initialToken(h, admin, `{"name":"farm","scopes":["openid","agents:read"],"client_seconds":3600,"open_to":"tenant"}`)
	made := register(h, text, `{`+webMetadata+`,"logo_uri":"https://shop.apps.example/logo.png","software_id":"shop"}`)
	if made.Status != http.StatusCreated || made.Text("registration_client_uri") != h.URL+"/oauth2/register/"+made.Text("client_id") || made.JSON["client_secret_expires_at"] == 0.0 || made.Text("software_id") != "shop" {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	client, secret, access := made.Text("client_id"), made.Text("client_secret"), made.Text("registration_access_token")
	for name, body := range map[string]string{
		"no client_id":        `{` + webMetadata + `}`,
		"another client_id":   `{"client_id":"desk",` + webMetadata + `}`,
		"another secret":      `{"client_id":"` + client + `","client_secret":"gth_cs_x",` + webMetadata + `}`,
		"the access token":    `{"client_id":"` + client + `","registration_access_token":"` + access + `",` + webMetadata + `}`,
		"the issue time":      `{"client_id":"` + client + `","client_id_issued_at":1,` + webMetadata + `}`,
		"another auth method": `{"client_id":"` + client + `","redirect_uris":["https://shop.apps.example/cb"],"token_endpoint_auth_method":"none"}`,
		"another kind":        `{"client_id":"` + client + `","grant_types":["client_credentials"]}`,
		"no JSON":             `client_name=x`,
	} {
		if a := manage(h, "PUT", client, access, body); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_client_metadata" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	a := manage(h, "PUT", client, access, `{"client_id":"`+client+`","client_secret":"`+secret+`","client_name":"Other","redirect_uris":["https://shop.apps.example/new"],"scope":"openid"}`)
	if a.Status != http.StatusOK || a.Text("client_name") != "Other" || a.Text("logo_uri") != "" || a.Text("scope") != "openid" || a.Text("software_id") != "" {
		t.Errorf("what was left out stayed: %d %s", a.Status, a.Raw)
	}
	read := manage(h, "GET", client, access, "")
	if raw, _ := json.Marshal(read.JSON["redirect_uris"]); string(raw) != `["https://shop.apps.example/new"]` || read.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", read.Status, read.Raw)
	}
	h.Advance(2 * time.Hour)
	if a := manage(h, "GET", client, access, ""); a.Status != http.StatusUnauthorized {
		t.Errorf("its time is over: %d %s", a.Status, a.Raw)
	}
	if a := h.Call("/oauth2/token", client, secret, url.Values{"grant_type": {"authorization_code"}, "code": {"x"}}); a.Text("error") != "invalid_client" {
		t.Errorf("its time is over: %d %s", a.Status, a.Raw)
	}
}

// TestRegistration_LegacyResponseTypes: a client may register for them where the operator
// has allowed them, and says implicit beside them as OpenID Connect has it.
func TestRegistration_LegacyResponseTypes(t *testing.T) {
	t.Parallel()
	const old = `{"redirect_uris":["https://app.example/cb"],"response_types":["code id_token","id_token"],"grant_types":["authorization_code","implicit"]}`
	h, admin := registering(t, "")
	if a := register(h, admin, old); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_client_metadata" {
		t.Errorf("where they are off: %d %s", a.Status, a.Raw)
	}
	h = webtest.Boot(t, func(c *web.Config, _ *postgres.Options) {
		c.Registration, c.LegacyResponseTypes = oidc.RegistrationOpen, true
	})
	a := register(h, "", old)
	if a.Status != http.StatusCreated || !strings.Contains(a.Raw, `"response_types":["code id_token","id_token"]`) || strings.Contains(a.Raw, "implicit") {
		t.Errorf("where they are on: %d %s", a.Status, a.Raw)
	}
	for name, metadata := range map[string]string{
		"an access token": `{"redirect_uris":["https://app.example/cb"],"response_types":["id_token token"]}`,
		"plain http":      `{"redirect_uris":["http://localhost/cb"],"response_types":["id_token"]}`,
	} {
		if a := register(h, "", metadata); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_client_metadata" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
}

// TestF9_UnusedClientsEnd: what registered openly and is used by nobody ends by itself,
// and is removed; whatever somebody has used, or somebody vouched for, stays.
func TestF9_UnusedClientsEnd(t *testing.T) {
	t.Parallel()
	h, admin := registering(t, oidc.RegistrationOpen, func(c *web.Config, _ *postgres.Options) { c.UnusedClients = 30 * 24 * time.Hour })
	h.User("ann")
	open := func(more string) (client, secret string) {
		t.Helper()
		a := register(h, "", `{"redirect_uris":["`+webtest.RedirectURI+`"],"token_endpoint_auth_method":"client_secret_post"`+more+`}`)
		if a.Status != http.StatusCreated || a.JSON["client_secret_expires_at"] != 0.0 {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
		return a.Text("client_id"), a.Text("client_secret")
	}
	unused, unusedSecret := open("")
	used, usedSecret := open("")
	text, _ := initialToken(h, admin, `{"name":"farm","scopes":["openid","agents:read"]}`)
	vouched := register(h, text, `{`+webMetadata+`}`).Text("client_id")
	if left := h.Browser().Authorize(webtest.NewProof(), used, "ann", url.Values{"scope": {"openid"}}); left.Get("code") == "" {
		t.Fatalf("sign-in: %v", left)
	}
	works := func(client, secret string) bool {
		t.Helper()
		a := h.Call("/oauth2/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {client}, "client_secret": {secret}})
		return a.Text("error") == "invalid_grant"
	}
	if !works(unused, unusedSecret) || !works(used, usedSecret) {
		t.Error("a client does not work from the beginning")
	}
	registrar := directory.NewRegistrar(directory.New(h.Store, nil, h.Now))
	if n, err := registrar.RemoveUnused(t.Context()); err != nil || n != 0 {
		t.Errorf("in its time: %d, %v", n, err)
	}
	h.Advance(31 * 24 * time.Hour)
	if works(unused, unusedSecret) || !works(used, usedSecret) {
		t.Error("after thirty days the unused one works, or the used one does not")
	}
	if n, err := registrar.RemoveUnused(t.Context()); err != nil || n != 1 {
		t.Errorf("afterwards: %d, %v", n, err)
	}
	if left := h.World.Text(`select id from platform.clients where id in ($1, $2, $3) order by created_at`, unused, used, vouched); strings.Contains(left, unused) || !strings.Contains(left, used) || !strings.Contains(left, vouched) {
		t.Errorf("left: %s", left)
	}
	if told := h.World.Text(`select actor, action from platform.audit_events where object_id = $1 and action = 'client.delete'`, unused); told != "(registration:open,client.delete)" {
		t.Errorf("the audit log says %q", told)
	}
}
