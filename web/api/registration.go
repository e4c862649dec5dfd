package api

import (
	"encoding/json"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage"
)

// metadata is what of a client's metadata is understood (RFC 7591 §2, OpenID
// Connect Dynamic Client Registration §2); anything else is ignored, as the RFC
// wants it, so that nobody sets a privilege by naming it.
type metadata struct {
	Name                   string          `json:"client_name,omitempty"`
	RedirectURIs           []string        `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	AuthMethod             string          `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes             []string        `json:"grant_types,omitempty"`
	ApplicationType        string          `json:"application_type,omitempty"`
	Scope                  string          `json:"scope,omitempty"`
	JWKS                   json.RawMessage `json:"jwks,omitempty"`
	LogoURI                string          `json:"logo_uri,omitempty"`
	PolicyURI              string          `json:"policy_uri,omitempty"`
	TOSURI                 string          `json:"tos_uri,omitempty"`
	storage.ClientMetadata
	IDTokenAlg string `json:"id_token_signed_response_alg,omitempty"`
}

// registered is the answer (RFC 7591 §3.2.1, RFC 7592 §3): the metadata as it is now,
// the secret, when it was just made, and what leads back here.
type registered struct {
	ClientID        authz.ClientID `json:"client_id"`
	ClientSecret    string         `json:"client_secret,omitempty"`
	SecretExpiresAt *int64         `json:"client_secret_expires_at,omitempty"`
	IssuedAt        int64          `json:"client_id_issued_at"`
	AccessToken     string         `json:"registration_access_token"`
	ClientURI       string         `json:"registration_client_uri"`
	metadata
}

func (a *API) registered(c storage.Client, secret directory.Secret, access string) registered {
	answer := registered{
		ClientID: c.ID, ClientSecret: secret.Reveal(), IssuedAt: c.CreatedAt.Unix(), AccessToken: access,
		ClientURI: a.Issuer + oidc.RegistrationPath + "/" + string(c.ID), metadata: describeMetadata(c),
	}
	if answer.ClientSecret != "" {
		answer.SecretExpiresAt = new(int64) // 0: it does not expire
		// One that registered openly ends only while nobody uses it.
		if !c.ExpiresAt.IsZero() && c.Origin != storage.OriginOpen {
			*answer.SecretExpiresAt = c.ExpiresAt.Unix()
		}
	}
	return answer
}

func describeMetadata(c storage.Client) metadata {
	m := metadata{
		Name: c.Name, RedirectURIs: c.RedirectURIs, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, AuthMethod: c.AuthMethod, GrantTypes: c.GrantTypes,
		ApplicationType: "web", Scope: authz.Literal(c.Scopes).String(), JWKS: c.JWKS, LogoURI: c.LogoURI, PolicyURI: c.PolicyURI, TOSURI: c.TOSURI,
		// Whose tokens and assertions it may take is between the operator and others.
		ClientMetadata: c.Metadata.Said(storage.ClientMetadata{}), IDTokenAlg: c.IDTokenAlg,
	}
	if c.Kind == storage.ClientNative {
		m.ApplicationType = "native"
	}
	if c.Allows(storage.GrantAuthorizationCode) && len(m.ResponseTypes) == 0 {
		m.ResponseTypes = []string{"code"}
	}
	return m
}

// client reads what sort of client the metadata describes. Its error is a
// [directory.InvalidError].
func (m metadata) client() (n directory.CreateClient, err error) {
	n = directory.CreateClient{
		Name: m.Name, Kind: m.kind(), RedirectURIs: m.RedirectURIs, PostLogoutRedirectURIs: m.PostLogoutRedirectURIs, GrantTypes: m.GrantTypes,
		AuthMethod: m.AuthMethod, JWKS: m.JWKS, IDTokenAlg: m.IDTokenAlg, LogoURI: m.LogoURI, PolicyURI: m.PolicyURI, TOSURI: m.TOSURI, Metadata: m.ClientMetadata.Said(storage.ClientMetadata{}),
	}
	if m.Scope != "" {
		if n.Scopes, err = authz.ParsePatterns(m.Scope); err != nil {
			return n, &directory.InvalidError{Field: "scope", Problem: "is malformed"}
		}
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
	return n, nil
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
