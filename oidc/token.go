package oidc

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// grantTypes is what the token endpoint answers.
var grantTypes = []string{
	storage.GrantAuthorizationCode, storage.GrantRefreshToken, storage.GrantClientCredentials, storage.GrantDeviceCode, storage.GrantTokenExchange,
	storage.GrantCIBA, storage.GrantJWTBearer,
}

// Token is the token endpoint (RFC 6749 §3.2).
func (p *Provider) Token(w http.ResponseWriter, r *http.Request) {
	parameters, err := form(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	answer, err := p.token(w, r, parameters)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	p.writeJSON(w, http.StatusOK, answer)
}

// tokenResponse is RFC 6749 §5.1.
type tokenResponse struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	// ExpiresIn is in seconds.
	ExpiresIn    int64  `json:"expires_in"`
	Scope        string `json:"scope"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	// IssuedTokenType is RFC 8693 §2.2.1.
	IssuedTokenType string `json:"issued_token_type,omitempty"`
	// GrantID is Grant Management for OAuth 2.0 §5.2, for clients that asked for it.
	GrantID string `json:"grant_id,omitempty"`
	// AuthorizationDetails are as they were granted (RFC 9396 §7).
	AuthorizationDetails []storage.AuthorizationDetail `json:"authorization_details,omitempty"`
}

func newTokenResponse(u *unit, request fosite.AccessRequester, response fosite.AccessResponder) *tokenResponse {
	made := request.GetSession().(*session)
	answer := &tokenResponse{
		AccessToken: response.GetAccessToken(), TokenType: made.confirm.tokenType(), ExpiresIn: int64(made.lifetime / time.Second),
		Scope: strings.Join(request.GetGrantedScopes(), " "), AuthorizationDetails: made.details,
	}
	answer.RefreshToken, _ = response.GetExtra("refresh_token").(string)
	answer.IDToken, _ = response.GetExtra("id_token").(string)
	answer.IssuedTokenType, _ = response.GetExtra("issued_token_type").(string)
	if u.loaded != nil && u.loaded.Grant.Details.TellsID {
		answer.GrantID = u.loaded.Grant.ID.String()
	}
	return answer
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request, parameters url.Values) (*tokenResponse, error) {
	grantType := parameters.Get("grant_type")
	switch {
	case grantType == "":
		return nil, badRequest("invalid_request", "The parameter grant_type is missing.")
	case !slices.Contains(grantTypes, grantType):
		return nil, badRequest("unsupported_grant_type", descriptions["unsupported_grant_type"])
	}
	// fosite reads the form again: it sees what was checked and nothing else.
	r.Form, r.PostForm = parameters, parameters
	ctx, u := p.withUnit(r.Context(), grantType)
	if grantType == storage.GrantRefreshToken && parameters.Has("scope") {
		narrowed, err := authz.ParseScopeSet(parameters.Get("scope"))
		if err != nil {
			return nil, badRequest("invalid_scope", descriptions["invalid_scope"])
		}
		u.narrowTo = narrowed
	}
	codeGuesses, err := p.codeGuesses(ctx, grantType, authz.ClientID(parameters.Get("client_id")))
	if err != nil {
		return nil, err
	}
	if u.targets, err = p.targets(ctx, destinations(grantType, parameters), authz.TenantID{}); err != nil {
		return nil, err
	}
	if u.details, err = tokenDetails(grantType, parameters); err != nil {
		return nil, err
	}
	if u.proof, err = p.proofOf(w, r, ""); err != nil {
		return nil, err
	}
	u.certificate = certificateThumbprint(r)
	request, err := p.fosite.NewAccessRequest(ctx, r, newSession(nobody.Client))
	if u.killErr != nil {
		return nil, u.killErr
	}
	if u.madeUp && codeGuesses != nil {
		return nil, p.countCode(ctx, *codeGuesses, err)
	}
	if err != nil {
		return nil, err
	}
	if err := p.settle(r, u, request); err != nil {
		return nil, err
	}
	if err := u.bind(ctx, request.GetClient().(client).Client); err != nil {
		return nil, err
	}
	request.GetSession().(*session).confirm = u.confirm
	response, err := p.fosite.NewAccessResponse(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := u.flush(ctx); err != nil {
		return nil, err
	}
	return newTokenResponse(u, request, response), nil
}

// settle decides what fosite leaves open between request and response.
func (p *Provider) settle(r *http.Request, u *unit, request fosite.AccessRequester) error {
	switch u.grantType {
	case storage.GrantClientCredentials:
		return p.settleClientCredentials(r, u, request)
	case storage.GrantRefreshToken:
		// RFC 6749 §6: a refresh may ask for less than was granted, never for more.
		for _, scope := range u.narrowTo {
			if !u.loaded.Grant.Scopes.Has(scope) {
				return badRequest("invalid_scope", "The requested scope exceeds what was granted.")
			}
		}
	}
	return nil
}

func (p *Provider) settleClientCredentials(r *http.Request, u *unit, request fosite.AccessRequester) error {
	c := request.GetClient().(client)
	if !c.Allows(storage.GrantClientCredentials) {
		return badRequest("unauthorized_client", descriptions["unauthorized_client"])
	}
	requested := authz.Literal(c.Scopes)
	if asked := request.GetRequestedScopes(); len(asked) > 0 {
		var err error
		if requested, err = authz.ParseScopeSet(strings.Join(asked, " ")); err != nil {
			return badRequest("invalid_scope", descriptions["invalid_scope"])
		}
	}
	if err := p.checkReach(r.Context(), u.targets, c.Tenant); err != nil {
		return err
	}
	d, err := p.derive(r.Context(), requested, c.Client, nil, authz.Context{Tenant: c.Tenant}, u.targets)
	if err != nil {
		return err
	}
	// Nobody is there to be told what was left out, so nothing may be.
	if len(request.GetRequestedScopes()) > 0 && len(d.Dropped()) > 0 {
		return badRequest("invalid_scope", "A requested scope is not allowed to this client.")
	}
	for _, scope := range d.Granted {
		request.GrantScope(string(scope))
	}
	session := request.GetSession().(*session)
	session.client, session.targets = c.Client, u.targets
	return nil
}

// GrantTypes is what the token endpoint answers.
func (p *Provider) GrantTypes() []string { return grantTypes }
