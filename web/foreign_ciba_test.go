package web_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// npm's openid-client asks for a sign-in without a browser, and polls until the person
// has answered in their account.
func TestForeign_CIBA(t *testing.T) {
	t.Parallel()
	h, ann := newForeignHouse(t, "ES256")
	h.Client("desk", func(c *storage.Client) {
		c.RedirectURIs, c.GrantTypes, c.Metadata.BackChannelDelivery = nil, []string{storage.GrantCIBA}, "poll"
	})
	node := startNode(t, "ciba.mjs", map[string]any{"issuer": h.URL, "client_id": "desk", "client_secret": webtest.ClientSecret})
	node.read()
	b := h.Browser()
	page := b.SignIn(b.Get("/account/requests"), "ann")
	flow := regexp.MustCompile(`name="flow" value="([^"]+)"`).FindSubmatch(page.Body)
	if flow == nil {
		t.Fatalf("nobody is asked: %d\n%s", page.StatusCode, page.Body)
	}
	b.Post("/account/requests", url.Values{"csrf": page.Form(t, "sign-out", nil).Values["csrf"], "flow": {string(flow[1])}, "decision": {"accept"}})
	var got struct{ Claims map[string]any }
	if err := json.Unmarshal([]byte(node.read()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Claims["sub"] != ann || got.Claims["aud"] != "desk" {
		t.Errorf("claims: %v", got.Claims)
	}
}
