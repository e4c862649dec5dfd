package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage"
)

// maxMetadata bounds a registration, in bytes.
const maxMetadata = 64 << 10

// defaultScopes is what a registration gets that asks for none.
const defaultScopes = "openid profile email offline_access"

// metadata is what of a client's metadata is understood (RFC 7591 §2, OpenID
// Connect Dynamic Client Registration §2); anything else is ignored, as the RFC
// wants it, so that nobody sets a privilege by naming it.
type metadata struct {
	Name                   string          `json:"client_name,omitempty"`
	RedirectURIs           []string        `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	AuthMethod             string          `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes             []string        `json:"grant_types,omitempty"`
	ResponseTypes          []string        `json:"response_types,omitempty"`
	ApplicationType        string          `json:"application_type,omitempty"`
	Scope                  string          `json:"scope,omitempty"`
	JWKS                   json.RawMessage `json:"jwks,omitempty"`
	storage.ClientMetadata
	IDTokenAlg string `json:"id_token_signed_response_alg,omitempty"`
}

// registered is the answer (RFC 7591 §3.2.1): the metadata as it is now, and the
// secret, this once.
type registered struct {
	ClientID        authz.ClientID `json:"client_id"`
	ClientSecret    string         `json:"client_secret,omitempty"`
	SecretExpiresAt *int           `json:"client_secret_expires_at,omitempty"`
	IssuedAt        int64          `json:"client_id_issued_at"`
	metadata
}

// Register is the client registration endpoint (RFC 7591). The initial access
// token is an access token with the scope admin: nobody registers a client whom
// an administrator has not let in, and none gets a scope that the token lacks.
func (a *API) Register(w http.ResponseWriter, r *http.Request) {
	a.guard.RequireScopes(authz.ScopeAdmin)(http.HandlerFunc(a.register)).ServeHTTP(w, r)
}

func (a *API) register(w http.ResponseWriter, r *http.Request) {
	var m metadata
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMetadata)).Decode(&m); err != nil {
		refuseRegistration(w, http.StatusBadRequest, "invalid_client_metadata", "The body is not a JSON object of at most 64 KiB.")
		return
	}
	n, problem := m.client()
	if problem != "" {
		refuseRegistration(w, http.StatusBadRequest, "invalid_client_metadata", problem)
		return
	}
	actor, err := a.actor(r.Context())
	if err != nil {
		a.refuseToRegister(w, r, err)
		return
	}
	n.Tenant = resource.PrincipalFrom(r.Context()).Tenant.String()
	n.AllTenants = n.Tenant == ""
	if err := a.checkSector(r.Context(), n.Metadata, n.RedirectURIs); err != nil {
		a.refuseToRegister(w, r, err)
		return
	}
	c, secret, err := a.Directory.CreateClient(r.Context(), actor, n)
	if err != nil {
		a.refuseToRegister(w, r, err)
		return
	}
	answer := registered{ClientID: c.ID, ClientSecret: secret.Reveal(), IssuedAt: c.CreatedAt.Unix(), metadata: m}
	if answer.ClientSecret != "" {
		answer.SecretExpiresAt = new(int) // 0: it does not expire
	}
	answer.AuthMethod, answer.GrantTypes, answer.IDTokenAlg = c.AuthMethod, c.GrantTypes, c.IDTokenAlg
	scopes := make([]string, len(c.Scopes))
	for i, s := range c.Scopes {
		scopes[i] = string(s)
	}
	answer.Scope = strings.Join(scopes, " ")
	writeRegistration(w, http.StatusCreated, answer)
}

// client reads what sort of client the metadata describes. problem says what of
// it cannot be had, "" when all can.
func (m metadata) client() (n directory.CreateClient, problem string) {
	for _, t := range m.ResponseTypes {
		if t != "code" {
			return n, "response_types may hold code alone."
		}
	}
	scope := m.Scope
	if scope == "" {
		scope = defaultScopes
	}
	scopes, err := authz.ParsePatterns(scope)
	if err != nil {
		return n, "scope is malformed."
	}
	// Whose tokens a client may take is the operator's to say, not the client's.
	m.ExchangesTokensOf = nil
	n = directory.CreateClient{
		Name: m.Name, Kind: m.kind(), Scopes: scopes, RedirectURIs: m.RedirectURIs, PostLogoutRedirectURIs: m.PostLogoutRedirectURIs,
		AuthMethod: m.AuthMethod, JWKS: m.JWKS, IDTokenAlg: m.IDTokenAlg, Metadata: m.ClientMetadata,
	}
	if n.Name == "" {
		n.Name = "Unnamed client"
	}
	if n.AuthMethod == "" {
		n.AuthMethod = storage.AuthMethodBasic // RFC 7591 §2
	}
	if n.IDTokenAlg == "" {
		n.IDTokenAlg = "RS256" // OpenID Connect Dynamic Client Registration §2
	}
	return n, ""
}

func (m metadata) kind() storage.ClientKind {
	switch {
	case len(m.GrantTypes) > 0 && !slices.Contains(m.GrantTypes, storage.GrantAuthorizationCode):
		return storage.ClientService
	case m.ApplicationType == "native":
		return storage.ClientNative
	case m.AuthMethod == storage.AuthMethodNone:
		return storage.ClientSPA
	}
	return storage.ClientWeb
}

// refuseToRegister translates the directory's refusals (RFC 7591 §3.2.2).
func (a *API) refuseToRegister(w http.ResponseWriter, r *http.Request, err error) {
	var wrong *directory.InvalidError
	switch {
	case errors.As(err, &wrong) && strings.HasSuffix(wrong.Field, "redirect_uri"):
		refuseRegistration(w, http.StatusBadRequest, "invalid_redirect_uri", "A redirect URI cannot be had: https, or http on localhost, exact and without fragment.")
	case errors.As(err, &wrong):
		refuseRegistration(w, http.StatusBadRequest, "invalid_client_metadata", "The value of "+wrong.Field+" cannot be had.")
	case errors.Is(err, directory.ErrForbidden):
		refuseRegistration(w, http.StatusForbidden, "access_denied", "The token does not reach that far: it must hold each scope that the client is to have.")
	case errors.Is(err, storage.ErrUnavailable):
		w.Header().Set("Retry-After", "2")
		refuseRegistration(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The server cannot answer at this moment. Try again shortly.")
	default:
		a.Log.ErrorContext(r.Context(), "registration failed", "error", err)
		refuseRegistration(w, http.StatusInternalServerError, "server_error", "Something went wrong on the server.")
	}
}

func refuseRegistration(w http.ResponseWriter, status int, code, description string) {
	writeRegistration(w, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
}

func writeRegistration(w http.ResponseWriter, status int, document any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}
