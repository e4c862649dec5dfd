package oidc

import (
	"context"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// compose puts fosite together. Every strategy is set here, because fosite fills
// what is missing at the first request, and two first requests race.
func (p *Provider) compose() fosite.OAuth2Provider {
	config := &configuration{provider: p, Config: &fosite.Config{
		IDTokenIssuer:                p.Issuer,
		AccessTokenIssuer:            p.Issuer,
		AuthorizeCodeLifespan:        p.Lifetimes.Code,
		AccessTokenLifespan:          p.Lifetimes.AccessToken,
		IDTokenLifespan:              p.Lifetimes.IDToken,
		RefreshTokenLifespan:         p.Lifetimes.RefreshIdle,
		ScopeStrategy:                patternScopes,
		AudienceMatchingStrategy:     fosite.ExactAudienceMatchingStrategy,
		EnforcePKCE:                  true,
		MinParameterEntropy:          1, // 0 would mean fosite's default of 8
		OmitRedirectScopeParam:       true,
		RefreshTokenScopes:           []string{string(authz.ScopeOfflineAccess)},
		RedirectSecureChecker:        fosite.IsRedirectURISecure,
		ClientAuthenticationStrategy: p.authenticateClient,
		// One list for every handler, so that whatever reads a request back finds
		// all of it. fosite appends to the list: clipped, or two requests race.
		SanitationWhiteList: sanitationWhiteList[:len(sanitationWhiteList):len(sanitationWhiteList)],
	}}
	store := fositeStorage{p}
	code := &oauth2.AuthorizeExplicitGrantHandler{
		AccessTokenStrategy: accessTokenStrategy{p}, RefreshTokenStrategy: refreshTokenStrategy{p},
		AuthorizeCodeStrategy: codeStrategy{p}, CoreStorage: store, TokenRevocationStorage: store, Config: config,
	}
	proof := &pkce.Handler{AuthorizeCodeStrategy: codeStrategy{p}, Storage: store, Config: config}
	idToken := &openid.IDTokenHandleHelper{IDTokenStrategy: idTokenStrategy{p}}
	explicit := &openid.OpenIDConnectExplicitHandler{
		OpenIDConnectRequestStorage: store, IDTokenHandleHelper: idToken, Config: config,
		OpenIDConnectRequestValidator: openid.NewOpenIDConnectRequestValidator(nil, config),
	}
	refresh := &oauth2.RefreshTokenGrantHandler{
		AccessTokenStrategy: accessTokenStrategy{p}, RefreshTokenStrategy: refreshTokenStrategy{p},
		// A refresh may ask for less than offline_access; the grant has it all the same.
		TokenRevocationStorage: store, Config: anyScopeRefreshes{config},
	}
	refreshedID := idTokenAtRefresh{&openid.OpenIDConnectRefreshHandler{IDTokenHandleHelper: idToken, Config: config}}
	credentials := clientCredentialsHandler{p, &oauth2.ClientCredentialsGrantHandler{Config: config}}
	config.AuthorizeEndpointHandlers = fosite.AuthorizeEndpointHandlers{code, proof, explicit}
	config.byGrant = map[string]fosite.TokenEndpointHandlers{
		storage.GrantAuthorizationCode: {code, proof, explicit},
		storage.GrantRefreshToken:      {refresh, refreshedID},
		storage.GrantClientCredentials: {credentials},
		storage.GrantDeviceCode:        {deviceCodeHandler{p, idToken}},
		storage.GrantTokenExchange:     {tokenExchangeHandler{p}},
		storage.GrantCIBA:              {cibaHandler{p, idToken}},
		storage.GrantJWTBearer:         {jwtBearerHandler{p}},
	}
	return fosite.NewOAuth2Provider(store, config)
}

// clientCredentialsHandler makes the token without fosite's copy of the request, which is
// meant for a storage of access tokens.
type clientCredentialsHandler struct {
	provider *Provider
	*oauth2.ClientCredentialsGrantHandler
}

func (h clientCredentialsHandler) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	return h.provider.giveAccessToken(ctx, request, response)
}

// sanitationWhiteList is the parameters that survive fosite's sanitation: our
// storage picks from them what a grant keeps.
var sanitationWhiteList = []string{
	"redirect_uri", "code_challenge", "code_challenge_method", "nonce",
}

// configuration is fosite's, with the handlers chosen by grant type: an
// uninterested handler would otherwise answer each time with a captured stack.
type configuration struct {
	*fosite.Config
	provider *Provider
	byGrant  map[string]fosite.TokenEndpointHandlers
}

func (c *configuration) GetTokenEndpointHandlers(ctx context.Context) fosite.TokenEndpointHandlers {
	return c.byGrant[unitFrom(ctx).grantType]
}

type anyScopeRefreshes struct{ *configuration }

func (anyScopeRefreshes) GetRefreshTokenScopes(context.Context) []string { return nil }

// idTokenAtRefresh leaves the ID token out of a refresh unless the client was
// registered for it (OpenID Connect Core §12.2 makes it optional).
type idTokenAtRefresh struct {
	*openid.OpenIDConnectRefreshHandler
}

func (h idTokenAtRefresh) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	if c, ok := request.GetClient().(client); !ok || !c.IDTokenAtRefresh || !request.GetGrantedScopes().Has(string(authz.ScopeOpenID)) {
		return nil
	}
	return h.OpenIDConnectRefreshHandler.PopulateTokenEndpointResponse(ctx, request, response)
}

func (h idTokenAtRefresh) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	if !request.GetGrantedScopes().Has(string(authz.ScopeOpenID)) {
		return nil
	}
	return h.OpenIDConnectRefreshHandler.HandleTokenEndpointRequest(ctx, request)
}
