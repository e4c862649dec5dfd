package browser

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/templates"
)

const (
	languageCookie   = "gatehouse-language"
	languageLifetime = 365 * 24 * time.Hour
)

// PreferLocales takes the ui_locales of the request that waits (OpenID Connect Core
// §3.1.2.1: tags, the most wanted first, separated by spaces).
func (v *Visit) PreferLocales(uiLocales string) { v.uiLocales = uiLocales }

// Language is that of the page. What the person chose for their account counts once it is
// known who they are.
func (v *Visit) Language() string {
	own := ""
	if v.in != nil {
		own = v.in.Person.Language
	}
	return v.keeper.language(v.r, v.uiLocales, own)
}

// Language is what the person chose on one of our pages, or else what the client
// says that they prefer, or else what they chose for their account, or else what their
// browser says. The person comes first, or the choice at the foot of a page would not
// change that page.
func (k *Keeper) language(r *http.Request, uiLocales, own string) string {
	chosen := ""
	if c, err := r.Cookie(k.prefix + languageCookie); err == nil {
		chosen = c.Value
	}
	if uiLocales == "" {
		uiLocales = r.URL.Query().Get("ui_locales")
	}
	return templates.ChooseLanguage(chosen, strings.Join(strings.Fields(uiLocales), ","), own, r.Header.Get("Accept-Language"))
}

// ChooseLanguage is POST /language: it keeps the choice and leads back.
func (k *Keeper) ChooseLanguage(w http.ResponseWriter, r *http.Request) {
	k.Speak(w, templates.ChooseLanguage(r.PostFormValue("language")))
	SeeOther(w, within(r.PostFormValue("back")))
}

// Speak keeps the language of this browser's pages; "" leaves it to what else is known.
func (k *Keeper) Speak(w http.ResponseWriter, tag string) {
	lifetime := languageLifetime
	if tag == "" {
		lifetime = -time.Second
	}
	k.setCookie(w, languageCookie, tag, lifetime)
}

// within is the address when it is a path of this house, else the front page.
func within(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return "/"
	}
	return u.RequestURI()
}
