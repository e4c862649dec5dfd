package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// operator is who hands links out.
var operator = directory.Actor{Name: "host", Host: true}

// setUpLink is an account without a password, and the link with which its owner begins.
func setUpLink(t *testing.T, h *webtest.House, username string) string {
	t.Helper()
	d := directory.New(h.Store, nil, h.Now)
	u, err := d.CreateUser(t.Context(), operator, directory.CreateUser{Username: username, Email: username + "@example.com", Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.SetUpLink(t.Context(), operator, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return linkURL(t, h, l)
}

func linkURL(t *testing.T, h *webtest.House, l storage.Link) string {
	t.Helper()
	links, err := authn.NewLinks(h.URL, h.Secret())
	if err != nil {
		t.Fatal(err)
	}
	return links.URL(l.ID)
}

func invitation(t *testing.T, h *webtest.House, email string) string {
	t.Helper()
	l, err := directory.New(h.Store, nil, h.Now).Invite(t.Context(), operator, directory.Invite{Email: email, Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	return linkURL(t, h, l)
}

// An account begins with a passkey, and has no password then; the link is spent by it.
func TestFirstPasskey_SetUp(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.AtLocalhost)
	link, b, d := setUpLink(t, h, "eve"), h.Browser(), newDevice(h)
	contains(t, d.press(b, b.Get(link), "create-passkey"), http.StatusOK, "Your account is ready")
	contains(t, b.Get(link), http.StatusGone, "")
	if p := d.press(b, b.Get("/login"), "use-passkey"); p.Request.URL.Path != "/account" {
		t.Errorf("the passkey leads to %s", p.Request.URL)
	}
	if have := h.World.Text(`select password_hash from platform.users where username = 'eve'`); !strings.Contains(have, storage.UnusablePassword) {
		t.Errorf("the account has a password: %s", have)
	}
	if log := h.World.Text(`select action from platform.audit_events`); !strings.Contains(log, "user.passkey.add") {
		t.Errorf("the audit log has %s", log)
	}
}

// Who tries twice, because the first name was taken, has one passkey that opens the account.
func TestFirstPasskey_Invitation(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.User("ann")
	link, b, d := invitation(t, h, "new@example.com"), h.Browser(), newDevice(h)
	handles := map[string]bool{}
	accept := func(username string) *webtest.Page {
		f := d.answer(t, b.Get(link), "create-passkey")
		handles[string(d.Options.UserHandle)] = true
		f.Values.Set("username", username)
		f.Values.Set("display_name", "New Comer")
		return b.Post(f.Action, f.Values)
	}
	contains(t, accept("ann"), http.StatusBadRequest, "")
	contains(t, accept("newcomer"), http.StatusOK, "You belong to")
	if len(handles) != 1 {
		t.Errorf("the authenticator keeps %d accounts", len(handles))
	}
	if p := d.press(b, b.Get("/login"), "use-passkey"); p.Request.URL.Path != "/account" || !strings.Contains(string(p.Body), "New Comer") {
		t.Errorf("the passkey leads to %s", p.Request.URL)
	}
}

// J1, J9: the question is of one link and one browser; what guards an account already is not passed by.
func TestJ1_J9_FirstPasskeyIsOfItsLink(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.AtLocalhost)
	b, d := h.Browser(), newDevice(h)
	one, two := setUpLink(t, h, "one"), invitation(t, h, "two@example.com")
	form := d.answer(t, b.Get(one), "create-passkey")
	other := b.Get(two).Form(t, "create-passkey", nil)
	swapped := url.Values{"username": {"two"}, "csrf": other.Values["csrf"], "token": other.Values["token"], "state": form.Values["state"], "response": form.Values["response"]}
	contains(t, b.Post("/link", swapped), http.StatusBadRequest, "open for too long")
	stranger := h.Browser()
	elsewhere := stranger.Get(one).Form(t, "create-passkey", nil).Values
	elsewhere.Set("state", form.Values.Get("state"))
	elsewhere.Set("response", form.Values.Get("response"))
	contains(t, stranger.Post("/link", elsewhere), http.StatusBadRequest, "open for too long")
	form.Values.Set("response", `{}`)
	contains(t, b.Post("/link", form.Values), http.StatusBadRequest, "not accepted")

	// Since the page was opened the account was given an authenticator app.
	form = d.answer(t, b.Get(one), "create-passkey")
	h.World.Exec(`insert into platform.totp_secrets (user_id, secret_sealed, last_step, created_at)
		select id, 'sealed', 0, now() from platform.users where username = 'one'`)
	contains(t, b.Post("/link", form.Values), http.StatusGone, "")
	if p := b.Get(one); strings.Contains(string(p.Body), "create-passkey") || !strings.Contains(string(p.Body), `id="password"`) {
		t.Errorf("an account with a second factor is offered another way around it:\n%s", p.Body)
	}
	// A link to choose another password makes no passkey, whatever is posted.
	h.User("ann")
	user, err := h.Store.UserByIdentifier(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	reset, err := directory.New(h.Store, nil, h.Now).ResetLink(t.Context(), operator, user.ID)
	if err != nil {
		t.Fatal(err)
	}
	page := b.Get(linkURL(t, h, reset))
	if strings.Contains(string(page.Body), "create-passkey") {
		t.Error("a reset offers a passkey")
	}
	form.Values.Set("token", page.Form(t, "spend", nil).Values.Get("token"))
	contains(t, b.Post("/link", form.Values), http.StatusGone, "")
	if n := h.World.Text(`select count(*) from platform.webauthn_credentials`); !strings.Contains(n, "0") {
		t.Errorf("there are passkeys: %s", n)
	}
}

// A tenant that accepts some models of authenticators alone holds who is invited to that too.
func TestFirstPasskey_TenantAcceptsSomeModels(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.World.Exec(`insert into platform.attestation_policies (tenant_id, aaguids) values ($1, array[gen_random_uuid()])`, h.Tenant)
	b, d := h.Browser(), newDevice(h)
	f := d.answer(t, b.Get(invitation(t, h, "new@example.com")), "create-passkey")
	f.Values.Set("username", "newcomer")
	contains(t, b.Post(f.Action, f.Values), http.StatusBadRequest, "does not accept this kind")
}
