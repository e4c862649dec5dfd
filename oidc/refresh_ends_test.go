package oidc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

var host = directory.Actor{Name: "test", Host: true}

// directoryOf is the door through which operators change users and clients.
func directoryOf(h *webtest.House) *directory.Service {
	return directory.New(h.Store, nil, h.Now)
}

// signedIn is a browser in which a user is signed in, and the tokens that a client
// got there.
func signedIn(h *webtest.House, client, username string, change url.Values) (*webtest.Browser, webtest.Answer) {
	h.T.Helper()
	b, proof := h.Browser(), webtest.NewProof()
	a := h.Exchange(client, b.Authorize(proof, client, username, change).Get("code"), proof)
	return b, mustGrant(h.T, "exchange", a)
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ending is one way in which somebody's access ends.
type ending struct {
	name string
	end  func(t *testing.T, h *webtest.House, d *directory.Service, user authz.UserID, b *webtest.Browser)
}

var endings = []ending{
	{"user disabled", func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID, _ *webtest.Browser) {
		noError(t, d.DisableUser(t.Context(), host, user))
	}},
	{"user disabled, in the database alone", func(_ *testing.T, h *webtest.House, _ *directory.Service, user authz.UserID, _ *webtest.Browser) {
		h.World.Exec(`update platform.users set disabled_at = now() where id = $1`, user)
	}},
	{"user deleted", func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID, _ *webtest.Browser) {
		noError(t, d.DeleteUser(t.Context(), host, user, nil))
	}},
	{"password changed", func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID, _ *webtest.Browser) {
		noError(t, d.SetPasswordHash(t.Context(), host, user, storage.UnusablePassword))
	}},
	{"every session revoked", func(t *testing.T, _ *webtest.House, d *directory.Service, user authz.UserID, _ *webtest.Browser) {
		_, err := d.RevokeAllSessions(t.Context(), host, user)
		noError(t, err)
	}},
	{"one session revoked", func(t *testing.T, h *webtest.House, d *directory.Service, user authz.UserID, _ *webtest.Browser) {
		var session authz.SessionID
		h.World.Get(`select id from platform.user_sessions where user_id = $1`, []any{user}, &session)
		noError(t, d.RevokeSession(t.Context(), host, session))
	}},
	{"removed from the tenant", func(_ *testing.T, h *webtest.House, _ *directory.Service, user authz.UserID, _ *webtest.Browser) {
		h.World.Exec(`delete from platform.user_group_memberships where user_id = $1`, user)
	}},
	{"consent withdrawn", func(t *testing.T, _ *webtest.House, _ *directory.Service, _ authz.UserID, b *webtest.Browser) {
		form := b.Get("/account").Form(t, "sign-out", url.Values{"client_id": {"web"}})
		if page := b.Post("/account/apps/withdraw", form.Values); page.StatusCode != http.StatusOK {
			t.Fatalf("withdraw: %d", page.StatusCode)
		}
	}},
	{"signed out", func(_ *testing.T, _ *webtest.House, _ *directory.Service, _ authz.UserID, b *webtest.Browser) {
		b.Press(b.Get("/oauth2/logout"), "confirm-sign-out", nil)
	}},
	{"signed in again in the same browser", func(_ *testing.T, h *webtest.House, _ *directory.Service, _ authz.UserID, b *webtest.Browser) {
		h.User("else")
		b.SignIn(b.Get(webtest.NewProof().Authorization("other", url.Values{"prompt": {"select_account"}})), "else")
	}},
}

func TestD4_D5_C15_AccessEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	for i, e := range endings {
		name := "user" + string(rune('a'+i))
		user := h.User(name)
		b, tokens := signedIn(h, "web", name, nil)
		bystander := h.Tokens("web", "ann", nil)
		e.end(t, h, d, user, b)
		mustRefuse(t, e.name+": refresh", refresh(h, "web", tokens.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
		if isActive(t, h, tokens.Text("access_token")) {
			t.Errorf("%s: the access token is active", e.name)
		}
		if a := h.Introspect("web", tokens.Text("refresh_token")); a.Raw != inactive {
			t.Errorf("%s: the refresh token is %s", e.name, a.Raw)
		}
		if a := userInfo(t, h, tokens.Text("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo is %d", e.name, a.Status)
		}
		mustGrant(t, e.name+": somebody else's refresh", refresh(h, "web", bystander.Text("refresh_token"), nil))
	}
}

func TestD4_WaitingCodeDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	for i, e := range endings {
		name := "user" + string(rune('a'+i))
		user := h.User(name)
		b, proof := h.Browser(), webtest.NewProof()
		code := b.Authorize(proof, "web", name, nil).Get("code")
		e.end(t, h, d, user, b)
		mustRefuse(t, e.name+": exchange", h.Exchange("web", code, proof), http.StatusBadRequest, "invalid_grant")
	}
}

func TestC15_D10_ClientEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	ctx := t.Context()
	for _, c := range []struct {
		name string
		end  func(authz.ClientID) error
	}{
		{"disabled", func(id authz.ClientID) error { return d.DisableClient(ctx, host, id) }},
		{"deleted", func(id authz.ClientID) error { return d.DeleteClient(ctx, host, id, nil) }},
	} {
		client := h.Client(c.name)
		_, tokens := signedIn(h, c.name, "ann", nil)
		noError(t, c.end(client.ID))
		soon(t, c.name, func() bool { return !isActive(t, h, tokens.Text("access_token")) })
		soon(t, c.name, func() bool {
			return refresh(h, c.name, tokens.Text("refresh_token"), nil).Text("error") == "invalid_client"
		})
		if a := userInfo(t, h, tokens.Text("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo is %d", c.name, a.Status)
		}
	}

	_, tokens := signedIn(h, "web", "ann", nil)
	h.World.Exec(`update platform.clients set grant_types = '{authorization_code}' where id = 'web'`)
	soon(t, "D10: the grant type is gone", func() bool {
		return refresh(h, "web", tokens.Text("refresh_token"), nil).Text("error") == "unauthorized_client"
	})
}

func TestC15_SuspendedTenant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("everywhere", func(c *storage.Client) { c.Tenant = authz.TenantID{} })
	h.Machine("watcher", func(c *storage.Client) { c.Tenant, c.Introspect = authz.TenantID{}, true })
	_, tokens := signedIn(h, "everywhere", "ann", nil)
	if a := h.Introspect("watcher", tokens.Text("access_token")); a.JSON["active"] != true {
		t.Fatalf("before: %s", a.Raw)
	}
	noError(t, directoryOf(h).SuspendTenant(t.Context(), host, h.Tenant))
	if a := h.Introspect("watcher", tokens.Text("access_token")); a.Raw != inactive {
		t.Errorf("introspection: %s", a.Raw)
	}
	mustRefuse(t, "refresh", refresh(h, "everywhere", tokens.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
	soon(t, "the tenant's own client", func() bool {
		return h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("error") == "invalid_client"
	})
}
