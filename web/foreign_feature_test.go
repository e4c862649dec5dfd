package web_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const foreignResource = "https://agents.example"

// newForeignKey is a private key as a JWK, and the key set that is registered of it.
func newForeignKey(t *testing.T, algorithm, use string) (private jose.JSONWebKey, set []byte) {
	t.Helper()
	var key any
	var err error
	switch algorithm {
	case "PS256", "RS256", "RSA-OAEP-256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	private = jose.JSONWebKey{Key: key, KeyID: "mine", Algorithm: algorithm, Use: use}
	set, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	return private, set
}

// answered is what a script got.
type answered map[string]any

// at is the value at the end of a path of names, nil where there is none.
func (a answered) at(path ...string) any {
	var value any = map[string]any(a)
	for _, name := range path {
		inner, _ := value.(map[string]any)
		value = inner[name]
	}
	return value
}

// One script for each feature, by npm's openid-client and oauth4webapi: what they
// refuse is our fault. want is by paths into what the script got; "ann" stands for her
// subject.
var foreignFeatures = []struct {
	script  string
	prepare func(t *testing.T, h *webtest.House) map[string]any
	want    map[string]any
}{
	{"private-key-jwt.mjs", func(t *testing.T, h *webtest.House) map[string]any {
		var all []jose.JSONWebKey
		for _, algorithm := range []string{"ES256", "PS256", "EdDSA", "RS256"} {
			private, set := newForeignKey(t, algorithm, "sig")
			h.Client("signer-"+algorithm, func(c *storage.Client) {
				c.AuthMethod, c.JWKS, c.Introspect, c.IDTokenAlg = storage.AuthMethodPrivateKeyJWT, set, true, "ES256"
			})
			all = append(all, private)
		}
		return map[string]any{"keys": all}
	}, map[string]any{
		"ES256 sub": "ann", "ES256 before": true, "ES256 after": false, "PS256 sub": "ann", "PS256 before": true, "PS256 after": false,
		"EdDSA sub": "ann", "EdDSA before": true, "EdDSA after": false, "RS256 sub": "ann", "RS256 before": true, "RS256 after": false,
	}},
	{"jar.mjs", func(t *testing.T, h *webtest.House) map[string]any {
		private, set := newForeignKey(t, "ES256", "sig")
		h.Client("signer", func(c *storage.Client) {
			c.JWKS, c.IDTokenAlg, c.Metadata.RequireSignedRequest = set, "ES256", true
		})
		return map[string]any{"client_id": "signer", "key": private}
	}, map[string]any{"claims sub": "ann", "claims aud": "signer"}},
	{"jarm.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		for _, algorithm := range []string{"ES256", "RS256"} {
			h.Client("jarm-"+algorithm, func(c *storage.Client) {
				c.IDTokenAlg, c.Metadata.AuthorizationSigningAlg = "ES256", algorithm
			})
		}
		return nil
	}, map[string]any{"subjects ES256": "ann", "subjects RS256": "ann", "refused": "login_required"}},
	{"legacy-response-types.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		h.Client("old", func(c *storage.Client) {
			c.IDTokenAlg, c.Metadata.ResponseTypes = "ES256", []string{storage.ResponseCodeIDToken, storage.ResponseIDToken}
		})
		return map[string]any{"client_id": "old"}
	}, map[string]any{"hybrid sub": "ann", "hybrid aud": "old", "implicit sub": "ann", "implicit email": "ann@example.com"}},
	{"dpop.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		h.Client("spa", func(c *storage.Client) {
			c.Kind, c.AuthMethod, c.IDTokenAlg = storage.ClientSPA, storage.AuthMethodNone, "ES256"
		})
		return map[string]any{"client_id": "spa"}
	}, map[string]any{
		"sub": "ann", "userinfo sub": "ann", "token_type": "dpop", "refused": "invalid_grant", "judged sub": "ann", "judged client_id": "spa",
	}},
	{"device.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		h.Client("tv", func(c *storage.Client) {
			c.Name, c.Kind, c.AuthMethod, c.RedirectURIs, c.IDTokenAlg = "Northwind tv", storage.ClientNative, storage.AuthMethodNone, nil, "ES256"
			c.GrantTypes = []string{storage.GrantDeviceCode, storage.GrantRefreshToken}
		})
		return map[string]any{"client_id": "tv"}
	}, map[string]any{"claims sub": "ann", "claims aud": "tv", "waiting": "authorization_pending", "refreshed": "bearer"}},
	{"ciba.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		h.Client("desk", func(c *storage.Client) {
			c.RedirectURIs, c.GrantTypes, c.IDTokenAlg, c.Metadata.BackChannelDelivery = nil, []string{storage.GrantCIBA}, "ES256", "poll"
		})
		return map[string]any{"client_id": "desk"}
	}, map[string]any{"claims sub": "ann", "claims aud": "desk"}},
	{"token-exchange.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		h.Machine("gateway", func(c *storage.Client) {
			c.GrantTypes, c.OpenTo = []string{storage.GrantTokenExchange}, storage.OpenToTenant
			c.Metadata.ExchangesTokensOf = []string{"foreign"}
		})
		return map[string]any{"client_id": "foreign"}
	}, map[string]any{
		"sub": "ann", "claims sub": "ann", "claims scope": "agents:read", "claims act sub": "gateway", "token_type": "bearer",
		"issued": "urn:ietf:params:oauth:token-type:access_token",
	}},
	{"jwt-bearer.mjs", func(t *testing.T, h *webtest.House) map[string]any {
		private, set := newForeignKey(t, "EdDSA", "sig")
		h.World.Exec(`insert into platform.trusted_issuers (id, tenant_id, vouches_for, issuer, jwks, subject, scopes, created_at)
			values (gen_random_uuid(), $1, 'people', 'https://idp.example', $2, 'username', '{agents:read}', now())`, h.Tenant, json.RawMessage(set))
		h.Machine("bridge", func(c *storage.Client) {
			c.GrantTypes, c.OpenTo = []string{storage.GrantJWTBearer}, storage.OpenToTenant
			c.Metadata.TakesAssertionsOf = []string{"https://idp.example"}
		})
		return map[string]any{"client_id": "bridge", "key": private}
	}, map[string]any{"claims sub": "ann", "claims scope": "agents:read", "claims client_id": "bridge", "token_type": "bearer", "again": "invalid_grant"}},
	{"registration.mjs", func(*testing.T, *webtest.House) map[string]any { return nil }, map[string]any{
		"claims sub": "ann", "aud_is_it": true, "scope": foreignScope, "name": "Foreign", "refreshed": "bearer",
	}},
	{"introspection-jwt.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		for _, algorithm := range []string{"ES256", "RS256"} {
			h.Machine("rs-"+algorithm, func(c *storage.Client) {
				c.Introspect, c.Metadata.IntrospectionSigningAlg = true, algorithm
			})
		}
		return map[string]any{"client_id": "foreign"}
	}, map[string]any{
		"sub": "ann", "all ES256 alive": true, "all ES256 sub": "ann", "all ES256 junk active": false, "all RS256 alive": true, "all RS256 junk active": false,
	}},
	{"client-credentials.mjs", func(_ *testing.T, h *webtest.House) map[string]any {
		h.Machine("machine")
		return map[string]any{"client_id": "machine"}
	}, map[string]any{"claims sub": "machine", "claims client_id": "machine", "claims scope": "agents:read", "elsewhere": "refused", "beyond": "invalid_target"}},
	{"encrypted-id-token.mjs", func(t *testing.T, h *webtest.House) map[string]any {
		private, set := newForeignKey(t, "RSA-OAEP-256", "enc")
		h.Client("reader", func(c *storage.Client) {
			c.JWKS, c.IDTokenAlg, c.Metadata.IDTokenEncryptionAlg, c.Metadata.IDTokenEncryptionEnc = set, "ES256", "RSA-OAEP-256", "A256GCM"
		})
		return map[string]any{"client_id": "reader", "key": private}
	}, map[string]any{"claims sub": "ann", "claims aud": "reader", "parts": 5.0}},
}

func TestForeign_Features(t *testing.T) {
	t.Parallel()
	h, ann := newForeignHouse(t, "ES256", func(c *web.Config, _ *postgres.Options) {
		c.LegacyResponseTypes, c.Registration = true, oidc.RegistrationOpen
	})
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, scopes, created_at) values ($2, $1, '{agents:read}', now())`, h.Tenant, foreignResource)
	for _, test := range foreignFeatures {
		settings := test.prepare(t, h)
		if settings == nil {
			settings = map[string]any{}
		}
		settings["resource"] = foreignResource
		t.Run(test.script, func(t *testing.T) {
			t.Parallel()
			got := answered{}
			newPerson(t, h).serve(test.script, settings, &got)
			for path, want := range test.want {
				if want == "ann" {
					want = ann
				}
				if value := got.at(strings.Fields(path)...); value != want {
					t.Errorf("%s is %v, want %v", path, value, want)
				}
			}
			if t.Failed() {
				t.Logf("it got %v", got)
			}
		})
	}
}
