package web_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/mail"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// Every page on a narrow and on a wide screen, by day and by night, and written from
// right to left. The pictures are for people to look at, in testdata/screenshots; what
// the test itself holds is in browser_inspect_test.go.
func TestBrowser_Pages(t *testing.T) {
	chromium := startChromium(t)
	for _, language := range []string{"en", "ar"} {
		tab := func(t *testing.T) *tab {
			b := newTab(t, chromium)
			if language != "en" {
				b.speaks = "-" + language
				command(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
			}
			return b
		}
		t.Run("sign-in/"+language, func(t *testing.T) { signInPages(t, tab(t)) })
		t.Run("account/"+language, func(t *testing.T) { accountPages(t, tab(t)) })
	}
}

func signInPages(t *testing.T, b *tab) {
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
		b.fill("#username", username)
		b.fill("#password", webtest.Password)
		b.click("#sign-in")
	}
	at := func(page, waitFor string) {
		t.Helper()
		b.see(waitFor)
		b.inspect(page)
	}
	b.open(w.URL + "/")
	at("home", "h1")
	b.open(w.URL + "/oauth2/authorize?client_id=nobody")
	at("unknown-client", "h1")
	b.open(w.URL + "/nowhere")
	at("not-found", "h1")

	b.open(w.request(nil))
	at("sign-in", "#sign-in")
	b.fill("#username", "ann")
	b.fill("#password", "not this one")
	b.click("#sign-in")
	at("sign-in-refused", "#problem")
	signIn("ann")
	at("consent", "#accept")
	b.click("summary")
	at("consent-dropped", "ul.dropped")
	b.click("#accept")
	w.landed()
	b.open(w.request(url.Values{"prompt": {"login"}}))
	at("sign-in-again", "#switch-account")
	brand(t, h, "#ffc400")
	b.open(w.request(url.Values{"prompt": {"login"}}))
	at("sign-in-branded", ".logo")
	b.open(w.request(url.Values{"prompt": {"consent"}}))
	at("consent-branded", ".logo")
	h.World.Exec(`update platform.tenants set accent = '', logo = ''`)
	b.open(w.URL + w.proof.Authorization("native", url.Values{"redirect_uri": {"notes.example:/cb"}}))
	at("consent-impersonable", ".note.warn")
	b.open(w.URL + "/account")
	at("account", "#sign-out")
	b.open(w.URL + "/console")
	at("forbidden", "h1")
	newTelevision(h)
	device := h.Call("/oauth2/device_authorization", "tv", "", url.Values{"scope": {"openid profile agents:read admin"}})
	b.open(w.URL + "/device")
	at("device", "#user_code")
	b.fill("#user_code", "BBBB-BBBB")
	b.click("#continue")
	at("device-unknown-code", "#problem")
	b.fill("#user_code", device.Text("user_code"))
	b.click("#continue")
	at("device-question", "#accept")
	b.click("#accept")
	at("device-connected", "main:not(:has(form)) h1")
	b.open(w.URL + "/oauth2/logout?client_id=app")
	at("confirm-sign-out", "#confirm-sign-out")
	b.click("#confirm-sign-out")
	at("signed-out", `a[href="/login"]`)

	b.open(w.URL + "/login")
	b.see("#sign-in")
	signIn("two")
	at("choose-tenant", "#make-default")
	b.click("#switch-account")
	b.see("#sign-in")
	signIn("olga")
	b.see("#sign-out")
	b.open(w.URL + "/console")
	at("console", "#sign-out")

	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(w.request(url.Values{"prompt": {"none"}, "response_mode": {"form_post"}}))
	b.see("#form-post button")
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{}) // those of the test
	b.inspect("form-post")
}

const letter = "From: no-reply@house.example\r\nTo: ann@example.com\r\nSubject: Sign in to Gatehouse\r\n" +
	"Date: Mon, 02 Mar 2026 15:04:05 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
	"Hello Ann,\r\n\r\nthis link signs you in, once, within the next 15 minutes:\r\n\r\n" +
	"https://house.example/link?token=gth_ol_0123456789abcdef0123456789abcdef0123456789abcdef\r\n"

func accountPages(t *testing.T, b *tab) {
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
		b.see(waitFor)
		b.inspect(page)
	}
	b.open(h.URL + "/dev/mail")
	at("dev-mail", "h1")
	b.open(h.URL + "/api/v1/docs")
	at("api-docs", "h1")
	b.open(h.URL + "/login/forgot")
	at("forgot", "#reset-password")
	b.fill("#username", "ann")
	b.click("#reset-password")
	at("forgot-sent", "#sent")
	link := post.Latest("ann@example.com").Link
	lets(h, "open")
	b.open(h.URL + "/register")
	at("register", "#register")
	b.fill("#email", "new@example.com")
	b.click("#register")
	at("register-sent", "#sent")
	b.open(post.Latest("new@example.com").Link)
	at("link-registration", "#spend")
	b.open(link)
	at("link-reset", "#spend")
	b.fill("#password", "ann@example.com")
	b.click("#spend")
	at("link-reset-refused", "#problem")
	b.fill("#password", anotherPassword)
	b.click("#spend")
	at("link-reset-done", "#done")
	b.open(link)
	at("link-spent", "h1")

	b.open(h.URL + "/login")
	b.fill("#username", "two")
	b.fill("#password", webtest.Password)
	b.click("#sign-in")
	b.click(".choices button")
	b.see("#sign-out")
	b.open(h.URL + "/account")
	at("account-alone", "#sign-out")
	for _, page := range []string{"profile", "email", "password", "tenants", "data", "passkeys", "authenticator-app", "recovery-codes"} {
		b.open(h.URL + "/account/" + page)
		at("account-"+page, "h1")
	}
	for _, try := range []struct{ password, level string }{{"short", "short"}, {"aaaaaaaaaaaaaaaa", "weak"}, {"two-two-two-two", "weak"}, {"four unrelated words make it", "strong"}} {
		b.open(h.URL + "/account/password")
		b.fill("#new-password", try.password)
		b.see(`#strength[data-level="` + try.level + `"]`)
	}
	at("account-password-strength", "#strength")
	b.open(h.URL + "/account/password")
	b.fill("#new-password", "two@example.com")
	b.click("#change-password")
	at("account-password-refused", "#problem")
}
