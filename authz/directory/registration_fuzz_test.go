package directory

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Whatever a stranger says of a client, it becomes nothing that the policy does not allow,
// and sends people nowhere that a redirect URI must not lead.
func FuzzRegistration(f *testing.F) {
	const code = `["authorization_code","refresh_token"]`
	f.Add(`{}`, "https://shop.apps.example/cb", "openid agents:read", code, "client_secret_basic", "web")
	f.Add(`{"backchannel_token_delivery_mode":"ping","backchannel_client_notification_endpoint":"https://shop.example/ping"}`, "https://apps.example", "", code, "client_secret_post", "web")
	f.Add(`{"frontchannel_logout_uri":"https://shop.apps.example/out","request_uris":["https://shop.apps.example/r#x"]}`, "https://shop.apps.example/cb", "openid", code, "none", "spa")
	f.Add(`{"jwks_uri":"https://shop.apps.example/jwks","require_signed_request_object":true,"subject_type":"pairwise"}`, "https://shop.apps.example/cb", "*", `[]`, "private_key_jwt", "web")
	f.Add(`{"exchanges_tokens_of":["desk"],"takes_assertions_of":["https://idp.example"],"profile":"fapi2"}`, "http://127.0.0.1/cb", "agents:*", `["client_credentials"]`, "tls_client_auth", "native")
	f.Add(`{"response_types":["code id_token"],"authorization_details_types":["payment"]}`, "com.example.app:/cb", "openid", `["implicit"]`, "none", "native")
	by := Admission{Origin: storage.OriginToken, Tenant: authz.NewID[authz.TenantID](time.Unix(0, 0)), Policy: storage.RegistrationPolicy{
		GrantTypes: []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken}, Scopes: []authz.Pattern{"openid", "agents:*"},
		RedirectHosts: []string{"apps.example"}, OpenTo: storage.OpenToTenant,
	}}
	f.Fuzz(func(t *testing.T, metadata, redirect, scope, grants, method, kind string) {
		n := CreateClient{Name: "Shop", RedirectURIs: []string{redirect}, AuthMethod: method, Kind: storage.ClientKind(kind)}
		scopes, err := authz.ParsePatterns(scope)
		if err != nil || json.Unmarshal([]byte(metadata), &n.Metadata) != nil || json.Unmarshal([]byte(grants), &n.GrantTypes) != nil {
			return
		}
		n.Scopes = scopes
		c, err := by.admit(n, time.Unix(1e9, 0))
		if err != nil {
			var wrong *InvalidError
			if !errors.As(err, &wrong) || wrong.Field == "" || wrong.Problem == "" {
				t.Errorf("%q: %v", metadata, err)
			}
			return
		}
		if c.FirstParty || c.SkipConsent || c.Introspect || c.SelfRegistered || c.Tenant != by.Tenant || c.OpenTo != by.Policy.OpenTo || len(c.Metadata.ExchangesTokensOf)+len(c.Metadata.TakesAssertionsOf) > 0 {
			t.Errorf("%q gives a privilege: %+v", metadata, c)
		}
		for _, g := range c.GrantTypes {
			if !slices.Contains(by.Policy.GrantTypes, g) {
				t.Errorf("%q gives the grant type %q", metadata, g)
			}
		}
		for _, p := range c.Scopes {
			if len(n.Scopes) > 0 && strings.Contains(string(p), "*") || !strings.HasPrefix(string(p), "agents:") && p != "openid" {
				t.Errorf("%q gives %q", scope, p)
			}
		}
		for _, uri := range c.RedirectURIs {
			if CheckRedirectURI(uri, c.Kind) != nil || !hostWithin(by.Policy.RedirectHosts, uri) {
				t.Errorf("people are sent to %q", uri)
			}
		}
		m := c.Metadata
		for _, address := range append([]string{m.JWKSURI, m.BackChannelLogoutURI, m.BackChannelNotificationURI, m.SectorIdentifierURI}, m.RequestURIs...) {
			if address != "" && checkFetched("x", address) != nil {
				t.Errorf("%q would be fetched", address)
			}
		}
	})
}
