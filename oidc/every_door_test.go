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

// holding is all that one person has of one client, before it ends.
type holding struct {
	h       *webtest.House
	client  string
	browser *webtest.Browser
	tokens  webtest.Answer
	code    string
	proof   webtest.Proof
}

func holds(h *webtest.House, client, username string) holding {
	h.T.Helper()
	b, tokens := signedIn(h, client, username, nil)
	proof := webtest.NewProof()
	return holding{h, client, b, tokens, b.Authorize(proof, client, username, nil).Get("code"), proof}
}

// alive is each door that still opens.
func (o holding) alive(t testing.TB) (doors []string) {
	t.Helper()
	access := o.tokens.Text("access_token")
	api, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.h.Socket()+"/api/v1/me", nil)
	noError(t, err)
	api.Header.Set("Authorization", "Bearer "+access)
	asked := o.browser.Get(webtest.NewProof().Authorization(o.client, url.Values{"prompt": {"none"}}))
	for door, opens := range map[string]bool{
		"introspection":              o.h.Introspect("watcher", access).JSON["active"] == true,
		"introspection of a refresh": o.h.Introspect(o.client, o.tokens.Text("refresh_token")).JSON["active"] == true,
		"UserInfo":                   userInfo(t, o.h, access).Status == http.StatusOK,
		"the API":                    o.h.Send(api).Status == http.StatusOK,
		"token exchange":             exchange(o.h, "gateway", access, nil).Status == http.StatusOK,
		"authorization":              shows(asked) == "code",
		"a code":                     o.h.Exchange(o.client, o.code, o.proof).Status == http.StatusOK,
		"a refresh":                  refresh(o.h, o.client, o.tokens.Text("refresh_token"), nil).Status == http.StatusOK,
	} {
		if opens {
			doors = append(doors, door)
		}
	}
	return doors
}

// C15: whatever is disabled, no door is forgotten.
func TestC15_EveryDoorCloses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	everywhere := func(c *storage.Client) { c.Tenant, c.OpenTo = authz.TenantID{}, storage.OpenToEveryone }
	h.Machine("watcher", func(c *storage.Client) { c.Tenant, c.Introspect = authz.TenantID{}, true })
	h.Machine("gateway", everywhere, func(c *storage.Client) {
		c.GrantTypes, c.Metadata.ExchangesTokensOf = []string{storage.GrantTokenExchange}, []string{"control", "user", "client", "group", "tenant"}
	})
	for _, id := range []string{"control", "user", "client", "tenant"} {
		h.Client(id, everywhere)
	}
	staff := h.World.Group(h.Tenant, "staff", "agents:read")
	h.Client("group", func(c *storage.Client) { c.OpenTo, c.Groups = storage.OpenToGroups, []authz.GroupID{staff} })
	elsewhere := h.World.Tenant("elsewhere")
	for what, end := range map[string]func(authz.UserID) error{
		"user":   func(id authz.UserID) error { return d.DisableUser(t.Context(), host, id) },
		"client": func(authz.UserID) error { return d.DisableClient(t.Context(), host, "client") },
		"group":  func(id authz.UserID) error { return d.RemoveMember(t.Context(), host, staff, id) },
		"tenant": func(authz.UserID) error { return d.SuspendTenant(t.Context(), host, elsewhere) },
	} {
		tenant := h.Tenant
		if what == "tenant" {
			tenant = elsewhere
		}
		user := h.UserOf("of-the-"+what, tenant)
		if what == "group" {
			noError(t, d.AddMember(t.Context(), host, staff, user))
		}
		person := holds(h, what, "of-the-"+what)
		noError(t, end(user))
		if doors := person.alive(t); len(doors) != 0 {
			t.Errorf("after the %s ended, %v still open", what, doors)
		}
	}
	h.User("of-the-control")
	if doors := holds(h, "control", "of-the-control").alive(t); len(doors) != 8 {
		t.Errorf("where nothing ended, only %v open", doors)
	}
}

// C13: whoever comes later by the same name is somebody else, in whatever way a client
// knows them, and nothing of the first opens anything of theirs.
func TestC13_DeletedUserComesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("pairwise", func(c *storage.Client) { c.Metadata.SubjectType = "pairwise" })
	d := directoryOf(h)
	first := h.User("carl")
	was := map[string]holding{"web": holds(h, "web", "carl"), "pairwise": holds(h, "pairwise", "carl")}
	hint := was["web"].tokens.Text("id_token")
	noError(t, d.DeleteUser(t.Context(), host, first, nil))
	var hash string
	h.World.Get(`select password_hash from platform.users where username = 'ann'`, nil, &hash)
	again, err := d.CreateUser(t.Context(), host, directory.CreateUser{Username: "carl", Email: "carl@example.com", PasswordHash: hash, Tenant: "acme"})
	noError(t, err)
	if again.ID == first {
		t.Error("the id was given again")
	}
	for client, before := range was {
		if doors := before.alive(t); len(doors) != 0 {
			t.Errorf("%s: %v still open to whoever was deleted", client, doors)
		}
		b, now := signedIn(h, client, "carl", nil)
		if one, two := claimsOf(t, before.tokens.Text("id_token"))["sub"], claimsOf(t, now.Text("id_token"))["sub"]; one == two {
			t.Errorf("%s: the subject %v is two people", client, one)
		}
		if got := shows(b.Get(webtest.NewProof().Authorization("web", url.Values{"id_token_hint": {hint}, "prompt": {"none"}}))); got == "code" {
			t.Errorf("%s: the old hint names the new user", client)
		}
	}
}
