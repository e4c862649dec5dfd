package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
)

// The id of a client that describes itself is an address, with slashes: operators
// see, stop and remove it by that.
func TestClientsThatDescribeThemselves(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", "owner")
	admin := token(h, "olga", "openid admin")
	const id = "https://agent.example/a%20b/agent.json?x=y"
	h.Client(id, func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientNative, storage.AuthMethodNone })
	at := "/clients/" + url.PathEscape(id)
	one := call(h, admin, http.MethodGet, at, "")
	want(t, "see it", one, http.StatusOK)
	if one.JSON["client_id"] != id {
		t.Errorf("it is %s", one.Raw)
	}
	want(t, "stop it", call(h, admin, http.MethodPost, at+"/disable", ""), http.StatusOK)
	if one := call(h, admin, http.MethodGet, at, ""); one.JSON["disabled_at"] == nil {
		t.Errorf("it is not stopped: %s", one.Raw)
	}
	want(t, "remove it", call(h, admin, http.MethodDelete, at, ""), http.StatusOK)
	want(t, "see it no more", call(h, admin, http.MethodGet, at, ""), http.StatusNotFound)
}
