package api_test

import (
	"image"
	"image/png"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// attempt is how an operation is tried: with parameters that name what belongs to
// another tenant or another user, so that nothing but the rights stands in the way.
type attempt struct {
	query, body string
	// own: everybody may, about themselves; nothing of another's comes back.
	own bool
}

// attempts has every operation. "B…" stands for what is there in the other tenant.
var attempts = map[string]attempt{
	"getMe":           {own: true},
	"updateMe":        {own: true, body: `{"display_name":"Me"}`},
	"selectTenant":    {own: true, body: `{"tenant":"beta"}`}, // where they do not belong
	"getMySession":    {own: true},
	"listMySessions":  {own: true},
	"setMyAvatar":     {own: true}, // of nothing: that is no picture,
	"removeMyAvatar":  {own: true},
	"removeAvatar":    {},
	"revokeMySession": {own: true}, // of another's session: there is none

	"listUsers":         {query: "tenant=beta&search=bob"},
	"countUsers":        {query: "tenant=beta"},
	"exportUsers":       {query: "tenant=beta"},
	"createUser":        {body: `{"username":"spy","email":"spy@example.com","tenant":"beta"}`},
	"getUser":           {},
	"updateUser":        {body: `{"role":"viewer","display_name":"Mine"}`},
	"deleteUser":        {},
	"disableUser":       {},
	"enableUser":        {},
	"revokeAllSessions": {},
	"getUserStats":      {},
	"mergeUsers":        {body: `{"target":"olga"}`},
	"changeUsers":       {body: `{"action":"disable","lines":[{"line":1,"user":"bob"}]}`},

	"inviteUser":      {body: `{"email":"spy@example.com","tenant":"beta"}`},
	"createSetUpLink": {},
	"createResetLink": {},

	"listSessions":  {query: "user=bob"},
	"getSession":    {},
	"revokeSession": {},

	"listTenants":  {},
	"createTenant": {body: `{"name":"Gamma"}`},

	"acceptAuthenticators": {body: `{"aaguids":["2fc0579f-8113-47ea-b116-bb5a8db9202a"]}`},
	"removeAuthenticators": {},
	"getTenant":            {},
	"suspendTenant":        {},
	"setTenantLogo":        {body: onePixel()},
	"removeTenantLogo":     {},
	"updateTenant":         {body: `{"name":"Mine","max_users":0}`},
	"deleteTenant":         {query: "confirm=beta"},
	"resumeTenant":         {},

	"listClients":        {},
	"createClient":       {body: `{"name":"Spy","kind":"service","tenant":"beta"}`},
	"getClient":          {},
	"updateClient":       {body: `{"name":"Mine"}`},
	"rotateClientSecret": {body: `{}`},
	"deleteClient":       {},
	"disableClient":      {},
	"enableClient":       {},

	"listRegistrationTokens":  {},
	"createRegistrationToken": {body: `{"name":"Spy","tenant":"beta"}`},
	"revokeRegistrationToken": {},

	"listTrustedIssuers":  {query: "tenant=beta"},
	"addTrustedIssuer":    {body: `{"issuer":"https://spy.example","scopes":["agents:read"],"jwks_uri":"https://spy.example/jwks","tenant":"beta"}`},
	"getTrustedIssuer":    {},
	"removeTrustedIssuer": {},

	"listRoles":     {},
	"getRole":       {},
	"setRoleScopes": {body: `{"scopes":["user","admin"]}`},

	"listScopes":      {},
	"getScope":        {},
	"deleteScope":     {},
	"putScope":        {body: `{"title":"Mine"}`},
	"explainScopes":   {query: "client=bdesk&user=bob&tenant=beta"},
	"grantUserScope":  {body: `{"scope":"agents:read","tenant":"beta"}`},
	"revokeUserScope": {query: "tenant=beta"},

	"listResources":  {},
	"createResource": {body: `{"identifier":"https://spy.example","scopes":["agents:read"]}`},
	"getResource":    {},
	"updateResource": {body: `{"name":"Mine"}`},
	"deleteResource": {},

	"listGroups":     {query: "tenant=beta"},
	"createGroup":    {body: `{"name":"spies","tenant":"beta","scopes":["agents:read"]}`},
	"getGroup":       {query: "tenant=beta"},
	"renameGroup":    {query: "tenant=beta", body: `{"name":"mine"}`},
	"deleteGroup":    {query: "tenant=beta"},
	"listMembers":    {query: "tenant=beta"},
	"setGroupScopes": {query: "tenant=beta", body: `{"scopes":["agents:read"]}`},
	"addMember":      {query: "tenant=beta", body: `{"user":"bob"}`},
	"removeMember":   {query: "tenant=beta"},

	"listProjects":  {query: "tenant=beta"},
	"getProject":    {query: "tenant=beta"},
	"renameProject": {query: "tenant=beta", body: `{"name":"mine"}`},
	"deleteProject": {query: "tenant=beta"},
	"createProject": {body: `{"name":"spying","tenant":"beta"}`},

	"listBans":  {},
	"addBan":    {body: `{"network":"192.0.2.0/24"}`},
	"removeBan": {},

	"listAudit":   {query: "actor=bob"},
	"followAudit": {query: "wait=0"},
	"verifyAudit": {},

	"listKeys":   {},
	"rotateKeys": {body: `{"now":true}`},
	"revokeKey":  {},

	"listWebhooks":        {query: "tenant=beta"},
	"createWebhook":       {body: `{"url":"https://spy.example/in","events":["user.*"],"tenant":"beta"}`},
	"getWebhook":          {},
	"updateWebhook":       {body: `{"url":"https://spy.example/in"}`},
	"rotateWebhookSecret": {body: `{}`},
	"testWebhook":         {},
	"listDeliveries":      {},
	"redeliver":           {},
	"deleteWebhook":       {},
}

// everything is every row that an operation could change, as text.
func everything(h *webtest.House) string {
	var all strings.Builder
	for _, table := range []string{
		"tenants", "users", "user_groups", "user_group_memberships", "user_scopes", "roles", "scopes", "resources", "clients",
		"registration_tokens", "trusted_issuers", "ip_bans", "signing_keys", "audit_events", "webhooks", "webhook_deliveries", "user_sessions where user_id in (select id from platform.users where username = 'bob')",
	} {
		all.WriteString(h.World.Text(`select * from platform.`+table) + "\n")
	}
	return all.String()
}

// foreign is tenant beta with what belongs to it, and how paths name that.
func foreign(h *webtest.House) *strings.Replacer {
	beta := h.World.Tenant("beta")
	bob := h.World.User("bob", authz.RoleUser, "!", beta)
	tools := h.World.Group(beta, "btools", "agents:read")
	h.World.Join(bob, beta, tools)
	h.World.Exec(`insert into public.projects (id, tenant_id, name, created_at) values (gen_random_uuid(), $1, 'bproject', now())`, beta)
	h.Machine("bdesk", func(c *storage.Client) { c.Tenant = beta })
	h.World.Exec(`insert into platform.user_scopes (user_id, tenant_id, scope, created_at) values ($1, $2, 'agents:read', now())`, bob, beta)
	h.World.Exec(`insert into platform.ip_bans (network, reason, created_at) values ('198.51.100.0/24', 'bnoise', now())`)
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, name, scopes, created_at) values ('https://bapi.example', $1, 'bapi', '{agents:read}', now())`, beta)
	hook, event := authz.NewID[authz.WebhookID](h.Now()), authz.NewID[authz.AuditID](h.Now())
	h.World.Exec(`insert into platform.webhooks (id, tenant_id, name, protocol, url, events, secret_sealed, created_at)
		values ($1, $2, 'bhook', 'webhook', 'https://bhook.example', '{keys.rotate}', '\x00', now())`, hook, beta)
	h.World.Exec(`insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
		values ($1, $2, $3, 'webhook.test', now(), '{}', now())`, hook, event, beta)
	var session authz.SessionID
	id, sid := authz.NewID[authz.SessionID](h.Now()), authz.NewID[authz.SessionID](h.Now())
	h.World.Exec(`insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at, expires_at, idle_lifetime, user_agent, auth_time, acr, amr)
		values ($1, $2, $3, $4, decode(repeat('00', 32), 'hex'), now(), now(), now() + interval '1 hour', interval '30 minutes', 'bbrowser', now(), 'aal1', '{pwd}')`, id, sid, bob, beta)
	session = id
	var registration authz.RegistrationTokenID = authz.NewID[authz.RegistrationTokenID](h.Now())
	h.World.Exec(`insert into platform.registration_tokens (id, tenant_id, name, token_hash, policy, uses_left, created_at, expires_at)
		values ($1, $2, 'btoken', '\x00', '{}', 1, now(), now() + interval '1 hour')`, registration, beta)
	issuer := authz.NewID[authz.TrustedIssuerID](h.Now())
	h.World.Exec(`insert into platform.trusted_issuers (id, tenant_id, vouches_for, issuer, jwks_uri, subject, created_at)
		values ($1, $2, 'people', 'https://bidp.example', 'https://bidp.example/jwks', 'email', now())`, issuer, beta)
	var kid string
	h.World.Get(`select kid from platform.signing_keys limit 1`, nil, &kid)
	return strings.NewReplacer("{user}", bob.String(), "{session}", session.String(), "{tenant}", "beta", "{client}", "bdesk", "{role}", "user",
		"{scope}", "agents:read", "{group}", "btools", "{project}", "bproject", "{network}", "198.51.100.0%2F24", "{kid}", kid, "{token}", registration.String(), "{issuer}", issuer.String(), "{webhook}", hook.String(), "{event}", event.String(), "{resource}", "https:%2F%2Fbapi.example")
}

// secretsOfB are words that stand in what belongs to the other tenant alone.
var secretsOfB = []string{"bob", "beta", "btools", "bdesk", "bnoise", "bbrowser", "bapi", "bproject", "bhook", "btoken", "bidp"}

// Whoever belongs to one tenant tries every operation of the API on what belongs
// to another, and on another user's own: nothing is read, nothing is changed. An
// operation that is added tomorrow has to say above how it is tried.
func TestM1_M2_M10_EveryOperationOnAnothersObjects(t *testing.T) {
	t.Parallel()
	h := house(t)
	paths := foreign(h)
	h.User("vera", authz.RoleViewer)
	h.User("ulla", authz.RoleUser)
	boss := h.User("boss")
	h.World.Join(boss, h.Tenant, h.World.Group(h.Tenant, "bosses", "admin", "users:manage"))
	h.Machine("robot", func(c *storage.Client) { c.Scopes = []authz.Pattern{"admin", "users:manage", "user"} })
	const all = "openid user agents:read tools:execute admin users:manage"
	machine := h.Token("robot", url.Values{"grant_type": {"client_credentials"}})
	actors := map[string]string{
		"a viewer": token(h, "vera", all), "a user": token(h, "ulla", all),
		// What a group or a client of one tenant gives counts there alone (M4).
		"an administrator of one tenant": token(h, "boss", all), "a client of one tenant": machine.Text("access_token"),
	}
	document := call(h, "", "GET", "/openapi.json", "")
	known := 0
	for actor, held := range actors {
		for path, methods := range document.JSON["paths"].(map[string]any) {
			for method, operation := range methods.(map[string]any) {
				id := operation.(map[string]any)["operationId"].(string)
				try, ok := attempts[id]
				if !ok {
					t.Fatalf("%s (%s %s) does not say how it is tried: add it to the table of attempts", id, method, path)
				}
				known++
				before := everything(h)
				target := paths.Replace(path)
				if try.query != "" {
					target += "?" + try.query
				}
				a := call(h, held, strings.ToUpper(method), target, try.body)
				switch {
				case id == "setMyAvatar" && a.Status == http.StatusUnprocessableEntity:
				case try.own && (a.Status == http.StatusOK || a.Status == http.StatusNotFound || actor == "a client of one tenant" && a.Status == http.StatusForbidden):
				// The list is theirs to read, and has their own tenant alone.
				case id == "listTenants" && a.Status == http.StatusOK && strings.Contains(actor, "of one tenant"):
				case a.Status != http.StatusForbidden && a.Status != http.StatusNotFound:
					t.Errorf("%s by %s: %d %s", id, actor, a.Status, a.Raw)
				}
				for _, word := range secretsOfB {
					if strings.Contains(a.Raw, word) {
						t.Errorf("%s by %s shows %q: %s", id, actor, word, a.Raw)
					}
				}
				if id != "updateMe" && id != "removeMyAvatar" && everything(h) != before {
					t.Errorf("%s by %s changed something", id, actor)
				}
			}
		}
	}
	if want := len(attempts) * len(actors); known != want {
		t.Errorf("%d of %d attempts are of operations that are gone", want-known, want)
	}
}

// Whoever may do everything can do each of them, so that what was refused above was
// refused for its right alone.
func TestM1_TheAttemptsWouldSucceed(t *testing.T) {
	t.Parallel()
	h := house(t)
	paths := foreign(h)
	h.User("olga", authz.RoleOwner)
	held := token(h, "olga", "openid user agents:read admin billing users:manage")
	document := call(h, "", "GET", "/openapi.json", "")
	last := []string{"deleteWebhook", "deleteTenant", "deleteGroup", "deleteProject", "deleteUser", "deleteClient", "deleteResource", "revokeKey", "revokeSession", "revokeMySession", "removeTrustedIssuer", "removeMember", "revokeUserScope", "removeBan", "setRoleScopes", "revokeAllSessions"}
	for _, late := range []bool{false, true} {
		for path, methods := range document.JSON["paths"].(map[string]any) {
			for method, operation := range methods.(map[string]any) {
				id := operation.(map[string]any)["operationId"].(string)
				// These would take away what others need, or their own token.
				if id == "deleteTenant" || id == "renameGroup" || id == "renameProject" || id == "deleteGroup" || id == "deleteUser" || id == "mergeUsers" || id == "revokeKey" || id == "selectTenant" || id == "revokeMySession" || id == "rotateKeys" || id == "revokeAllSessions" || id == "setMyAvatar" || slices.Contains(last, id) != late {
					continue
				}
				try := attempts[id]
				target := paths.Replace(path)
				if try.query != "" {
					target += "?" + try.query
				}
				body := strings.ReplaceAll(try.body, `"user","admin"`, `"user","agents:read"`)
				if a := call(h, held, strings.ToUpper(method), target, body); a.Status >= 300 && a.Status != http.StatusConflict {
					t.Errorf("%s by an owner: %d %s", id, a.Status, a.Raw)
				}
			}
		}
	}
}

// onePixel is the smallest picture that there is.
func onePixel() string {
	var picture strings.Builder
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err) // cannot happen: nothing fails to take it
	}
	return picture.String()
}
