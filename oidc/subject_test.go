package oidc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// OpenID Connect Core §8.1: each sector sees a subject of its own, always the same,
// and none of them is the user's id.
func TestPairwiseSubjects(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eve := h.User("eve").String()
	pairwise := func(id, sector string) {
		h.Client(id, func(c *storage.Client) {
			c.Metadata.SubjectType, c.Metadata.SectorIdentifierURI = "pairwise", sector
		})
	}
	pairwise("one", "https://one.example/uris")
	pairwise("sister", "https://one.example/others")
	pairwise("two", "https://two.example/uris")
	subject := map[string]string{}
	for _, client := range []string{"one", "sister", "two", "web"} {
		a := h.Tokens(client, "eve", nil)
		id, access := claimsOf(t, a.Text("id_token")), claimsOf(t, a.Text("access_token"))
		subject[client], _ = id["sub"].(string)
		u := userInfo(t, h, a.Text("access_token"))
		i := h.Introspect("rs", a.Text("access_token"))
		r := h.Introspect(client, a.Text("refresh_token"))
		for where, got := range map[string]any{"the access token": access["sub"], "userinfo": u.JSON["sub"], "introspection": i.JSON["sub"], "of the refresh token": r.JSON["sub"]} {
			if got != subject[client] {
				t.Errorf("%s: %s says %v, the ID token %s", client, where, got, subject[client])
			}
		}
		for name, value := range i.JSON {
			if value == eve && client != "web" {
				t.Errorf("%s: introspection gives the user's id away as %s", client, name)
			}
		}
		if again := claimsOf(t, h.Tokens(client, "eve", nil).Text("id_token"))["sub"]; again != subject[client] {
			t.Errorf("%s: another subject the second time", client)
		}
	}
	if subject["one"] != subject["sister"] || subject["one"] == subject["two"] || subject["web"] != eve || subject["one"] == eve || len(subject["one"]) != 43 {
		t.Errorf("subjects are %v", subject)
	}
}

// What ends a user's tokens ends those whose sub does not say whose they are.
func TestPairwiseSubjectsEndWithTheirUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("one", func(c *storage.Client) { c.Metadata.SubjectType = "pairwise" })
	a := h.Tokens("one", "ann", nil)
	if !isActive(t, h, a.Text("access_token")) {
		t.Fatal("a fresh token is inactive")
	}
	h.World.Exec(`update platform.users set disabled_at = now(), authz_changed_at = now() where username = 'ann'`)
	soon(t, "the token ends", func() bool { return !isActive(t, h, a.Text("access_token")) })
	if u := userInfo(t, h, a.Text("access_token")); u.Status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", u.Status)
	}
	mustRefuse(t, "refresh", refresh(h, "one", a.Text("refresh_token"), nil), http.StatusBadRequest, "invalid_grant")
}

// The client's own subject is what it may hint with, at sign-in and at sign-out.
func TestPairwiseSubjectsAsHints(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("one", func(c *storage.Client) {
		c.Metadata.SubjectType, c.PostLogoutRedirectURIs = "pairwise", []string{"https://app.example/bye"}
		c.Scopes = []authz.Pattern{"openid"}
	})
	proof := webtest.NewProof()
	b := h.Browser()
	code := b.Authorize(proof, "one", "ann", url.Values{"scope": {"openid"}}).Get("code")
	id := h.Exchange("one", code, proof).Text("id_token")
	if q := b.Get(webtest.NewProof().Authorization("one", url.Values{"scope": {"openid"}, "prompt": {"none"}, "id_token_hint": {id}})).Left.Query(); q.Get("code") == "" {
		t.Errorf("hinted: %v", q)
	}
	p := b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {"https://app.example/bye"}}.Encode())
	if p.Left == nil || p.Left.String() != "https://app.example/bye" {
		t.Errorf("sign-out with a hint: %d %v", p.StatusCode, p.Left)
	}
}
