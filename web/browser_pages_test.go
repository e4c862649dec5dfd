package web_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/mail"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
	"github.com/gatehouse/gatehouse/web/webtest/chrome"
)

// Every page as the house itself sends it, on a narrow screen by day and a wide one by
// night. The pictures are for people to look at, in testdata/screenshots; what the test
// itself holds is in webtest/chrome, and every state and language of every page is walked
// by TestBrowser_EveryPage of templates.
func TestBrowser_Pages(t *testing.T) {
	chromium := chrome.Start(t)
	t.Run("sign-in", func(t *testing.T) { signInPages(t, chromium.Tab(t)) })
	t.Run("account", func(t *testing.T) { accountPages(t, chromium.Tab(t)) })
}

func signInPages(t *testing.T, b *chrome.Tab) {
	h := webtest.Boot(t)
	h.User("ann")
	h.User("olga", authz.RoleOwner)
	h.UserOf("two", h.Tenant, h.World.Tenant("globex"))
	h.World.Exec(`update platform.users set display_name = 'Ann Ångström-Featherstonehaugh' where username = 'ann'`)
	w := newWalk(t, h, b)
	h.Client("native", func(c *storage.Client) {
		c.Kind, c.AuthMethod, c.Name = storage.ClientNative, storage.AuthMethodNone, "Pocket Notes"
		c.RedirectURIs = []string{"notes.example:/cb"}
	})
	signIn := func(username string) {
		b.Fill("#username", username)
		b.Fill("#password", webtest.Password)
		b.Click("#sign-in")
	}
	at := func(page, waitFor string) {
		t.Helper()
		b.See(waitFor)
		b.Inspect(page)
	}
	b.Open(w.URL + "/")
	at("home", "h1")
	b.Open(w.URL + "/oauth2/authorize?client_id=nobody")
	at("unknown-client", "h1")
	b.Open(w.URL + "/nowhere")
	at("not-found", "h1")

	b.Open(w.request(nil))
	at("sign-in", "#sign-in")
	b.Fill("#username", "ann")
	b.Fill("#password", "not this one")
	b.Click("#sign-in")
	at("sign-in-refused", "#problem")
	signIn("ann")
	at("consent", "#accept")
	b.Click("summary")
	at("consent-dropped", "ul.dropped")
	b.Click("#accept")
	w.landed()
	b.Open(w.request(url.Values{"prompt": {"login"}}))
	at("sign-in-again", "#switch-account")
	brand(t, h, "#ffc400")
	b.Open(w.request(url.Values{"prompt": {"login"}}))
	at("sign-in-branded", ".logo")
	b.Open(w.request(url.Values{"prompt": {"consent"}}))
	at("consent-branded", ".logo")
	h.World.Exec(`update platform.tenants set accent = '', logo = ''`)
	b.Open(w.URL + w.proof.Authorization("native", url.Values{"redirect_uri": {"notes.example:/cb"}}))
	at("consent-impersonable", ".note.warn")
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, name, scopes, detail_types, created_at) values ('https://bank.example', $1, 'The bank', '{}', $2, now())`, h.Tenant,
		`[{"type": "payment", "title": "Make a payment", "fields": [{"name": "creditor", "kind": "string"}, {"name": "amount", "kind": "number"}]}]`)
	h.Client("payer", func(c *storage.Client) { c.Name, c.Metadata.DetailTypes = "Household Book", []string{"payment"} })
	b.Open(w.URL + w.proof.Authorization("payer", url.Values{"authorization_details": {`[{"type":"payment","creditor":"Bob","amount":12.5}]`}, "resource": {"https://bank.example"}}))
	at("consent-details", ".details")
	h.Client("desk", func(c *storage.Client) {
		c.Name, c.RedirectURIs, c.Metadata.BackChannelDelivery = "Northwind Desk", nil, "poll"
		c.GrantTypes = []string{"urn:openid:params:grant-type:ciba"}
	})
	h.Call("/oauth2/bc-authorize", "desk", webtest.ClientSecret, url.Values{"scope": {"openid profile agents:read"}, "login_hint": {"ann"}, "binding_message": {"W4SCT"}})
	b.Open(w.URL + "/account/requests")
	at("requests", `button[value="accept"]`)
	b.Open(w.URL + "/account")
	at("account", "#sign-out")
	b.Open(w.URL + "/console")
	at("forbidden", "h1")
	newTelevision(h)
	device := h.Call("/oauth2/device_authorization", "tv", "", url.Values{"scope": {"openid profile agents:read admin"}})
	b.Open(w.URL + "/device")
	at("device", "#user_code")
	b.Fill("#user_code", "BBBB-BBBB")
	b.Click("#continue")
	at("device-unknown-code", "#problem")
	b.Fill("#user_code", device.Text("user_code"))
	b.Click("#continue")
	at("device-question", "#accept")
	b.Click("#accept")
	at("device-connected", "main:not(:has(form)) h1")
	b.Open(w.URL + "/oauth2/logout?client_id=app")
	at("confirm-sign-out", "#confirm-sign-out")
	b.Click("#confirm-sign-out")
	at("signed-out", `a[href="/login"]`)

	b.Open(w.URL + "/login")
	b.See("#sign-in")
	brand(t, h, "#ffc400")
	signIn("two")
	at("choose-tenant", ".logo")
	b.Click("#switch-account")
	b.See("#sign-in")
	signIn("olga")
	b.See("#sign-out")
	b.Open(w.URL + "/console")
	at("console", "#sign-out")

	b.Scripts(false)
	b.Open(w.request(url.Values{"prompt": {"none"}, "response_mode": {"form_post"}}))
	b.See("#form-post button")
	b.Scripts(true) // those of the test
	b.Inspect("form-post")
}

const letter = "From: no-reply@house.example\r\nTo: ann@example.com\r\nSubject: Sign in to Gatehouse\r\n" +
	"Date: Mon, 02 Mar 2026 15:04:05 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
	"Hello Ann,\r\n\r\nthis link signs you in, once, within the next 15 minutes:\r\n\r\n" +
	"https://house.example/link?token=gth_ol_0123456789abcdef0123456789abcdef0123456789abcdef\r\n"

func accountPages(t *testing.T, b *chrome.Tab) {
	box := &mail.Folder{Dir: t.TempDir(), Now: time.Now}
	if err := os.WriteFile(filepath.Join(box.Dir, "1.eml"), []byte(letter), 0o600); err != nil {
		t.Fatal(err)
	}
	h := webtest.Boot(t, webtest.AtLocalhost, func(c *web.Config, _ *postgres.Options) { c.Mailbox = box })
	h.User("ann")
	h.UserOf("two", h.Tenant, h.World.Tenant("globex"))
	post := h.Post()
	at := func(page, waitFor string) {
		t.Helper()
		b.See(waitFor)
		b.Inspect(page)
	}
	b.Open(h.URL + "/dev/mail")
	at("dev-mail", "h1")
	b.Open(h.URL + "/api/v1/docs")
	at("api-docs", "h1")
	b.Open(h.URL + "/login/forgot")
	at("forgot", "#reset-password")
	b.Fill("#username", "ann")
	b.Click("#reset-password")
	at("forgot-sent", "#sent")
	link := post.Latest("ann@example.com").Link
	lets(h, "open")
	b.Open(h.URL + "/register")
	at("register", "#register")
	b.Fill("#email", "new@example.com")
	b.Click("#register")
	at("register-sent", "#sent")
	b.Open(post.Latest("new@example.com").Link)
	at("link-registration", "#spend")
	b.Open(link)
	at("link-reset", "#spend")
	b.Fill("#password", "ann@example.com")
	b.Click("#spend")
	at("link-reset-refused", "#problem")
	b.Fill("#password", anotherPassword)
	b.Click("#spend")
	at("link-reset-done", "#done")
	b.Open(link)
	at("link-spent", "h1")

	b.Open(h.URL + "/login")
	b.Fill("#username", "two")
	b.Fill("#password", webtest.Password)
	b.Click("#sign-in")
	b.Click(".choices button")
	b.See("#sign-out")
	b.Open(h.URL + "/account")
	at("account-alone", "#sign-out")
	for _, page := range []string{"profile", "email", "password", "tenants", "data", "passkeys", "authenticator-app", "recovery-codes"} {
		b.Open(h.URL + "/account/" + page)
		at("account-"+page, "h1")
	}
	for _, try := range []struct{ password, level string }{{"short", "short"}, {"aaaaaaaaaaaaaaaa", "weak"}, {"two-two-two-two", "weak"}, {"four unrelated words make it", "strong"}} {
		b.Open(h.URL + "/account/password")
		b.Fill("#new-password", try.password)
		b.See(`#strength[data-level="` + try.level + `"]`)
	}
	at("account-password-strength", "#strength")
	b.Open(h.URL + "/account/password")
	b.Fill("#new-password", "two@example.com")
	b.Click("#change-password")
	at("account-password-refused", "#problem")
}
