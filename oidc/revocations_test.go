package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// feed asks for what was revoked.
func feed(t *testing.T, h *webtest.House, client string, query url.Values, tag string) (webtest.Answer, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Socket()+"/oauth2/revocations?"+query.Encode(), nil)
	noError(t, err)
	if client != "" {
		r.SetBasicAuth(client, webtest.ClientSecret)
	}
	r.Header.Set("If-None-Match", tag)
	a := h.Send(r)
	return a, a.Header.Get("ETag")
}

func TestRevocationFeed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("public", func(c *storage.Client) {
		c.AuthMethod, c.Kind, c.Introspect = storage.AuthMethodNone, storage.ClientSPA, true
	})
	for client, want := range map[string]int{"": http.StatusUnauthorized, "web": http.StatusForbidden, "rs": http.StatusOK} {
		if a, _ := feed(t, h, client, nil, ""); a.Status != want {
			t.Errorf("to %q: %d %s", client, a.Status, a.Raw)
		}
	}
	for name, query := range map[string]url.Values{
		"a cursor of one's own": {"cursor": {"bm90IG91cnMgYXQgYWxs"}}, "no cursor at all": {"cursor": {"!"}},
		"a long wait": {"wait": {"26"}}, "a wait that is no number": {"wait": {"soon"}}, "a wait before": {"wait": {"-1"}},
	} {
		if a, _ := feed(t, h, "rs", query, ""); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}

	first, tag := feed(t, h, "rs", nil, "")
	cursor := first.Text("cursor")
	if a, same := feed(t, h, "rs", url.Values{"cursor": {cursor}}, tag); a.Status != http.StatusNotModified || same != tag {
		t.Errorf("nothing new: %d %s %s", a.Status, a.Raw, same)
	}
	begun := time.Now()
	go func() {
		time.Sleep(200 * time.Millisecond)
		h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {h.Tokens("web", "ann", nil).Text("access_token")}})
	}()
	a, _ := feed(t, h, "rs", url.Values{"cursor": {cursor}, "wait": {"20"}}, tag)
	if dead, _ := a.JSON["dead"].(map[string]any); a.Status != http.StatusOK || len(dead) != 1 {
		t.Errorf("what was revoked meanwhile: %d %s", a.Status, a.Raw)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the answer was held back for %v", took)
	}

	// Many entries come in parts, each once.
	h.World.Exec(`insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at)
		select 'many-' || n, 'test', now(), now() + interval '1 hour' from generate_series(1, 2500) n`)
	seen, pages := 0, 0
	for cursor, more := a.Text("cursor"), true; more; pages++ {
		part, _ := feed(t, h, "rs", url.Values{"cursor": {cursor}}, "")
		dead, _ := part.JSON["dead"].(map[string]any)
		seen += len(dead)
		if len(part.Raw) > 64<<10 {
			t.Errorf("a part of %d bytes", len(part.Raw))
		}
		cursor, more = part.Text("cursor"), part.JSON["more"] == true
		if pages > 5 {
			t.Fatal("it does not end")
		}
	}
	if seen != 2500 || pages != 3 {
		t.Errorf("%d entries in %d parts", seen, pages)
	}
}

// offline is a resource server that verifies by itself and hears of revocations.
func offline(t *testing.T, h *webtest.House) *resource.Offline {
	t.Helper()
	o, err := resource.NewOffline(t.Context(), resource.OfflineConfig{
		Config: resource.Config{Issuer: h.URL, Audience: h.URL, Now: h.Now}, ClientID: "rs", ClientSecret: resource.NewSecret(webtest.ClientSecret),
	})
	noError(t, err)
	return o
}

// soonRefused waits until a token is refused: whoever asks a second later is.
func soonRefused(t *testing.T, o *resource.Offline, what, token string, want error) {
	t.Helper()
	begun := time.Now()
	for {
		asked := time.Now()
		_, err := o.Authenticate(t.Context(), token)
		if errors.Is(err, want) {
			return
		}
		if asked.Sub(begun) > time.Second {
			t.Errorf("%s: a second later the answer is still %v", what, err)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// G8: a resource server that asks nobody refuses a revoked token within a second.
func TestG8_OfflineHearsWithinASecond(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	o := offline(t, h)
	go o.Follow(t.Context())
	for what, end := range map[string]func(access string, tokens webtest.Answer){
		"the token is revoked":         func(access string, _ webtest.Answer) { revoke(h, "web", access) },
		"the refresh token is revoked": func(_ string, tokens webtest.Answer) { revoke(h, "web", tokens.Text("refresh_token")) },
	} {
		tokens := h.Tokens("web", "ann", nil)
		access := tokens.Text("access_token")
		if _, err := o.Authenticate(t.Context(), access); err != nil {
			t.Fatalf("%s: a living token: %v", what, err)
		}
		end(access, tokens)
		soonRefused(t, o, what, access, resource.ErrInvalidToken)
	}
	for i, loss := range []struct {
		what, change string
		want         error
	}{
		{"the user is disabled", `update platform.users set disabled_at = now(), authz_changed_at = now() where username = $1`, resource.ErrInvalidToken},
		{"a membership is lost", `delete from platform.user_group_memberships where user_id = (select id from platform.users where username = $1)`, resource.ErrInvalidToken},
		// The resource server's own client falls with the tenant: it cannot ask any more.
		{"the tenant is suspended", `update platform.tenants set suspended_at = now() where id in
			(select tenant_id from platform.user_group_memberships m join platform.users u on u.id = m.user_id where username = $1)`, resource.ErrUnavailable},
	} {
		name := fmt.Sprintf("user-%d", i)
		h.User(name)
		access := h.Tokens("web", name, nil).Text("access_token")
		if _, err := o.Authenticate(t.Context(), access); err != nil {
			t.Fatalf("%s: a living token: %v", loss.what, err)
		}
		h.World.Exec(loss.change, name)
		soonRefused(t, o, loss.what, access, loss.want)
	}
	h.World.Exec(`update platform.tenants set suspended_at = null`)
	h.Advance(10 * time.Second)

	// What begins later knows of what ended before.
	tokens := h.Tokens("web", "ann", nil)
	revoke(h, "web", tokens.Text("access_token"))
	if _, err := offline(t, h).Authenticate(t.Context(), tokens.Text("access_token")); !errors.Is(err, resource.ErrInvalidToken) {
		t.Errorf("at a resource server that was started later: %v", err)
	}
}

// A right that changed shows as well: what is left of the token's scopes
// is asked for, of the token that is issued right afterwards too.
func TestG8_OfflineNarrows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	o := offline(t, h)
	go o.Follow(t.Context())
	user := h.User("root", authz.RoleAdmin)
	form := url.Values{"scope": {"openid user tools:execute admin"}}
	scope := func(token string) string {
		p, err := o.Authenticate(t.Context(), token)
		noError(t, err)
		return p.Scopes.String()
	}
	before := h.Tokens("web", "root", form).Text("access_token")
	if got := scope(before); got != form.Get("scope") {
		t.Fatalf("an admin has %q", got)
	}
	h.World.Exec(`update platform.users set role = 'viewer', authz_changed_at = $2 where id = $1`, user, h.Now())
	soon(t, "the older token is narrowed", func() bool { return scope(before) == "openid user" })
	if got := scope(h.Tokens("web", "root", form).Text("access_token")); got != "openid user" {
		t.Errorf("a token issued right afterwards has %q", got)
	}
}

// What an agent's owner loses, the agent's tokens lose: those that name nobody, and those
// that it was given for a user's. The owner stands in neither.
func TestG8_AgentFallsWithItsOwnerOffline(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directoryOf(h)
	o := offline(t, h)
	go o.Follow(t.Context())
	role := authz.RoleViewer
	members, err := d.Group(t.Context(), host, h.Tenant, storage.MembersGroup)
	noError(t, err)
	for i, loss := range []struct {
		what string
		lose func(owner, other authz.UserID, agent authz.ClientID) error
		// left is the scope that stays; "" where the tokens are refused.
		left authz.ScopeSet
	}{
		{"is demoted", func(owner, _ authz.UserID, _ authz.ClientID) error {
			_, err := d.UpdateUser(t.Context(), host, owner, directory.UserChange{Role: &role})
			return err
		}, authz.ScopeSet{"agents:read"}},
		{"is disabled", func(owner, _ authz.UserID, _ authz.ClientID) error { return d.DisableUser(t.Context(), host, owner) }, nil},
		{"leaves the tenant", func(owner, _ authz.UserID, _ authz.ClientID) error {
			return d.RemoveMember(t.Context(), host, members.ID, owner)
		}, nil},
		{"is deleted", func(owner, _ authz.UserID, _ authz.ClientID) error {
			return d.DeleteUser(t.Context(), host, owner, nil)
		}, nil},
		{"is merged into a viewer", func(owner, other authz.UserID, _ authz.ClientID) error {
			_, err := d.MergeUsers(t.Context(), host, owner, other, false)
			return err
		}, authz.ScopeSet{"agents:read"}},
		{"gives it to a viewer", func(_, other authz.UserID, agent authz.ClientID) error {
			h.World.Exec(`update platform.clients set owner_id = $1 where id = $2`, other, agent)
			return nil
		}, authz.ScopeSet{"agents:read"}},
	} {
		owner, other := h.User(fmt.Sprintf("owner-%d", i)), h.User(fmt.Sprintf("viewer-%d", i), authz.RoleViewer)
		agent := h.Machine(fmt.Sprintf("agent-%d", i), func(c *storage.Client) {
			c.Kind, c.Owner, c.OpenTo = storage.ClientAgent, owner, storage.OpenToTenant
			c.GrantTypes, c.Metadata.ExchangesTokensOf = append(c.GrantTypes, storage.GrantTokenExchange), []string{"web"}
		})
		users := h.Tokens("web", "ann", url.Values{"scope": {"openid agents:read tools:execute"}}).Text("access_token")
		tokens := map[string]string{
			"its own":  mustGrant(t, "its own", h.Token(string(agent.ID), url.Values{"grant_type": {"client_credentials"}})).Text("access_token"),
			"a user's": mustGrant(t, "a user's", exchange(h, string(agent.ID), users, nil)).Text("access_token"),
		}
		for whose, token := range tokens {
			if p, err := o.Authenticate(t.Context(), token); err != nil || p.Scopes.String() != "agents:read tools:execute" {
				t.Fatalf("before the owner %s, %s: %v, %v", loss.what, whose, p, err)
			}
		}
		noError(t, loss.lose(owner, other, agent.ID))
		begun := time.Now()
		for whose, token := range tokens {
			for {
				asked := time.Now()
				p, err := o.Authenticate(t.Context(), token)
				if loss.left == nil && errors.Is(err, resource.ErrInvalidToken) || loss.left != nil && err == nil && slices.Equal(p.Scopes, loss.left) {
					break
				}
				if asked.Sub(begun) > time.Second {
					t.Errorf("a second after the owner %s, %s: %v, %v", loss.what, whose, p, err)
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
		if _, err := o.Authenticate(t.Context(), users); err != nil {
			t.Errorf("the owner %s, and the user's own token: %v", loss.what, err)
		}
	}
}

// A change is noted before it is committed, which may take a while: tokens that were
// issued in between do not know of it. Who follows the feed judges them anew, and who
// starts later; of what is long past nobody asks.
func TestG8_ChangeThatIsCommittedLate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	asked := &atomic.Int64{}
	h.Surround(func(made http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oauth2/introspect" {
				asked.Add(1)
			}
			made.ServeHTTP(w, r)
		})
	})
	form := url.Values{"scope": {"openid user tools:execute admin"}}
	demote := func(user authz.UserID, ago string) {
		h.World.Exec(fmt.Sprintf(`do $$ begin
			update platform.users set role = 'viewer', authz_changed_at = now() where id = '%[1]s';
			update platform.changes set at = at - interval '%[2]s' where row_id = '%[1]s';
		end $$`, user, ago))
	}
	following := offline(t, h)
	go following.Follow(t.Context())
	root := h.User("root", authz.RoleAdmin)
	between := h.Tokens("web", "root", form).Text("access_token")
	demote(root, "1 minute")
	soon(t, "who follows", func() bool {
		p, err := following.Authenticate(t.Context(), between)
		return err == nil && p.Scopes.String() == "openid user"
	})
	p, err := offline(t, h).Authenticate(t.Context(), between)
	noError(t, err)
	if p.Scopes.String() != "openid user" {
		t.Errorf("who starts later lets it in with %q", p.Scopes)
	}

	demote(h.User("past", authz.RoleAdmin), "2 hours")
	access := h.Tokens("web", "past", nil).Text("access_token")
	late, before := offline(t, h), asked.Load()
	if _, err := late.Authenticate(t.Context(), access); err != nil || asked.Load() != before {
		t.Errorf("about a change of two hours ago was asked %d times: %v", asked.Load()-before, err)
	}
}

// A feed that is silent lets nobody in: what was revoked meanwhile is not known.
func TestOfflineFailsClosed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	access := h.Tokens("web", "ann", nil).Text("access_token")
	o := offline(t, h)
	if _, err := o.Authenticate(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	h.Advance(16 * time.Second)
	if _, err := o.Authenticate(t.Context(), access); !errors.Is(err, resource.ErrUnavailable) {
		t.Errorf("after sixteen seconds of silence: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go o.Follow(ctx)
	soon(t, "it is heard again", func() bool { _, err := o.Authenticate(t.Context(), access); return err == nil })

	for name, c := range map[string]resource.OfflineConfig{
		"no client":      {Config: resource.Config{Issuer: h.URL, Audience: h.URL}},
		"a wrong secret": {Config: resource.Config{Issuer: h.URL, Audience: h.URL}, ClientID: "rs", ClientSecret: resource.NewSecret("wrong")},
		"no right":       {Config: resource.Config{Issuer: h.URL, Audience: h.URL}, ClientID: authz.ClientID("web"), ClientSecret: resource.NewSecret(webtest.ClientSecret)},
	} {
		if _, err := resource.NewOffline(t.Context(), c); err == nil {
			t.Errorf("%s: it begins", name)
		}
	}
}

// A client that proves itself by a key hears of revocations as one with a secret
// does: its assertion, good once, goes in the body.
func TestRevocationFeed_ByAssertion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := newAssertionKey(t)
	h.Machine("bank", func(c *storage.Client) {
		c.AuthMethod, c.JWKS, c.Introspect = storage.AuthMethodPrivateKeyJWT, key.jwks(t), true
	})
	document, err := key.MarshalJSON()
	noError(t, err)
	private, err := resource.ParseClientKey(document)
	noError(t, err)
	o, err := resource.NewOffline(t.Context(), resource.OfflineConfig{
		Config: resource.Config{Issuer: h.URL, Audience: h.URL, Now: h.Now}, ClientID: "bank", ClientKey: private,
	})
	noError(t, err)
	go o.Follow(t.Context())
	access := h.Tokens("web", "ann", nil).Text("access_token")
	if _, err := o.Authenticate(t.Context(), access); err != nil {
		t.Fatalf("a living token: %v", err)
	}
	revoke(h, "web", access)
	soonRefused(t, o, "revoked", access, resource.ErrInvalidToken)

	assertion := key.assertion(t, h, "bank", nil)
	for _, c := range []struct {
		name   string
		form   url.Values
		status int
	}{
		{"once", url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {assertion}}, http.StatusOK},
		{"again", url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {assertion}}, http.StatusUnauthorized},
		{"nobody", url.Values{}, http.StatusUnauthorized},
		{"a foreign cursor", url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, "bank", nil)}, "cursor": {"x"}}, http.StatusBadRequest},
	} {
		if a := post(t, h, "/oauth2/revocations", c.form); a.Status != c.status {
			t.Errorf("%s: %d %s", c.name, a.Status, a.Raw)
		}
	}
	// In an address it would be logged: there it counts for nothing.
	inAddress := url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, "bank", nil)}}
	if a, _ := feed(t, h, "", inAddress, ""); a.Status != http.StatusUnauthorized {
		t.Errorf("in the address: %d %s", a.Status, a.Raw)
	}
}
