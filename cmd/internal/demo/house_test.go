package demo_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/cmd/internal/demo"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// walk is a browser between the real Gatehouse and the application.
type walk struct {
	*webtest.Browser
	base string
}

func startWalk(t *testing.T, role authz.Role, options ...webtest.Option) (*webtest.House, walk) {
	t.Helper()
	h := webtest.Boot(t, options...)
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	h.User("ada", role)
	h.Client("demo", func(c *storage.Client) {
		c.RedirectURIs = []string{base + demo.CallbackPath}
		c.PostLogoutRedirectURIs = []string{base + demo.SignedOutPath}
		c.Scopes = append(c.Scopes, "billing")
	})
	h.Machine("demo-api", func(c *storage.Client) { c.Introspect = true })
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, name, scopes, created_at)
		values ($1, $2, 'Demo API', '{user,agents:read,tools:execute,admin,billing}', now())`, base+demo.APIPath, h.Tenant)
	app, err := demo.New(demo.Config{
		Issuer: h.URL, BaseURL: base, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Client: demo.Credentials{ID: "demo", Secret: webtest.ClientSecret},
		API:    demo.Credentials{ID: "demo-api", Secret: webtest.ClientSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = app.Handler()
	server.Start()
	t.Cleanup(server.Close)
	return h, walk{h.Browser(), base}
}

// press sends a form of the application from the application's own origin.
func (w walk) press(button string) *webtest.Page {
	w.T.Helper()
	f := w.Get(w.base+"/").Form(w.T, button, nil)
	return w.PostRaw(w.base+f.Action, f.Values, http.Header{"Origin": {w.base}})
}

func (w walk) call(button string, wants ...string) {
	w.T.Helper()
	if got := w.press(button); got.StatusCode != http.StatusSeeOther {
		w.T.Fatalf("%s: %d\n%s", button, got.StatusCode, got.Body)
	}
	w.sees(w.Get(w.base+"/"), wants...)
}

func (w walk) sees(p *webtest.Page, wants ...string) {
	w.T.Helper()
	for _, want := range wants {
		if !strings.Contains(string(p.Body), want) {
			w.T.Errorf("%q is not on the page (status %d)\n%s", want, p.StatusCode, p.Body)
		}
	}
}

func (w walk) signIn() {
	w.T.Helper()
	asked := w.SignIn(w.Get(w.base+"/sign-in"), "ada")
	back := w.Press(asked, "accept", nil)
	if back.Left == nil {
		w.T.Fatalf("consent leads nowhere: %d\n%s", back.StatusCode, back.Body)
	}
	w.Get(back.Left.String())
}

// TestWalk is the whole way: sign in, decide, use it, sign out, watch the token die.
func TestWalk(t *testing.T) {
	t.Parallel()
	_, w := startWalk(t, authz.RoleUser)
	w.signIn()
	w.sees(w.Get(w.base+"/"), "ada@example.com", "not included (2)", "See invoices")
	w.call("call-enough", "200 OK", "List agents")
	w.call("call-too-few", "403 Forbidden", "insufficient_scope", "/api/admin")
	w.call("call-alive", "200 OK", "Who is asking")

	through := w.Get(w.press("sign-out").Header.Get("Location"))
	if through.Left == nil {
		t.Fatalf("the sign-out does not come back: %d\n%s", through.StatusCode, through.Body)
	}
	w.sees(w.Get(through.Left.String()), "so is your token", "401 Unauthorized", "invalid_token")
	w.sees(w.Get("/login"), `id="password"`)
}

// TestWalkOfAnOwner: who holds everything still finds something to be refused.
func TestWalkOfAnOwner(t *testing.T) {
	t.Parallel()
	_, w := startWalk(t, authz.RoleOwner)
	w.signIn()
	w.call("call-too-few", "403 Forbidden", "/api/impossible", "demo:impossible")
}

// TestTokenDiesWithTheSession: the session ends elsewhere, and the next call knows.
func TestTokenDiesWithTheSession(t *testing.T) {
	t.Parallel()
	_, w := startWalk(t, authz.RoleUser)
	w.signIn()
	w.call("call-alive", "200 OK")
	account := w.Get("/account")
	w.Press(account, "sign-out", url.Values{})
	w.call("call-alive", "401 Unauthorized", "invalid_token")
}

func TestDeniedConsent(t *testing.T) {
	t.Parallel()
	_, w := startWalk(t, authz.RoleUser)
	back := w.Press(w.SignIn(w.Get(w.base+"/sign-in"), "ada"), "deny", nil)
	w.sees(w.Get(back.Left.String()), "learned nothing about you", "access_denied")
}
