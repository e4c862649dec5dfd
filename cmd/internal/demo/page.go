package demo

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/templates"
)

// pagePolicy is the policy of the pages of Gatehouse, with one way out: browsers
// hold the redirect behind the sign-out form to form-action.
func pagePolicy(issuer *url.URL) string {
	return "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' " +
		issuer.Scheme + "://" + issuer.Host
}

// secure sets what every answer carries, as Gatehouse does.
func (a *App) secure(next http.Handler) http.Handler {
	overTLS := strings.HasPrefix(a.BaseURL, "https:")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if overTLS {
			h.Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}

// home shows the last answer of the API once: a page that is loaded again must not
// pass an old answer off as a new one.
func (a *App) home(w http.ResponseWriter, r *http.Request) {
	page := a.pageOf(r)
	if s := a.session(r); s != nil {
		page.Answer = s.takeAnswer()
	}
	a.show(w, r, http.StatusOK, page)
}

// pageOf is the page as the browser of the request has it.
func (a *App) pageOf(r *http.Request) templates.Demo {
	page := templates.Demo{Accounts: a.Accounts}
	if s := a.session(r); s != nil {
		s.describe(&page)
	}
	page.Host = a.host
	return page
}

func (a *App) show(w http.ResponseWriter, r *http.Request, status int, page templates.Demo) {
	var body bytes.Buffer
	if err := templates.Render(&body, page); err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", a.policy)
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// onlyOurForms refuses a form that another origin had the browser post, and one
// without the token that our page carried. A visitor whose session is over finds
// the front page.
func (a *App) onlyOurForms(next func(http.ResponseWriter, *http.Request, *session)) http.Handler {
	refuse := func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, failed(templates.DemoForm, errors.New("form refused")))
	}
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(refuse))
	return foreign.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		s := a.session(r)
		switch {
		case s == nil:
			redirect(w, "/")
		case subtle.ConstantTimeCompare([]byte(r.PostFormValue("csrf")), []byte(s.csrf)) != 1:
			refuse(w, r)
		default:
			next(w, r, s)
		}
	}))
}
