package web_test

import (
	"encoding/json"
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
	node := startNode(t, "message-signing.mjs", map[string]any{})
	c, _, err := directory.New(h.Store, nil, h.Now).CreateClient(t.Context(), directory.Actor{Host: true, Name: "test"}, directory.CreateClient{
		Name: "Bank", Kind: storage.ClientWeb, Scopes: []authz.Pattern{"openid", "profile", "email", "offline_access", "agents:read", "user"},
		RedirectURIs: []string{webtest.RedirectURI}, JWKS: []byte(node.read()), Tenant: "acme", OpenTo: storage.OpenToTenant,
		Metadata: storage.ClientMetadata{Profile: storage.ProfileFAPI2Signing, UserInfoSigningAlg: "ES256"},
	})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{
		"issuer": h.URL, "client_id": c.ID, "redirect_uri": webtest.RedirectURI, "scope": foreignScope + " user", "resource": "https://agents.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	node.write(string(settings))
	address := parse(t, node.read())
	if !address.Query().Has("request_uri") || address.Query().Has("request") || address.Query().Has("scope") {
		t.Errorf("the client asks at %s", address)
	}
	node.write(visit(t, h.Browser(), address.String()).String())

	var got struct {
		Claims, UserInfo, Me, Narrower map[string]any
		TokenType                      string `json:"token_type"`
		Kept                           bool
	}
	if err := json.Unmarshal([]byte(node.read()), &got); err != nil {
		t.Fatal(err)
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
