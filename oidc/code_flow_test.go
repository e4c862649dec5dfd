package oidc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	tokens := h.Tokens("web", "ann", nil)
	t.Log(tokens.Raw)
	got := h.Introspect("rs", tokens.Text("access_token"))
	t.Log(got.Raw)
	again := h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}})
	t.Log(again.Raw)
	if again.Status != http.StatusOK {
		t.Fatal("refresh")
	}
	m := h.Token("rs", url.Values{"grant_type": {"client_credentials"}})
	t.Log(m.Raw)
}
