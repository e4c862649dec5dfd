package oidc_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestC13_NamesakeOfADeletedClient: a client that is made anew under the id of a
// deleted one does not bring the tokens of that one back.
func TestC13_NamesakeOfADeletedClient(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	h.Machine("m2m")
	token := h.Token("m2m", url.Values{"grant_type": {"client_credentials"}}).Text("access_token")
	if a := h.Introspect("rs", token); a.JSON["active"] != true {
		t.Fatalf("before: %s", a.Raw)
	}
	h.World.Exec(`delete from platform.clients where id = 'm2m'`)
	h.Machine("m2m")
	h.World.Exec(`update platform.clients set created_at = $1 where id = 'm2m'`, h.Now().Add(2*time.Second))
	soon(t, "the deleted client's token is dead", func() bool { return !isActive(t, h, token) })
}
