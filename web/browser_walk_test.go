package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/pquerna/otp/totp"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
	"github.com/gatehouse/gatehouse/web/webtest/chrome"
)

// application is the client's side: a page that shows what it was sent.
type application struct {
	*httptest.Server
	callback string
	// received has the parameters of every call of the callback.
	received chan url.Values
}

func newApplication(t *testing.T) *application {
	a := &application{received: make(chan url.Values, 8)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/callback" && r.ParseForm() == nil {
			a.received <- r.Form
		}
		// An icon of its own, or the browser would ask for one and complain.
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><p id="application">The application`))
	}))
	t.Cleanup(a.Close)
	a.callback = a.URL + "/callback"
	return a
}

// walk is a house, an application that is registered there, and a browser.
type walk struct {
	*webtest.House
	app     *application
	proof   webtest.Proof
	browser *chrome.Tab
}

func newWalk(t *testing.T, h *webtest.House, browser *chrome.Tab) *walk {
	w := &walk{House: h, app: newApplication(t), proof: webtest.NewProof(), browser: browser}
	h.Client("app", func(c *storage.Client) {
		c.Name, c.RedirectURIs = "Field Notes", []string{w.app.callback}
		c.PostLogoutRedirectURIs = []string{w.app.URL + "/bye"}
	})
	return w
}

func (w *walk) request(change url.Values) string {
	all := url.Values{"redirect_uri": {w.app.callback}, "scope": {"openid profile email offline_access user agents:read admin"}}
	for name, values := range change {
		all[name] = values
	}
	return w.URL + w.proof.Authorization("app", all)
}

// landed waits for the application and fails unless a code came that is good for tokens.
func (w *walk) landed() {
	t := w.browser.T
	t.Helper()
	w.browser.See("#application")
	got := <-w.app.received
	if got.Get("state") != "state-1" || got.Get("iss") != w.URL {
		t.Errorf("the application received %v", got)
	}
	a := w.Token("app", url.Values{
		"grant_type": {"authorization_code"}, "code": {got.Get("code")}, "redirect_uri": {w.app.callback}, "code_verifier": {w.proof.Verifier},
	})
	if a.Status != http.StatusOK {
		t.Errorf("exchange: %d %s", a.Status, a.Raw)
	}
}

func (w *walk) signIn() {
	w.browser.See("#sign-in")
	w.browser.Fill("#username", "ann")
	w.browser.Fill("#password", webtest.Password)
	w.browser.Click("#sign-in")
}

func TestBrowser_Walk(t *testing.T) {
	chromium := chrome.Start(t)
	for name, test := range map[string]func(*testing.T, *walk, *chrome.Tab){
		"from the application to the code and out again": walkWhole,
		"keyboard alone":          walkByKeyboard,
		"without scripts":         walkWithoutScripts,
		"oneself without scripts": walkAccountWithoutScripts,
		"form_post":               walkFormPost,
		"an account of one's own": walkRegistration,
	} {
		t.Run(name, func(t *testing.T) {
			h := webtest.Boot(t)
			h.User("ann")
			b := chromium.Tab(t)
			w := newWalk(t, h, b)
			test(t, w, b)
			b.IsQuiet(parse(t, h.URL).Host, parse(t, w.app.URL).Host)
		})
	}
}

func walkWhole(t *testing.T, w *walk, b *chrome.Tab) {
	b.Open(w.request(nil))
	w.signIn()
	b.See("#accept")
	if question := b.Text("main"); !strings.Contains(question, "Field Notes") || !strings.Contains(question, "Asked for, but not included (1)") {
		t.Errorf("the consent page says:\n%s", question)
	}
	b.Click("summary")
	if dropped := b.Text(".dropped"); !strings.Contains(dropped, "admin") || !strings.Contains(dropped, "Neither your role nor one of your groups holds it.") {
		t.Errorf("what is not included: %q", dropped)
	}
	b.Click("#accept")
	w.landed()

	b.Open(w.request(nil)) // signed in and approved: nothing is asked again
	w.landed()

	b.Open(w.URL + "/account")
	if account := b.Text("main"); !strings.Contains(account, "Chrome on Linux") || !strings.Contains(account, "This device") || !strings.Contains(account, "Field Notes") {
		t.Errorf("the account page says:\n%s", account)
	}
	b.Click(`form[action="/account/apps/withdraw"] button`)
	b.See(".note.good")
	if account := b.Text("main"); !strings.Contains(account, "Access was taken back") || !strings.Contains(account, "No app acts for you") {
		t.Errorf("the account page says:\n%s", account)
	}
	b.Click("#sign-out")
	b.See(`a[href="/login"]`)
	chrome.Read(b, chromedp.NavigateBack())
	b.See("#sign-in")
	if at := b.Location(); at.Path != "/login" {
		t.Errorf("back led to %s", at)
	}
}

// walkByKeyboard signs in, approves, gives itself another name and signs out, and never touches the mouse.
func walkByKeyboard(t *testing.T, w *walk, b *chrome.Tab) {
	b.Open(w.request(nil))
	b.See("#sign-in")
	if at := b.Focused(); at != "username" {
		t.Errorf("the keyboard begins at %s", at)
	}
	b.Press("ann")
	b.TabTo("password")
	b.Press(webtest.Password)
	b.TabTo("sign-in", "remember")
	b.Press(kb.Enter)
	b.See("#accept")
	b.TabTo("switch-account", "summary", "accept", "deny")
	b.TabBackTo("accept", "deny")
	b.Press(kb.Enter)
	w.landed()

	b.Open(w.URL + "/account")
	b.See("#sign-out")
	b.TabTo("change-profile", "a", "a", "sign-out")
	b.Press(kb.Enter)
	b.See("#save-profile")
	b.TabTo("name", "a", "a", "sign-out")
	b.Press("Ann by Keyboard") // in place of the text, which Tab has marked
	b.TabTo("save-profile", "language")
	b.Press(kb.Enter)
	b.See(".note.good")
	if account := b.Text("main"); !strings.Contains(account, "Ann by Keyboard") {
		t.Errorf("the account page says:\n%s", account)
	}
	b.TabTo("sign-out", "a", "a")
	b.Press(kb.Enter)
	b.See(`a[href="/login"]`)
}

func walkWithoutScripts(t *testing.T, w *walk, b *chrome.Tab) {
	b.Scripts(false)
	b.Open(w.request(nil))
	w.signIn()
	b.Click("#accept")
	w.landed()
	b.Open(w.request(url.Values{"response_mode": {"form_post"}}))
	b.Click("#form-post button")
	w.landed()
	b.Open(w.URL + "/oauth2/logout?" + url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {w.app.URL + "/bye"}}.Encode())
	b.Click("#confirm-sign-out")
	b.See("#application")
	if at := b.Location(); at.Path != "/bye" {
		t.Errorf("sign-out led to %s", at)
	}
}

// walkAccountWithoutScripts recovers an account by mail, changes what is its own, sets up an authenticator app and
// recovery codes, and signs in with one of these: plain forms all the way.
func walkAccountWithoutScripts(t *testing.T, w *walk, b *chrome.Tab) {
	post := w.Post()
	b.Scripts(false)
	b.Open(w.URL + "/login/forgot")
	b.Fill("#username", "ann")
	b.Click("#reset-password")
	b.See("#sent")
	b.Open(post.Latest("ann@example.com").Link)
	b.Fill("#password", anotherPassword)
	b.Click("#spend")
	b.See("#done")
	b.Open(w.URL + "/login")
	b.Fill("#username", "ann")
	b.Fill("#password", anotherPassword)
	b.Click("#sign-in")
	b.Arrives("/account")

	b.Click("#change-profile")
	b.Fill("#name", "Ann of Plain Forms")
	b.Click("#save-profile")
	b.See(".note.good")
	b.Open(w.URL + "/account/password")
	b.Fill("#new-password", betterPassword)
	b.Click("#change-password")
	b.See(".note.good")
	b.Open(w.URL + "/account/authenticator-app")
	secret := strings.ReplaceAll(b.Text("#secret"), " ", "")
	code := func() string {
		w.Advance(time.Minute) // each code counts once
		code, err := totp.GenerateCode(secret, w.Now())
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	b.Fill("#code", code())
	b.Click("#set-up-app")
	b.See(".note.good")
	b.Open(w.URL + "/account/recovery-codes")
	b.Click("#prove-again")
	b.Fill("#code", code())
	b.Click("#verify")
	b.Click("#make-codes")
	codes := strings.Fields(b.Text("#codes"))
	b.Click("#sign-out")
	b.Arrives("/logout")

	b.Open(w.request(nil))
	b.Fill("#username", "ann")
	b.Fill("#password", betterPassword)
	b.Click("#sign-in")
	b.See("#verify")
	b.Click("summary")
	b.Fill("#recovery-code", codes[0])
	b.Click("#use-recovery-code")
	b.Click("#accept")
	w.landed()
	b.Open(w.URL + "/account")
	if account := b.Text("main"); !strings.Contains(account, "Ann of Plain Forms") || !strings.Contains(account, "Field Notes") {
		t.Errorf("the account page says:\n%s", account)
	}
	b.Click(`form[action="/account/apps/withdraw"] button`)
	b.See(".note.good")
}

func walkFormPost(_ *testing.T, w *walk, b *chrome.Tab) {
	b.Open(w.request(url.Values{"response_mode": {"form_post"}}))
	w.signIn()
	b.Click("#accept")
	w.landed()
}

// walkRegistration makes an account on the way to the application, and later comes by a link that
// leads straight there.
func walkRegistration(_ *testing.T, w *walk, b *chrome.Tab) {
	lets(w.House, "open")
	post := w.Post()
	b.Open(w.request(url.Values{"prompt": {"create"}}))
	b.See("#register")
	b.Fill("#email", "new@example.com")
	b.Click("#register")
	b.See("#sent")
	b.Open(post.Latest("new@example.com").Link)
	b.See("#spend")
	b.Fill("#username", "new")
	b.Fill("#password", anotherPassword)
	b.See(`#strength[data-level="strong"]`)
	b.Click("#spend")
	b.Click("#accept")
	w.landed()
	b.Open(w.URL + "/account")
	b.Click("#sign-out")
	b.See(`a[href="/login"]`)
	b.Open(w.request(nil))
	b.Click("#forgot")
	b.Fill("#username", "new")
	b.Click("#mail-sign-in")
	b.See("#sent")
	b.Open(post.Latest("new@example.com").Link)
	b.Click("#spend")
	w.landed()
}
