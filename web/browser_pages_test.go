package web_test

import (
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// Every page on a narrow and on a wide screen, by day and by night. The pictures
// are for people to look at, in testdata/screenshots; what the test itself holds
// is that nothing has to be scrolled sideways, that every control has a name and
// is large enough for a thumb, and that nothing is inline or from elsewhere.
func TestBrowser_Pages(t *testing.T) {
	h := webtest.Boot(t)
	h.User("ann")
	h.User("olga", authz.RoleOwner)
	h.UserOf("two", h.Tenant, h.World.Tenant("globex"))
	h.World.Exec(`update platform.users set display_name = 'Ann Ångström-Featherstonehaugh' where username = 'ann'`)
	b := newTab(t, startChromium(t))
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
		b.shoot(page)
		b.isUsable(page)
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
	b.see("main")
	at("device-connected", "h1")
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
	at("form-post", "#form-post button")
}
