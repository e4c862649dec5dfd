package demo_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/web/webtest"
	"github.com/gatehouse/gatehouse/web/webtest/chrome"
)

// TestBrowser_WalkWithPasskey is the whole way in a real browser: make a passkey, sign in to
// the application with it, decide, use the token, sign out, watch the token die.
func TestBrowser_WalkWithPasskey(t *testing.T) {
	h, w := startWalk(t, authz.RoleUser, webtest.AtLocalhost)
	b := chrome.Start(t).Tab(t)
	b.PlugIn()
	b.Open(h.URL + "/login")
	b.Fill("#username", "ada")
	b.Fill("#password", webtest.Password)
	b.Click("#sign-in")
	b.Click("#create-passkey")
	b.Arrives("/account")
	b.Click("#sign-out")
	b.Arrives("/logout")

	b.Open(w.base + "/")
	b.See("#sign-in")
	b.Inspect("demo-out")
	b.Click("#sign-in")
	b.Click("#accept") // the passkey came from the autofill of the username field
	b.See("#granted")
	b.Inspect("demo-in")
	if page := b.Text("main"); !strings.Contains(page, "ada@example.com") {
		t.Errorf("the application says:\n%s", page)
	}
	if how := h.World.Text(`select acr from platform.user_sessions where revoked_at is null`); how != "(phr)" {
		t.Errorf("the session is %s", how)
	}
	for _, call := range []struct{ button, answer string }{{"#call-enough", "/api/agents"}, {"#call-too-few", "403 Forbidden"}, {"#call-alive", "200 OK"}} {
		b.Click(call.button)
		b.Says("#answer", call.answer)
	}
	b.Inspect("demo-answer")
	b.Click("#sign-out")
	b.Says("#refused", "401 Unauthorized")
	b.Inspect("demo-signed-out")
	host := func(address string) string { u, _ := url.Parse(address); return u.Host }
	b.IsQuiet(host(h.URL), host(w.base))
}
