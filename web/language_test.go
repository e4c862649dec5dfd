package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

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
