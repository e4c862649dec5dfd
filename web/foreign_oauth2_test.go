package web_test

import (
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// The device flow of x/oauth2 (RFC 8628), which finds out by itself how to name its client.
func TestForeign_GoDevice(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	ann := h.User("ann").String()
	h.Client("tv", func(c *storage.Client) {
		c.Name, c.Kind, c.AuthMethod, c.RedirectURIs = "Northwind tv", storage.ClientNative, storage.AuthMethodNone, nil
		c.GrantTypes = []string{storage.GrantDeviceCode, storage.GrantRefreshToken}
	})
	provider, err := oidc.NewProvider(t.Context(), h.URL)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{ClientID: "tv", Endpoint: provider.Endpoint(), Scopes: strings.Fields(foreignScope)}
	device, err := config.DeviceAuth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newPerson(t, h).connect(device.VerificationURIComplete)
	token, err := config.DeviceAccessToken(t.Context(), device)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: "tv"}).Verify(t.Context(), raw)
	if err != nil || id.Subject != ann || id.VerifyAccessToken(token.AccessToken) != nil {
		t.Errorf("the ID token: %+v, %v", id, err)
	}
	verifyUserInfo(t, provider, config.TokenSource(t.Context(), token), ann)
	if _, err := config.DeviceAccessToken(t.Context(), device); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("the device code again: %v", err)
	}
}

func TestForeign_GoClientCredentials(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Machine("machine")
	for name, style := range map[string]oauth2.AuthStyle{"told how": oauth2.AuthStyleInHeader, "finding out": oauth2.AuthStyleAutoDetect} {
		config := clientcredentials.Config{
			ClientID: "machine", ClientSecret: webtest.ClientSecret, TokenURL: h.URL + "/oauth2/token", Scopes: []string{"agents:read"}, AuthStyle: style,
		}
		token, err := config.Token(t.Context())
		if err != nil || token.Type() != "Bearer" || token.Extra("scope") != "agents:read" {
			t.Errorf("%s: %+v, %v", name, token, err)
		}
	}
}
