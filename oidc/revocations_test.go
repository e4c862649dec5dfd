package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
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
