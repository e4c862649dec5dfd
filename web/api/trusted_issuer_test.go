package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// An issuer from its first day to its last.
func TestTrustedIssuers(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	held := token(h, "olga", "openid agents:read admin")
	made := call(h, held, "POST", "/trusted-issuers", `{"issuer":"https://idp.example","jwks_uri":"https://idp.example/jwks","scopes":["openid","agents:read"],"tenant":"acme"}`)
	if made.Status != http.StatusCreated || made.Text("vouches_for") != "people" || made.Text("subject") != "email" || made.Text("tenant_id") != h.Tenant.String() {
		t.Fatalf("made: %d %s", made.Status, made.Raw)
	}
	at := "/trusted-issuers/" + made.Text("id")
	if shown := call(h, held, "GET", at, ""); shown.Status != http.StatusOK || shown.Raw != made.Raw {
		t.Errorf("shown: %d %s", shown.Status, shown.Raw)
	}
	software := call(h, held, "POST", "/trusted-issuers", `{"issuer":"https://idp.example","vouches_for":"software","jwks_uri":"https://idp.example/jwks","all_tenants":true}`)
	if software.Status != http.StatusCreated || software.JSON["subject"] != nil || software.JSON["tenant_id"] != nil {
		t.Errorf("software: %d %s", software.Status, software.Raw)
	}
	if listed := items(t, call(h, held, "GET", "/trusted-issuers?tenant=acme", "")); len(listed) != 1 || listed[0]["id"] != made.Text("id") {
		t.Errorf("the tenant's: %v", listed)
	}
	for name, body := range map[string]string{
		"twice":            `{"issuer":"https://idp.example","jwks_uri":"https://idp.example/jwks","scopes":["openid"],"tenant":"acme"}`,
		"without keys":     `{"issuer":"https://other.example","scopes":["openid"]}`,
		"without scopes":   `{"issuer":"https://other.example","jwks_uri":"https://idp.example/jwks"}`,
		"a bad pattern":    `{"issuer":"https://other.example","jwks_uri":"https://idp.example/jwks","scopes":["a*b"]}`,
		"an odd subject":   `{"issuer":"https://other.example","jwks_uri":"https://idp.example/jwks","scopes":["openid"],"subject":"phone"}`,
		"a tenant unheard": `{"issuer":"https://other.example","jwks_uri":"https://idp.example/jwks","scopes":["openid"],"tenant":"nowhere"}`,
	} {
		if a := call(h, held, "POST", "/trusted-issuers", body); a.Status < 400 || a.Status >= 500 {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	want(t, "a scope that olga's token does not hold", call(h, held, "POST", "/trusted-issuers", `{"issuer":"https://other.example","jwks_uri":"https://idp.example/jwks","scopes":["billing"]}`), http.StatusForbidden)
	want(t, "no id", call(h, held, "GET", "/trusted-issuers/idp", ""), http.StatusUnprocessableEntity)
	if gone := call(h, held, "DELETE", at, ""); gone.Status != http.StatusOK || !strings.Contains(gone.Raw, "removed") {
		t.Errorf("removed: %d %s", gone.Status, gone.Raw)
	}
	want(t, "after its end", call(h, held, "GET", at, ""), http.StatusNotFound)
}
