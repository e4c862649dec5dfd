package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/templates"
)

// asked is what the client asks for, in its own words. Hardly anybody holds all of
// it, so that something is left out.
var asked = []templates.ScopeWords{
	{Name: authz.ScopeOpenID, Title: "Know who you are"},
	{Name: authz.ScopeProfile, Title: "Read your name"},
	{Name: authz.ScopeEmail, Title: "Read your e-mail address"},
	{Name: authz.ScopeOfflineAccess, Title: "Stay signed in"},
	{Name: authz.ScopeUser, Title: "Use the API"},
	{Name: "agents:read", Title: "List agents"},
	{Name: "tools:execute", Title: "Run tools"},
	{Name: authz.ScopeAdmin, Title: "Run the place"},
	{Name: authz.ScopeBilling, Title: "See invoices"},
}

func everything() authz.ScopeSet {
	var set authz.ScopeSet
	for _, scope := range asked {
		set = set.With(scope.Name)
	}
	return set
}

// issuer is Gatehouse as its discovery document describes it.
type issuer struct {
	provider   *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	oauth      oauth2.Config
	endSession *url.URL
}

// discover fetches the document (OpenID Connect Discovery §4). go-oidc checks that
// it speaks of this very issuer.
func (a *App) discover(ctx context.Context) (*issuer, error) {
	provider, err := oidc.NewProvider(a.outbound(ctx), a.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover issuer: %w", err)
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("decode issuer metadata: %w", err)
	}
	endSession, err := url.Parse(metadata.EndSession)
	if err != nil || endSession.Host == "" {
		return nil, errors.New("issuer metadata has no end_session_endpoint")
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &issuer{
		provider: provider, endSession: endSession,
		verifier: provider.Verifier(&oidc.Config{ClientID: a.Client.ID, Now: a.Now}),
		oauth: oauth2.Config{
			ClientID: a.Client.ID, ClientSecret: a.Client.Secret,
			Endpoint: endpoint, RedirectURL: a.BaseURL + CallbackPath, Scopes: everything().Strings(),
		},
	}, nil
}
