package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

var htmlTag = regexp.MustCompile(`<html lang="([a-z]+)" dir="([a-z]+)">`)

func languageOf(p *webtest.Page) string {
	if found := htmlTag.FindStringSubmatch(string(p.Body)); found != nil {
		return found[1] + " " + found[2]
	}
	return "none"
}

// The language of a page is what the person chose, or else what the client asks for,
// or else what the browser says; the choice outlives the sign-in.
func TestLanguageOfAPage(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	b := h.Browser()
	german := http.Header{"Accept-Language": {"de-CH,de;q=0.9,en;q=0.5"}}
	request := webtest.NewProof().Authorization("web", url.Values{"ui_locales": {"tlh fr-CA de"}})
	for _, c := range []struct {
		path    string
		headers http.Header
		want    string
	}{
		{"/login", nil, "en ltr"},
		{"/login", german, "de ltr"},
		{"/nowhere", http.Header{"Accept-Language": {"ar"}}, "ar rtl"},
		{"/oauth2/authorize?client_id=nobody&ui_locales=ja", german, "ja ltr"},
	} {
		if got := languageOf(get(b, h.URL+c.path, c.headers)); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
	page := b.Get(request)
	if got := languageOf(page); got != "fr ltr" {
		t.Errorf("ui_locales: %s", got)
	}
	form := page.Form(t, "sign-in", nil).Values
	page = b.Post("/language", url.Values{"csrf": {form.Get("csrf")}, "language": {"es"}, "back": {page.Request.URL.RequestURI()}})
	if page.Request.URL.Path != "/login" || languageOf(page) != "es ltr" {
		t.Fatalf("the choice led to %s in %s", page.Request.URL, languageOf(page))
	}
	page = b.SignIn(page, "ann")
	if languageOf(page) != "es ltr" || page.Request.URL.Path != "/consent" {
		t.Errorf("%s is %s", page.Request.URL, languageOf(page))
	}
	if got := languageOf(b.Get("/account")); got != "es ltr" {
		t.Errorf("the account is %s", got)
	}
}

// A page that answers a form offers the languages too, and the choice leads to a page,
// not to an address that takes forms alone.
func TestLanguageAfterAForm(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.User("ann")
	h.Client("web")
	newTelevision(h)
	b, d := h.Browser(), newDevice(h)
	turned := func(p *webtest.Page, leadsTo string) {
		t.Helper()
		if p.Request.Method != http.MethodPost {
			t.Errorf("%s did not answer a form", p.Request.URL)
		}
		back := regexp.MustCompile(`name="back" value="([^"]*)"`).FindStringSubmatch(string(p.Body))
		if back == nil {
			t.Errorf("%s offers no languages", p.Request.URL)
			return
		}
		values := url.Values{"csrf": {csrfOf(t, b)}, "language": {"ja"}, "back": {html.UnescapeString(back[1])}}
		if page := b.Post("/language", values); page.StatusCode != http.StatusOK || page.Request.URL.Path != leadsTo || languageOf(page) != "ja ltr" {
			t.Errorf("the choice on %s leads to %s in %s: %d, want %s", p.Request.URL.Path, page.Request.URL, languageOf(page), page.StatusCode, leadsTo)
		}
	}
	signIn := b.Get(webtest.NewProof().Authorization("web", nil))
	turned(b.Press(signIn, "sign-in", url.Values{"username": {"ann"}, "password": {"wrong"}}), "/login")
	form := d.answer(t, signIn, "use-passkey")
	turned(b.Post(form.Action, form.Values), "/login")
	turned(b.Press(b.Get("/login/forgot"), "reset-password", url.Values{"username": {"ann"}, "purpose": {"reset_password"}}), "/login/forgot")
	link := setUpLink(t, h, "eve")
	turned(b.Press(b.Get(link), "spend", url.Values{"password": {"eve"}}), "/link")
	turned(d.press(b, b.Get(link), "create-passkey"), "/login")

	b.SignIn(b.Get("/login"), "ann")
	device := h.Call("/oauth2/device_authorization", "tv", "", url.Values{"scope": {"openid"}})
	turned(b.Press(b.Get("/device"), "continue", url.Values{"user_code": {"BBBB-BBBB"}}), "/device")
	question := b.Press(b.Get("/device"), "continue", url.Values{"user_code": {device.Text("user_code")}})
	turned(question, "/device")
	turned(b.Press(question, "accept", nil), "/device")
	turned(b.Press(b.Get("/account/password"), "change-password", url.Values{"password": {"ann"}}), "/account/password")
	turned(b.Press(b.Get("/account/authenticator-app"), "set-up-app", url.Values{"code": {"000000"}}), "/account/authenticator-app")
	turned(b.Post("/logout", url.Values{"csrf": {csrfOf(t, b)}}), "/login")
}

// The choice of a language leads to a path of the house and nowhere else.
func TestA12_LanguageIsNoOpenRedirect(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	b := h.Browser()
	csrf := csrfOf(t, b)
	for back, want := range map[string]string{
		"/login?flow=a%2Fb": "/login?flow=a%2Fb", "": "/", "//evil.example/": "/", `/\evil.example/`: "/", "https://evil.example/": "/", "javascript:alert(1)": "/",
		"login": "/", "/\t/evil.example": "/", "/a#b": "/", "/%2F/evil.example": "/", "?a": "/",
	} {
		p := b.PostRaw("/language", url.Values{"csrf": {csrf}, "language": {"de"}, "back": {back}}, nil)
		if got := p.Header.Get("Location"); p.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d to %q, want %q", back, p.StatusCode, got, want)
		}
	}
}

// What people do on a page in their language, they are told of in it; what is done to them, in the one that they last signed in with.
func TestLanguage_OfNotices(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.MailLanguage = "fr" })
	ann := h.User("ann")
	post, b := h.Post(), signedIn(h, "ann")
	tell := func(language string) string {
		form := b.Get("/account/password").Form(t, "change-password", url.Values{"password": {betterPassword + language}})
		p := b.PostRaw(form.Action, form.Values, http.Header{"Accept-Language": {language}})
		if p.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", p.StatusCode, p.Body)
		}
		return post.Latest("ann@example.com").Subject
	}
	if got := tell("de"); got != "Ihr Passwort wurde geändert" {
		t.Errorf("in German: %q", got)
	}
	if got := tell("en"); got != "Your password was changed" {
		t.Errorf("in English: %q", got)
	}
	l, err := directory.New(h.Store, nil, h.Now).ResetLink(t.Context(), operator, ann)
	if err != nil {
		t.Fatal(err)
	}
	form := b.Get(linkURL(t, h, l)).Form(t, "spend", url.Values{"password": {anotherPassword}})
	b.PostRaw(form.Action, form.Values, http.Header{"Accept-Language": {"ja"}})
	if got := post.Latest("ann@example.com").Subject; got != "パスワードが変更されました" {
		t.Errorf("by a link, in Japanese: %q", got)
	}
	// Whoever signs in from a new browser may be somebody else: they have no say.
	stranger := h.Browser()
	form = stranger.Get("/login").Form(t, "sign-in", url.Values{"username": {"ann"}, "password": {anotherPassword}})
	stranger.PostRaw(form.Action, form.Values, http.Header{"Accept-Language": {"ar"}, "User-Agent": {"Another/1.0"}})
	if got := post.Latest("ann@example.com").Subject; got != "A new sign-in to your account" {
		t.Errorf("of a new browser: %q", got)
	}
}

// Letters that no page of the person caused are in the language that they chose, or else in
// the one that they last signed in with, or else in that of the house.
func TestLanguage_OfAPerson(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.MailLanguage = "fr" })
	h.Client("web")
	post, d := h.Post(), directory.New(h.Store, nil, h.Now)
	told := func(user string) string {
		t.Helper()
		u, err := d.User(t.Context(), operator, user)
		if err == nil {
			err = d.SetPasswordHash(t.Context(), operator, u.ID, u.PasswordHash)
		}
		if err != nil {
			t.Fatal(err)
		}
		return post.Latest(u.Email).Subject
	}
	subjects := map[string]string{
		"en": "Your password was changed", "de": "Ihr Passwort wurde geändert", "es": "Su contraseña ha cambiado",
		"fr": "Votre mot de passe a été modifié", "ja": "パスワードが変更されました", "ar": "تغيّرت كلمة مرورك",
	}
	h.User("newcomer")
	if got := told("newcomer"); got != subjects["fr"] {
		t.Errorf("to somebody who never signed in: %q", got)
	}
	for tag, want := range subjects {
		user := "reads-" + tag
		h.User(user)
		b := h.Browser()
		form := b.Get("/login").Form(t, "sign-in", url.Values{"username": {user}, "password": {webtest.Password}})
		if p := b.PostRaw(form.Action, form.Values, http.Header{"Accept-Language": {tag}}); p.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", tag, p.StatusCode, p.Body)
		}
		if got := told(user); got != want {
			t.Errorf("signed in with %s: %q", tag, got)
		}
	}
	// What one person chooses is nobody else's.
	b := signedIn(h, "reads-de")
	if p := b.Press(b.Get("/account/profile"), "save-profile", url.Values{"name": {""}, "language": {"ja"}}); languageOf(p) != "ja ltr" {
		t.Errorf("the page after the choice is %s", languageOf(p))
	}
	// Another name, and another sign-in in English, count less than the choice.
	b.Press(b.Get("/account/profile"), "save-profile", url.Values{"name": {"Dora"}})
	signedIn(h, "reads-de")
	for user, want := range map[string]string{"reads-de": "ja", "reads-es": "es", "newcomer": "fr"} {
		if got := told(user); got != subjects[want] {
			t.Errorf("to %s: %q", user, got)
		}
	}
	for language, want := range map[string]string{"tlh": "en ltr", "de-CH": "en ltr", "": "en ltr"} {
		b := signedIn(h, "reads-de")
		refused := b.Press(b.Get("/account/profile"), "save-profile", url.Values{"language": {language}})
		if unfit := refused.StatusCode == http.StatusBadRequest; unfit != (language != "") {
			t.Errorf("the choice of %q: %d", language, refused.StatusCode)
		}
		if language == "" && languageOf(refused) != want {
			t.Errorf("the page as the browser says is %s", languageOf(refused))
		}
	}
	if got := told("reads-de"); got != subjects["en"] {
		t.Errorf("after the choice was taken back: %q", got)
	}
}

// What people chose for their account goes before what their browser says, and after what
// the client asks for and what was chosen at the foot of a page.
func TestLanguageOfAPage_ForWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	b, other := signedIn(h, "ann"), signedIn(h, "ann")
	b.Press(b.Get("/account/profile"), "save-profile", url.Values{"language": {"ar"}})
	german := http.Header{"Accept-Language": {"de"}}
	for _, c := range []struct {
		path, want string
	}{{"/account", "ar rtl"}, {"/account/profile", "ar rtl"}, {"/account?ui_locales=es", "es ltr"}} {
		if got := languageOf(get(other, h.URL+c.path, german)); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
	if got := languageOf(get(h.Browser(), h.URL+"/login", german)); got != "de ltr" {
		t.Errorf("for nobody: %s", got)
	}
	other.Post("/language", url.Values{"csrf": {csrfOf(t, other)}, "language": {"fr"}, "back": {"/account"}})
	if got := languageOf(get(other, h.URL+"/account", german)); got != "fr ltr" {
		t.Errorf("after a choice at the foot of a page: %s", got)
	}
	tokens := h.Tokens("web", "ann", nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Socket()+"/oauth2/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokens.Text("access_token"))
	if a := h.Send(r); a.Text("locale") != "ar" {
		t.Errorf("the claim locale: %s", a.Raw)
	}
}
