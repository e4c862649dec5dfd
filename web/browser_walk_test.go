package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
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
	browser *tab
}

func newWalk(t *testing.T, h *webtest.House, browser *tab) *walk {
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
	t := w.browser.t
	t.Helper()
	w.browser.see("#application")
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
	w.browser.see("#sign-in")
	w.browser.fill("#username", "ann")
	w.browser.fill("#password", webtest.Password)
	w.browser.click("#sign-in")
}

func TestBrowser_Walk(t *testing.T) {
	chromium := startChromium(t)
	for name, test := range map[string]func(*testing.T, *walk, *tab){
		"from the application to the code and out again": walkWhole,
		"keyboard alone":          walkByKeyboard,
		"without scripts":         walkWithoutScripts,
		"form_post":               walkFormPost,
		"an account of one's own": walkRegistration,
	} {
		t.Run(name, func(t *testing.T) {
			h := webtest.Boot(t)
			h.User("ann")
			b := newTab(t, chromium)
			w := newWalk(t, h, b)
			test(t, w, b)
			b.isQuiet(parse(t, h.URL).Host, parse(t, w.app.URL).Host)
		})
	}
}

func walkWhole(t *testing.T, w *walk, b *tab) {
	b.open(w.request(nil))
	w.signIn()
	b.see("#accept")
	if question := b.text("main"); !strings.Contains(question, "Field Notes") || !strings.Contains(question, "Asked for, but not included (1)") {
		t.Errorf("the consent page says:\n%s", question)
	}
	b.click("summary")
	if dropped := b.text(".dropped"); !strings.Contains(dropped, "admin") || !strings.Contains(dropped, "Neither your role nor one of your groups holds it.") {
		t.Errorf("what is not included: %q", dropped)
	}
	b.click("#accept")
	w.landed()

	b.open(w.request(nil)) // signed in and approved: nothing is asked again
	w.landed()

	b.open(w.URL + "/account")
	if account := b.text("main"); !strings.Contains(account, "Chrome on Linux") || !strings.Contains(account, "This device") || !strings.Contains(account, "Field Notes") {
		t.Errorf("the account page says:\n%s", account)
	}
	b.click(`form[action="/account/apps/withdraw"] button`)
	b.see(".note.good")
	if account := b.text("main"); !strings.Contains(account, "Access was taken back") || !strings.Contains(account, "No app acts for you") {
		t.Errorf("the account page says:\n%s", account)
	}
	b.click("#sign-out")
	b.see(`a[href="/login"]`)
	read(b, chromedp.NavigateBack())
	b.see("#sign-in")
	if at := b.location(); at.Path != "/login" {
		t.Errorf("back led to %s", at)
	}
}

func walkByKeyboard(t *testing.T, w *walk, b *tab) {
	b.open(w.request(nil))
	b.see("#sign-in")
	if at := b.focused(); at != "username" {
		t.Errorf("the keyboard begins at %s", at)
	}
	b.press("ann")
	for _, next := range []string{"password", "remember", "sign-in"} {
		b.press(kb.Tab)
		if at := b.focused(); at != next {
			t.Errorf("Tab leads to %s, want %s", at, next)
		}
		if next == "password" {
			b.press(webtest.Password)
		}
	}
	b.press(kb.Enter)
	b.see("#accept")
	var order []string
	for range 4 {
		b.press(kb.Tab)
		order = append(order, b.focused())
	}
	if got := strings.Join(order, " "); got != "summary accept deny switch-account" {
		t.Errorf("the order on the consent page is %s", got)
	}
	for range 2 {
		read(b, chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
	}
	b.press(kb.Enter)
	w.landed()
}

func walkWithoutScripts(t *testing.T, w *walk, b *tab) {
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(w.request(nil))
	w.signIn()
	b.click("#accept")
	w.landed()
	b.open(w.request(url.Values{"response_mode": {"form_post"}}))
	b.click("#form-post button")
	w.landed()
	b.open(w.URL + "/oauth2/logout?" + url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {w.app.URL + "/bye"}}.Encode())
	b.click("#confirm-sign-out")
	b.see("#application")
	if at := b.location(); at.Path != "/bye" {
		t.Errorf("sign-out led to %s", at)
	}
}

func walkFormPost(_ *testing.T, w *walk, b *tab) {
	b.open(w.request(url.Values{"response_mode": {"form_post"}}))
	w.signIn()
	b.click("#accept")
	w.landed()
}

// walkRegistration makes an account on the way to the application, and later comes by a link that
// leads straight there.
func walkRegistration(_ *testing.T, w *walk, b *tab) {
	lets(w.House, "open")
	post := w.Post()
	b.open(w.request(url.Values{"prompt": {"create"}}))
	b.see("#register")
	b.fill("#email", "new@example.com")
	b.click("#register")
	b.see("#sent")
	b.open(post.Latest("new@example.com").Link)
	b.see("#spend")
	b.fill("#username", "new")
	b.fill("#password", anotherPassword)
	b.see(`#strength[data-level="strong"]`)
	b.click("#spend")
	b.click("#accept")
	w.landed()
	b.open(w.URL + "/account")
	b.click("#sign-out")
	b.see(`a[href="/login"]`)
	b.open(w.request(nil))
	b.click("#forgot")
	b.fill("#username", "new")
	b.click("#mail-sign-in")
	b.see("#sent")
	b.open(post.Latest("new@example.com").Link)
	b.click("#spend")
	w.landed()
}
