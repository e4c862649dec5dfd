package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// The whole of it by client libraries of others: what they refuse is our fault.
func TestForeign_GoOIDC(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{oidc.ES256, oidc.RS256} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			h, ann := newForeignHouse(t, alg)
			walkGoOIDC(t, h, ann)
		})
	}
}

func walkGoOIDC(t *testing.T, h *webtest.House, ann string) {
	ctx := t.Context()
	provider, err := oidc.NewProvider(ctx, h.URL)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: "foreign", ClientSecret: webtest.ClientSecret, RedirectURL: webtest.RedirectURI,
		Endpoint: provider.Endpoint(), Scopes: strings.Fields(foreignScope),
	}
	var more struct {
		Introspection string `json:"introspection_endpoint"`
		Revocation    string `json:"revocation_endpoint"`
		EndSession    string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		t.Fatal(err)
	}
	b := h.Browser()
	verifier := oauth2.GenerateVerifier()
	back := visit(t, b, config.AuthCodeURL("the-state", oidc.Nonce("the-nonce"), oauth2.S256ChallengeOption(verifier)))
	if back.Query().Get("state") != "the-state" {
		t.Fatalf("sent back to %s", back)
	}
	token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(token.Expiry); !strings.EqualFold(token.TokenType, "Bearer") || left < 9*time.Minute || left > 10*time.Minute {
		t.Errorf("a %s token for %v", token.TokenType, left)
	}
	raw, _ := token.Extra("id_token").(string)
	verifyIDToken(t, provider, token, raw, ann)
	verifyUserInfo(t, provider, config.TokenSource(ctx, token), ann)

	fresh, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if fresh.RefreshToken == "" || fresh.RefreshToken == token.RefreshToken || fresh.AccessToken == token.AccessToken {
		t.Error("refreshing rotated nothing")
	}
	if got := introspectAt(ctx, t, more.Introspection, fresh.AccessToken); got["active"] != true || got["sub"] != ann || got["client_id"] != "foreign" {
		t.Errorf("introspection before: %v", got)
	}
	postAt(ctx, t, more.Revocation, url.Values{"token": {fresh.RefreshToken}, "token_type_hint": {"refresh_token"}})
	for name, dead := range map[string]string{"access token": fresh.AccessToken, "refresh token": fresh.RefreshToken, "first access token": token.AccessToken} {
		if got := introspectAt(ctx, t, more.Introspection, dead); len(got) != 1 || got["active"] != false {
			t.Errorf("introspection of the %s afterwards: %v", name, got)
		}
	}
	if _, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: fresh.RefreshToken}).Token(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("refreshing afterwards: %v", err)
	}
	signsOut(t, b, more.EndSession+"?"+url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {"https://app.example/bye"}}.Encode())
}

func verifyIDToken(t *testing.T, provider *oidc.Provider, token *oauth2.Token, raw, ann string) {
	t.Helper()
	id, err := provider.Verifier(&oidc.Config{ClientID: "foreign"}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	if id.Nonce != "the-nonce" || id.Subject != ann {
		t.Errorf("nonce %q, subject %q", id.Nonce, id.Subject)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "another"}).Verify(t.Context(), raw); err == nil {
		t.Error("the ID token is good for another client")
	}
}

func verifyUserInfo(t *testing.T, provider *oidc.Provider, source oauth2.TokenSource, ann string) {
	t.Helper()
	info, err := provider.UserInfo(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Username string `json:"preferred_username"`
	}
	if err := info.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if info.Subject != ann || info.Email != "ann@example.com" || claims.Username != "ann" {
		t.Errorf("userinfo: %+v, %+v", info, claims)
	}
}

func postAt(ctx context.Context, t *testing.T, endpoint string, form url.Values) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("foreign", url.QueryEscape(webtest.ClientSecret))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", endpoint, response.Status)
	}
	return response
}

func introspectAt(ctx context.Context, t *testing.T, endpoint, token string) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.NewDecoder(postAt(ctx, t, endpoint, url.Values{"token": {token}}).Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}
