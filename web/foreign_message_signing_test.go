package web_test

import (
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// FAPI 2.0 Message Signing by a client library that this project did not write:
// private_key_jwt, a signed and pushed request, a signed response, DPoP, signed
// UserInfo, the API with a bound token, resource indicators.
func TestForeign_MessageSigning(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	ann := h.User("ann")
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, scopes, created_at) values ('https://agents.example', $1, '{agents:read}', now())`, h.Tenant)
	private, set := newForeignKey(t, "ES256", "sig")
	c, _, err := directory.New(h.Store, nil, h.Now).CreateClient(t.Context(), directory.Actor{Host: true, Name: "test"}, directory.CreateClient{
		Name: "Bank", Kind: storage.ClientWeb, Scopes: []authz.Pattern{"openid", "profile", "email", "offline_access", "agents:read", "user"},
		RedirectURIs: []string{webtest.RedirectURI}, JWKS: set, Tenant: "acme", OpenTo: storage.OpenToTenant,
		Metadata: storage.ClientMetadata{Profile: storage.ProfileFAPI2Signing, UserInfoSigningAlg: "ES256"},
	})
	if err != nil {
		t.Fatal(err)
	}

	p := newPerson(t, h)
	var got struct {
		Claims, UserInfo, Me, Narrower map[string]any
		TokenType                      string `json:"token_type"`
		Kept                           bool
	}
	p.serve("message-signing.mjs", map[string]any{
		"client_id": c.ID, "scope": foreignScope + " user", "resource": "https://agents.example", "key": private,
	}, &got)
	if address := parse(t, p.asked[0]).Query(); !address.Has("request_uri") || address.Has("request") || address.Has("scope") {
		t.Errorf("the client asks at %s", p.asked[0])
	}
	if got.Claims["sub"] != ann.String() || got.UserInfo["email"] != "ann@example.com" || got.TokenType != "dpop" || !got.Kept {
		t.Errorf("it got %+v", got)
	}
	if got.Me["username"] != "ann" {
		t.Errorf("the API answered %v", got.Me)
	}
	if aud, _ := got.Narrower["aud"].([]any); len(aud) == 0 || aud[0] != "https://agents.example" {
		t.Errorf("a token for one resource is for %v", got.Narrower["aud"])
	}
}
