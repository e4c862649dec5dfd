package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// A client is open to whom it names, and to nobody else.
func TestClientIsOpenTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	member, _ := h.User("member"), h.User("stranger")
	testers := h.World.Group(h.Tenant, "testers")
	h.World.Join(member, h.Tenant, testers)
	other := h.World.Tenant("other")
	h.UserOf("foreigner", other)
	elsewhere := h.World.Group(other, "testers")
	tests := []struct {
		client string
		change func(*storage.Client)
		may    map[string]bool
	}{
		{"closed", func(c *storage.Client) { c.OpenTo = storage.OpenToNobody }, nil},
		{"of-the-tenant", func(c *storage.Client) { c.OpenTo = storage.OpenToTenant }, map[string]bool{"member": true, "stranger": true}},
		{"of-a-group", func(c *storage.Client) { c.OpenTo, c.Groups = storage.OpenToGroups, []authz.GroupID{testers} }, map[string]bool{"member": true}},
		{"of-another-group", func(c *storage.Client) {
			c.OpenTo, c.Tenant, c.Groups = storage.OpenToGroups, authz.TenantID{}, []authz.GroupID{elsewhere}
		}, nil},
		{"of-everyone", func(c *storage.Client) { c.OpenTo, c.Tenant = storage.OpenToEveryone, authz.TenantID{} },
			map[string]bool{"member": true, "stranger": true, "foreigner": true}},
		// What the directory would refuse opens nothing here either.
		{"of-no-tenant", func(c *storage.Client) { c.OpenTo, c.Tenant = storage.OpenToTenant, authz.TenantID{} }, nil},
		{"of-one-and-everyone", func(c *storage.Client) { c.OpenTo = storage.OpenToEveryone }, nil},
	}
	for _, tt := range tests {
		h.Client(tt.client, tt.change)
		for _, name := range []string{"member", "stranger", "foreigner"} {
			answer := h.Browser().Authorize(webtest.NewProof(), tt.client, name, nil)
			if got := answer.Get("code") != ""; got != tt.may[name] {
				t.Errorf("%s at a client %s: %v", name, tt.client, answer)
			}
			if !tt.may[name] && (answer.Get("error") != "access_denied" || answer.Get("error_description") == "") {
				t.Errorf("%s at a client %s is told %v", name, tt.client, answer)
			}
		}
	}
}

// C15: whoever is no longer let in loses at once what they had.
func TestC15_ClosingAClientNarrowsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	tests := []struct {
		name  string
		close func(t *testing.T, client authz.ClientID, user authz.UserID, group authz.GroupID)
	}{
		{"closed", func(t *testing.T, client authz.ClientID, _ authz.UserID, _ authz.GroupID) {
			openTo := storage.OpenToNobody
			_, err := d.UpdateClient(t.Context(), host, client, directory.ClientChange{OpenTo: &openTo})
			noError(t, err)
		}},
		{"open to another group", func(t *testing.T, client authz.ClientID, _ authz.UserID, _ authz.GroupID) {
			openTo := storage.OpenToGroups
			g, err := d.CreateGroup(t.Context(), host, directory.CreateGroup{Tenant: h.Tenant, Name: "others"})
			noError(t, err)
			_, err = d.UpdateClient(t.Context(), host, client, directory.ClientChange{OpenTo: &openTo, Groups: []authz.GroupID{g.ID}})
			noError(t, err)
		}},
		{"no longer a member", func(t *testing.T, _ authz.ClientID, user authz.UserID, group authz.GroupID) {
			noError(t, d.RemoveMember(t.Context(), host, group, user))
		}},
		{"disabled", func(t *testing.T, client authz.ClientID, _ authz.UserID, _ authz.GroupID) {
			noError(t, d.DisableClient(t.Context(), host, client))
		}},
		{"everything ended", func(t *testing.T, _ authz.ClientID, user authz.UserID, _ authz.GroupID) {
			_, err := d.RevokeAllSessions(t.Context(), host, user)
			noError(t, err)
		}},
	}
	for i, tt := range tests {
		id := string(rune('a' + i))
		user := h.User("user-" + id)
		g, err := d.CreateGroup(t.Context(), host, directory.CreateGroup{Tenant: h.Tenant, Name: "group-" + id})
		noError(t, err)
		noError(t, d.AddMember(t.Context(), host, g.ID, user))
		h.Client("client-"+id, func(c *storage.Client) { c.OpenTo, c.Groups = storage.OpenToGroups, []authz.GroupID{g.ID} })
		tokens := h.Tokens("client-"+id, "user-"+id, url.Values{"scope": {"openid offline_access"}})
		access := tokens.Text("access_token")
		if !isActive(t, h, access) {
			t.Fatalf("%s: not active before", tt.name)
		}
		h.Advance(2 * time.Second)
		tt.close(t, authz.ClientID("client-"+id), user, g.ID)
		if isActive(t, h, access) {
			t.Errorf("%s: the token is active", tt.name)
		}
		if a := userInfo(t, h, access); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo says %d", tt.name, a.Status)
		}
		if a := h.Introspect("client-"+id, tokens.Text("refresh_token")); a.JSON["active"] == true {
			t.Errorf("%s: the refresh token is active", tt.name)
		}
		if a := refresh(h, "client-"+id, tokens.Text("refresh_token"), nil); a.Status != http.StatusBadRequest && a.Status != http.StatusUnauthorized || a.Text("access_token") != "" {
			t.Errorf("%s: the refresh gave %d %s", tt.name, a.Status, a.Raw)
		}
	}
}

// What a client may no longer ask for is gone from its tokens, a machine's too.
func TestC15_ClientLosesScopesAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	h.Machine("robot")
	person := h.Tokens("web", "ann", url.Values{"scope": {"openid tools:execute"}}).Text("access_token")
	machine := mustGrant(t, "robot", h.Token("robot", url.Values{"grant_type": {"client_credentials"}})).Text("access_token")
	h.Advance(2 * time.Second)
	for _, client := range []authz.ClientID{"web", "robot"} {
		_, err := d.UpdateClient(t.Context(), host, client, directory.ClientChange{Scopes: &[]authz.Pattern{"openid", "agents:read"}})
		noError(t, err)
	}
	for token, left := range map[string]string{person: "openid", machine: "agents:read"} {
		if got := h.Introspect("rs", token).Text("scope"); got != left {
			t.Errorf("introspection says %q, want %q", got, left)
		}
	}
}

// An agent is worth nothing once its owner has left its tenant.
func TestC15_AgentOfOneWhoLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	owner := h.User("owner")
	h.Machine("agent", func(c *storage.Client) { c.Kind, c.Owner = storage.ClientAgent, owner })
	ask := func() webtest.Answer {
		return h.Token("agent", url.Values{"grant_type": {"client_credentials"}, "scope": {"agents:read"}})
	}
	token := mustGrant(t, "agent", ask()).Text("access_token")
	h.Advance(2 * time.Second)
	members, err := d.Group(t.Context(), host, h.Tenant, storage.MembersGroup)
	noError(t, err)
	noError(t, d.RemoveMember(t.Context(), host, members.ID, owner))
	if isActive(t, h, token) {
		t.Error("the token of the agent is active")
	}
	mustRefuse(t, "the agent", ask(), http.StatusBadRequest, "invalid_scope")
}
