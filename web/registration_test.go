package web_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// lets opens the house's tenant to those who register, as its setting says.
func lets(h *webtest.House, whom ...string) {
	h.T.Helper()
	h.World.Exec(`update platform.tenants set registration = $2 where id = $1`, h.Tenant, whom)
}

// K7: where nobody lets people in, nobody makes an account for themselves. Whatever a form
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
		"display_name": {"M"}, "role": {"owner"}, "registration": {"open"}, "tenant": {"acme"}}
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
	// prompt=create is none that is advertised, and the sign-in leads to no such page.
	if got := b.Authorize(webtest.NewProof(), "web", "ann", url.Values{"prompt": {"create"}}); got.Get("error") != "invalid_request" {
		t.Errorf("prompt=create: %v", got)
	}
	if body := string(h.Browser().Get("/login").Body); strings.Contains(body, "to-register") {
		t.Error("the sign-in leads to a page that refuses everybody")
	}
	contains(t, h.Browser().Get("/register"), http.StatusForbidden, "Nobody creates an account here")
	if now := count(); now != before || h.World.Text(`select count(*) from river.river_job where kind = 'register'`) != "(0)" {
		t.Errorf("there are %s users, and were %s", now, before)
	}
}

// K7: a link that was sent while a tenant was open makes nothing after it has closed, or has
// been suspended; nor does a tenant open its neighbour, nor one without mail anything.
func TestK7_RegistrationThatHasClosed(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	globex := h.World.Tenant("globex")
	lets(h, "open")
	post, b := h.Post(), h.Browser()
	register := func(email string) string {
		t.Helper()
		contains(t, b.Press(b.Get("/register?tenant=acme"), "register", url.Values{"email": {email}}), http.StatusOK, `id="sent"`)
		return post.Latest(email).Link
	}
	link := register("ann@example.com")
	for _, close := range []string{
		`update platform.tenants set registration = '{}' where id = $1`,
		`update platform.tenants set registration = '{other.example}' where id = $1`,
		`update platform.tenants set registration = '{open}', suspended_at = now() where id = $1`,
	} {
		h.World.Exec(close, h.Tenant)
		contains(t, b.Get(link), http.StatusGone, "")
		form := h.Browser().Get("/login").Form(t, "sign-in", url.Values{"token": {strings.SplitAfter(link, "token=")[1]}, "username": {"ann"}, "password": {anotherPassword}})
		if p := b.PostRaw("/link", form.Values, nil); p.StatusCode < 400 {
			t.Errorf("%s: %d", close, p.StatusCode)
		}
	}
	h.World.Exec(`update platform.tenants set suspended_at = null where id = $1`, h.Tenant)
	contains(t, b.Get("/register?tenant=globex"), http.StatusForbidden, "")
	h.Client("theirs", func(c *storage.Client) { c.Tenant = globex })
	if p := b.Get(webtest.NewProof().Authorization("theirs", url.Values{"prompt": {"create"}})); p.Left == nil || p.Left.Query().Get("error") != "invalid_request" {
		t.Errorf("a client of the closed tenant: %v", p.Left)
	}
	silent := h.Replica(func(c *web.Config, _ *postgres.Options) { c.NoMail = true })
	contains(t, silent.Browser().Get("/register"), http.StatusForbidden, "")
	contains(t, b.Get(link), http.StatusOK, `id="spend"`)
}

// I6: the page that answers is the same, byte by byte, whether the address has an account or not; the
// mail alone tells, to whoever reads it.
func TestI6_RegistrationTellsNothing(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, behindProxy, stopClock)
	h.User("known")
	gone := h.User("disabled")
	h.World.Exec(`update platform.users set disabled_at = now() where id = $1`, gone)
	lets(h, "open")
	post, b := h.Post(), h.Browser()
	form := b.Get("/register").Form(t, "register", nil)
	answer := func(email, addr string) string {
		form.Values.Set("email", email)
		p := b.PostRaw(form.Action, form.Values, from(addr))
		for _, h := range []string{"X-Request-Id", "Date"} {
			p.Header.Del(h)
		}
		return fmt.Sprintln(p.StatusCode, p.Header) + string(p.Body)
	}
	want := answer("nobody@example.com", "203.0.113.1")
	if !strings.HasPrefix(want, "200") || strings.Contains(want, "nobody@") {
		t.Fatalf("as nobody: %s", want)
	}
	for _, email := range []string{"known@example.com", "KNOWN@example.com", "disabled@example.com", "nobody@example.com"} {
		if got := answer(email, "203.0.113.2"); got != want {
			t.Errorf("as %s:\n%s\nas nobody:\n%s", email, got, want)
		}
	}
	post.Idle()
	if k := post.Latest("known@example.com"); k.Subject != "You already have an account" || k.Link != "" {
		t.Errorf("the owner was told %q, %q", k.Subject, k.Link)
	}
	for _, k := range post.All() {
		if strings.Contains(k.To, "disabled") {
			t.Errorf("a disabled account was written to: %+v", k)
		}
	}
}

// K5: an address gets three mails an hour whoever asks, and one address of the network may ask
// ten times in ten minutes.
func TestK5_RegistrationFloodsNobody(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, behindProxy, stopClock)
	h.User("known")
	lets(h, "open")
	post, b := h.Post(), h.Browser()
	form := b.Get("/register").Form(t, "register", nil)
	statuses := map[int]int{}
	for i := range 100 {
		form.Values.Set("email", []string{"nobody@example.com", "known@example.com", "NoBody@Example.com"}[i%3])
		statuses[b.PostRaw(form.Action, form.Values, from(fmt.Sprintf("203.0.113.%d", i/10))).StatusCode]++
	}
	if statuses[http.StatusOK] != 100 {
		t.Errorf("answers: %v", statuses)
	}
	if p := b.PostRaw(form.Action, form.Values, from("203.0.113.1")); p.StatusCode != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
		t.Errorf("one address may ask on and on: %d", p.StatusCode)
	}
	post.Idle()
	sent := map[string]int{}
	for _, k := range post.All() {
		sent[strings.ToLower(k.To)]++
	}
	if sent["<nobody@example.com>"] != 3 || sent["<known@example.com>"] != 3 || len(sent) != 2 {
		t.Errorf("mails: %v", sent)
	}
}

// Who may: by mail domain, with the form's own token, from an address that is not banned.
func TestRegistration_WhoMay(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, behindProxy)
	lets(h, "example.com", "example.org")
	b := h.Browser()
	form := b.Get("/register").Form(t, "register", nil)
	for email, want := range map[string]int{
		"ann@example.com": http.StatusOK, "ann@EXAMPLE.org": http.StatusOK,
		"ann@sub.example.com": http.StatusForbidden, "ann@example.com.evil.example": http.StatusForbidden, "ann@evilexample.com": http.StatusForbidden,
		"ann": http.StatusBadRequest, "ann@evil.example, b@example.com": http.StatusBadRequest, `Ann <ann@example.com>`: http.StatusBadRequest,
		"a@evil.example@example.com": http.StatusBadRequest, "ann@example.com\r\nBcc: x@example.com": http.StatusBadRequest, "": http.StatusBadRequest,
	} {
		form.Values.Set("email", email)
		if p := b.PostRaw(form.Action, form.Values, from("198.51.100.9")); p.StatusCode != want {
			t.Errorf("%q: %d, want %d", email, p.StatusCode, want)
		}
	}
	form.Values.Set("email", "ann@example.com")
	form.Values.Set("csrf", "another")
	if p := b.PostRaw(form.Action, form.Values, from("198.51.100.9")); p.StatusCode != http.StatusForbidden {
		t.Errorf("without the form's token: %d", p.StatusCode)
	}
	h.World.Exec(`insert into platform.ip_bans (network, reason, created_at) values ($1, 'test', now())`, netip.MustParsePrefix("198.51.100.0/24"))
	form = b.Get("/register").Form(t, "register", url.Values{"email": {"ann@example.com"}})
	contains(t, b.PostRaw(form.Action, form.Values, from("198.51.100.9")), http.StatusForbidden, "")
}

// An application asks for an account (OpenID Connect Prompt Create): the page of registration,
// the mail, the account, the consent, and back. Before the link is opened nobody can sign in.
func TestPromptCreate(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	lets(h, "open")
	post, b, proof := h.Post(), h.Browser(), webtest.NewProof()
	p := b.Get(proof.Authorization("web", url.Values{"prompt": {"create"}, "login_hint": {"New@example.com"}}))
	contains(t, p, http.StatusOK, `value="New@example.com"`)
	contains(t, b.Press(p, "register", nil), http.StatusOK, `id="sent"`)
	link := post.Latest("New@example.com").Link
	if n := h.World.Text(`select count(*) from platform.users`); n != "(1)" {
		t.Errorf("there are %s users before the address is proven", n)
	}
	p = b.Get(link)
	contains(t, p, http.StatusOK, "New@example.com")
	contains(t, b.Press(p, "spend", url.Values{"username": {"new"}, "password": {"password12345"}}), http.StatusBadRequest, "everybody tries first")
	contains(t, b.Press(p, "spend", url.Values{"username": {"new user"}, "password": {anotherPassword}}), http.StatusBadRequest, `id="problem"`)
	h.World.Exec(`update platform.tenants set max_users = 1 where id = $1`, h.Tenant)
	contains(t, b.Press(p, "spend", url.Values{"username": {"new"}, "password": {anotherPassword}}), http.StatusConflict, "can take nobody more")
	h.World.Exec(`update platform.tenants set max_users = 2 where id = $1`, h.Tenant)
	// What the form adds to the link is of no weight.
	consent := b.Press(p, "spend", url.Values{"username": {"new"}, "display_name": {"New One"}, "password": {anotherPassword}, "email": {"ann@example.com"}, "role": {"owner"}})
	contains(t, consent, http.StatusOK, `id="accept"`)
	p = b.Press(consent, "accept", nil)
	if p.Left == nil {
		t.Fatalf("consent led to %d", p.StatusCode)
	}
	tokens := h.Exchange("web", p.Left.Query().Get("code"), proof)
	if tokens.Status != http.StatusOK {
		t.Fatalf("exchange: %d %s", tokens.Status, tokens.Raw)
	}
	var email, role, action string
	var verified time.Time
	var amr []string
	h.World.Get(`select u.email, u.role, u.email_verified_at, s.amr, e.action from platform.users u
		join platform.user_sessions s on s.user_id = u.id join platform.audit_events e on e.object_id = u.id::text and e.tenant_id = $1
		where u.username = 'new'`, []any{h.Tenant}, &email, &role, &verified, &amr, &action)
	if email != "New@example.com" || role != "user" || verified.IsZero() || fmt.Sprint(amr) != "[email]" || action != "user.register" {
		t.Errorf("the account is %s, %s, %v, %v, by %s", email, role, verified, amr, action)
	}
	contains(t, b.Get(link), http.StatusGone, "")
	again := h.Browser()
	contains(t, again.Press(again.Get("/login"), "sign-in", url.Values{"username": {"new"}, "password": {anotherPassword}}), http.StatusOK, "Your account")

	// Somebody who is signed in is asked again, and may come as who they are.
	p = b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"create"}}))
	contains(t, p, http.StatusOK, `id="register"`)
	p = b.SignIn(b.Get(regexp.MustCompile(`/login\?flow=[^"]+`).FindString(string(p.Body))), "ann")
	contains(t, p, http.StatusOK, `id="accept"`)
	if d := h.Browser().Get("/.well-known/openid-configuration"); !strings.Contains(string(d.Body), `"select_account","create"`) {
		t.Errorf("discovery: %s", d.Body)
	}
}
