package oidc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestO7_PublicClientsAreBounded: what anybody can have us keep in the name of a
// public client is bounded for each address; a client that proves who it is goes on.
func TestO7_PublicClientsAreBounded(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Client("spa", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientSPA, storage.AuthMethodNone })
	h.Client("web")
	push := func(client, secret string) int {
		query, _ := url.ParseQuery(webtest.NewProof().Authorization(client, nil)[len("/oauth2/authorize?"):])
		return h.Call("/oauth2/par", client, secret, query).Status
	}
	statuses := map[int]int{}
	for range 40 {
		statuses[push("spa", "")]++
	}
	// The counter lets one more through every two seconds.
	if statuses[http.StatusCreated] < 30 || statuses[http.StatusCreated] > 35 || statuses[http.StatusTooManyRequests] < 5 {
		t.Errorf("40 requests of a public client: %v, want about 30 of 201 and the rest 429", statuses)
	}
	for range 35 {
		if status := push("web", webtest.ClientSecret); status != http.StatusCreated {
			t.Fatalf("a client that proved who it is: %d", status)
		}
	}
}
