package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// K7: nobody makes an account for themselves: people are invited. Whatever a form
// would be posted to, no user comes of it.
func TestK7_NobodyRegistersThemselves(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	count := func() string { return h.World.Text(`select count(*) from platform.users`) }
	before := count()
	b := h.Browser()
	csrf := b.Get("/login").Form(t, "sign-in", nil).Values.Get("csrf")
	form := url.Values{"csrf": {csrf}, "username": {"mallory"}, "email": {"mallory@example.com"}, "password": {webtest.Password},
		"display_name": {"M"}, "role": {"owner"}, "registration": {"open"}}
	for _, path := range []string{"/register", "/signup", "/sign-up", "/login/register", "/login/new", "/account/new", "/users", "/oauth2/users", "/login", "/link", "/login/link"} {
		if p := b.PostRaw(path, form, nil); p.StatusCode < 400 {
			t.Errorf("%s: %d", path, p.StatusCode)
		}
	}
	for _, path := range []string{"/api/v1/users", "/api/v1/me", "/api/v1/invitations"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+path, strings.NewReader(`{"username":"mallory","email":"mallory@example.com"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if a := h.Send(r); a.Status != http.StatusUnauthorized && a.Status != http.StatusNotFound && a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d %s", path, a.Status, a.Raw)
		}
	}
	// prompt=create is none that is advertised.
	if got := b.Authorize(webtest.NewProof(), "web", "ann", url.Values{"prompt": {"create"}}); got.Get("error") != "invalid_request" {
		t.Errorf("prompt=create: %v", got)
	}
	if now := count(); now != before {
		t.Errorf("there are %s users, and were %s", now, before)
	}
}
