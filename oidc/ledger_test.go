package oidc_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// trials is how often the race between replicas is run; GATEHOUSE_TEST_TRIALS says
// another number.
func trials(t *testing.T, usual int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("GATEHOUSE_TEST_TRIALS"))
	if err != nil {
		return usual
	}
	return n
}

// What is revoked on one replica is inactive on every other one within a second,
// and usually before anybody could ask; after a restart it still is.
func TestC11_RevokedOnEveryReplica(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replica := h.Replica()
	var took []time.Duration
	for range trials(t, 50) {
		token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
		if !isActive(t, replica, token) {
			t.Fatal("not active on the replica")
		}
		if a := h.Call("/oauth2/revoke", "rs", webtest.ClientSecret, url.Values{"token": {token}}); a.Status != http.StatusOK {
			t.Fatalf("revoke: %d %s", a.Status, a.Raw)
		}
		answered := time.Now()
		if isActive(t, h, token) {
			t.Fatal("active where it was revoked")
		}
		asked := time.Now() // what counts: a busy machine may answer late
		for isActive(t, replica, token) {
			if asked = time.Now(); asked.Sub(answered) > 30*time.Second {
				t.Fatal("active on the other replica for good")
			}
		}
		took = append(took, asked.Sub(answered))
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	t.Logf("%d trials: inactive on the other replica after %v at the median, %v at worst", len(took), median, worst)
	if median > 50*time.Millisecond || worst > time.Second {
		t.Errorf("%v at the median, %v at worst; want 50ms and 1s", median, worst)
	}
	token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	h.Call("/oauth2/revoke", "rs", webtest.ClientSecret, url.Values{"token": {token}})
	if isActive(t, h.Replica(), token) {
		t.Error("active after a restart")
	}
}

// What was revoked of a user who is deleted later stays dead, and no longer says whose
// it was: a resource server that begins to listen then refuses it too.
func TestC11_LedgerOutlivesItsUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := h.User("leaver")
	token := h.Tokens("web", "leaver", nil).Text("access_token")
	revoke(h, "web", token)
	noError(t, directoryOf(h).DeleteUser(t.Context(), host, user, nil))
	if named := h.World.Text(`select user_id is not null from platform.revoked_tokens where jti = $1`, claimsOf(t, token)["jti"]); named != "(f)" {
		t.Error("the ledger still names a user who is deleted")
	}
	soonRefused(t, offline(t, h), "revoked, then its user deleted", token, resource.ErrInvalidToken)
}

// Whoever ends something, whatever they end: the other replica knows.
func TestC11_EndsOnEveryReplica(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replica := h.Replica()
	d := directoryOf(h)
	for name, end := range map[string]func(t *testing.T, user authz.UserID, refresh string){
		"refresh token revoked": func(_ *testing.T, _ authz.UserID, refresh string) {
			h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {refresh}})
		},
		"consent withdrawn": func(t *testing.T, user authz.UserID, _ string) {
			noError(t, h.Store.ForUser(user).WithdrawConsent(t.Context(), "web", netip.Addr{}, h.Now(), h.Now().Add(time.Hour)))
		},
		"user disabled": func(t *testing.T, user authz.UserID, _ string) {
			noError(t, d.DisableUser(t.Context(), host, user))
		},
		"user deleted": func(t *testing.T, user authz.UserID, _ string) {
			noError(t, d.DeleteUser(t.Context(), host, user, nil))
		},
		"client disabled": func(*testing.T, authz.UserID, string) {
			h.World.Exec(`update platform.clients set disabled_at = now() where id = 'web'`)
		},
		"tenant suspended": func(*testing.T, authz.UserID, string) {
			h.World.Exec(`update platform.tenants set suspended_at = now() where id = $1`, h.Tenant)
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := h.User("user of " + name)
			tokens := h.Tokens("web", "user of "+name, nil)
			for _, at := range []*webtest.House{h, replica} {
				if a := at.Introspect("rs", tokens.Text("access_token")); a.JSON["active"] != true {
					t.Fatalf("before: %s", a.Raw)
				}
			}
			end(t, user, tokens.Text("refresh_token"))
			replica.Store.CatchUp(t.Context())
			for _, at := range []*webtest.House{h, replica} {
				// The caller may be suspended with its tenant, which is no answer either.
				if a := at.Introspect("rs", tokens.Text("access_token")); a.JSON["active"] == true {
					t.Errorf("after: %s", a.Raw)
				}
			}
			h.World.Exec(`update platform.clients set disabled_at = null`)
			h.World.Exec(`update platform.tenants set suspended_at = null`)
		})
	}
}

// While memory cannot be trusted the database is asked, and while that cannot be
// reached either nothing is called active.
func TestC11_NothingIsActiveInTheDark(t *testing.T) {
	t.Parallel()
	network := &webtest.Network{}
	h := newHouse(t)
	replica := h.Replica(network.Option)
	token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	if !isActive(t, replica, token) {
		t.Fatal("not active on the replica")
	}
	network.Silence() // nothing comes through any more, and nobody is told
	if a := replica.Introspect("rs", token); a.Status != http.StatusOK {
		t.Errorf("within two seconds memory answers: %d", a.Status)
	}
	h.Call("/oauth2/revoke", "rs", webtest.ClientSecret, url.Values{"token": {token}})
	silent := time.Now()
	for asked := silent; replica.Store.Fresh(); asked = time.Now() {
		if asked.Sub(silent) > 3*time.Second {
			t.Fatal("memory is trusted after three seconds of silence")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if a := replica.Introspect("rs", token); a.Status != http.StatusServiceUnavailable || a.JSON["active"] == true {
		t.Errorf("in the dark: %d %s", a.Status, a.Raw)
	}
	network.Mend()
	for mended := time.Now(); !replica.Store.Fresh(); time.Sleep(5 * time.Millisecond) {
		if time.Since(mended) > 30*time.Second {
			t.Fatal("the replica does not catch up")
		}
	}
	if isActive(t, replica, token) {
		t.Error("what was revoked in the meantime is active")
	}
}

// A connection that breaks is noticed: memory is not trusted for another moment, since
// what others were told meanwhile is not in it.
func TestC11_CutOffFromTheOthers(t *testing.T) {
	t.Parallel()
	c := &cable{}
	h := newHouse(t)
	replica := h.Replica(func(_ *web.Config, o *postgres.Options) { o.DialFunc = c.dial })
	token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	if !isActive(t, replica, token) {
		t.Fatal("not active on the replica")
	}
	c.set(true)
	cut := time.Now()
	for asked := cut; replica.Store.Fresh(); asked = time.Now() {
		if asked.Sub(cut) > time.Second {
			t.Fatal("memory is trusted a second after the connection broke")
		}
		time.Sleep(time.Millisecond)
	}
	if a := h.Call("/oauth2/revoke", "rs", webtest.ClientSecret, url.Values{"token": {token}}); a.Status != http.StatusOK {
		t.Fatalf("revoke: %d %s", a.Status, a.Raw)
	}
	if a := replica.Introspect("rs", token); a.Status != http.StatusServiceUnavailable || a.JSON["active"] == true {
		t.Errorf("cut off: %d %s", a.Status, a.Raw)
	}
	c.set(false)
	soon(t, "the replica is back", func() bool { return replica.Introspect("rs", token).Status == http.StatusOK })
	if isActive(t, replica, token) {
		t.Error("what was revoked in the meantime is active")
	}
}

// Rights that end change the token on every replica, and an older token asks the
// database until it expires; a younger one does not.
func TestC15_RightsEndOnEveryReplica(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replica := h.Replica()
	user := h.User("root", authz.RoleAdmin)
	scope := url.Values{"scope": {"openid tools:execute admin"}}
	token := h.Tokens("web", "root", scope).Text("access_token")
	role := authz.RoleViewer
	if got := replica.Introspect("rs", token).Text("scope"); got != scope.Get("scope") {
		t.Fatalf("before: %q", got)
	}
	_, err := directoryOf(h).UpdateUser(t.Context(), host, user, directory.UserChange{Role: &role})
	noError(t, err)
	replica.Store.CatchUp(t.Context())
	for name, at := range map[string]*webtest.House{"here": h, "on the other replica": replica} {
		if got := at.Introspect("rs", token).Text("scope"); got != "openid" {
			t.Errorf("%s: %q", name, got)
		}
	}
	// A client whose scopes were taken away is no different.
	h.Advance(time.Minute)
	token = h.Tokens("web", "ann", url.Values{"scope": {"openid tools:execute"}}).Text("access_token")
	h.World.Exec(`update platform.clients set scopes = '{openid}' where id = 'web'`)
	replica.Store.CatchUp(t.Context())
	if got := replica.Introspect("rs", token).Text("scope"); got != "openid" {
		t.Errorf("after the client lost a scope: %q", got)
	}
}
