package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// The paths of the protocol's endpoints.
const (
	TokenPath      = "/oauth2/token"
	IntrospectPath = "/oauth2/introspect"
	RevokePath     = "/oauth2/revoke"
	// RevocationsPath is the feed of what was revoked, for resource servers.
	RevocationsPath = "/oauth2/revocations"
	UserInfoPath    = "/oauth2/userinfo"
	JWKSPath        = "/oauth2/jwks"
	EndSessionPath  = "/oauth2/logout"
	// CheckSessionPath is a page for frames of clients (web).
	CheckSessionPath = "/oauth2/session"
	// RegistrationPath is where clients are registered (RFC 7591; web/api).
	RegistrationPath = "/oauth2/register"
	// APIPath is the directory for programs (web/api), a resource of its own (RFC 9728).
	APIPath = "/api/v1"
)

// discoveryDocument is OpenID Connect Discovery §3 and RFC 8414 §2 in one: what
// stands here is what is true.
func (p *Provider) discoveryDocument(detailTypes []string, registers bool) ([]byte, error) {
	clientAuth := []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "none"}
	confidential := []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
	prompts := promptValues
	if registers {
		prompts = append(slices.Clone(prompts), registerPrompt)
	}
	members := map[string]any{
		"issuer":                                 p.Issuer,
		"authorization_endpoint":                 p.endpoint(AuthorizePath),
		"token_endpoint":                         p.endpoint(TokenPath),
		"userinfo_endpoint":                      p.endpoint(UserInfoPath),
		"jwks_uri":                               p.endpoint(JWKSPath),
		"introspection_endpoint":                 p.endpoint(IntrospectPath),
		"revocation_endpoint":                    p.endpoint(RevokePath),
		"revocation_feed_endpoint":               p.endpoint(RevocationsPath),
		"pushed_authorization_request_endpoint":  p.endpoint(PushedAuthorizationPath),
		"device_authorization_endpoint":          p.endpoint(DeviceAuthorizationPath),
		"end_session_endpoint":                   p.endpoint(EndSessionPath),
		"response_types_supported":               p.responseTypes(),
		"response_modes_supported":               p.responseModes(),
		"grant_types_supported":                  grantTypes,
		"authorization_grant_profiles_supported": []string{identityAssertionProfile},
		"subject_types_supported":                []string{"public", subjectPairwise},
		"id_token_signing_alg_values_supported":  []string{"RS256", "ES256"},
		"code_challenge_methods_supported":       []string{"S256"},
		"prompt_values_supported":                prompts,
		"acr_values_supported":                   []string{"aal1", "aal2", "phr"},
		"scopes_supported":                       []string{"openid", "profile", "email", "phone", "address", "offline_access"},
		"claims_supported": []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "acr", "amr", "sid",
			"name", "preferred_username", "picture", "updated_at", "locale", "email", "email_verified",
			"phone_number", "phone_number_verified", "address"},
		"token_endpoint_auth_methods_supported":                           clientAuth,
		"token_endpoint_auth_signing_alg_values_supported":                assertionAlgorithms,
		"revocation_endpoint_auth_methods_supported":                      clientAuth,
		"revocation_endpoint_auth_signing_alg_values_supported":           assertionAlgorithms,
		"introspection_endpoint_auth_methods_supported":                   confidential,
		"introspection_endpoint_auth_signing_alg_values_supported":        assertionAlgorithms,
		"backchannel_authentication_endpoint":                             p.endpoint(BackchannelAuthenticationPath),
		"backchannel_token_delivery_modes_supported":                      []string{"poll", "ping"},
		"backchannel_user_code_parameter_supported":                       false,
		"backchannel_authentication_request_signing_alg_values_supported": requestObjectAlgorithms,
		"authorization_response_iss_parameter_supported":                  true,
		"backchannel_logout_supported":                                    true,
		"backchannel_logout_session_supported":                            true,
		"grant_management_endpoint":                                       p.endpoint(GrantsPath),
		"grant_management_actions_supported":                              []string{"create", "query", "revoke"},
		"grant_management_action_required":                                false,
		"check_session_iframe":                                            p.endpoint(CheckSessionPath),
		"frontchannel_logout_supported":                                   true,
		"frontchannel_logout_session_supported":                           true,
		"tls_client_certificate_bound_access_tokens":                      true,
		"dpop_signing_alg_values_supported":                               dpop.Algorithms,
		"claims_parameter_supported":                                      true,
		"userinfo_signing_alg_values_supported":                           keys.Algorithms(),
		"introspection_signing_alg_values_supported":                      keys.Algorithms(),
		"id_token_encryption_alg_values_supported":                        keyEncryptions,
		"id_token_encryption_enc_values_supported":                        contentEncryptions,
		"request_parameter_supported":                                     true,
		"request_uri_parameter_supported":                                 p.FetchRequestURIs,
		"require_request_uri_registration":                                true,
		"request_object_signing_alg_values_supported":                     requestObjectAlgorithms,
		"authorization_signing_alg_values_supported":                      keys.Algorithms(),
		"require_pushed_authorization_requests":                           p.RequirePushedRequests,
		"client_id_metadata_document_supported":                           p.ClientDocuments.Enabled,
	}
	if len(detailTypes) > 0 {
		members["authorization_details_types_supported"] = detailTypes
	}
	if p.Registration.TakesTokens() {
		members["registration_endpoint"] = p.endpoint(RegistrationPath)
	}
	if p.MutualTLS != "" {
		members["mtls_endpoint_aliases"] = p.mutualTLSAliases()
	}
	document, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("encode discovery document: %w", err)
	}
	return document, nil
}

// mutualTLSAliases is where the endpoints stand that ask for a certificate (RFC
// 8705 §5).
func (p *Provider) mutualTLSAliases() map[string]string {
	aliases := map[string]string{}
	for member, path := range map[string]string{
		"token_endpoint": TokenPath, "userinfo_endpoint": UserInfoPath, "introspection_endpoint": IntrospectPath, "revocation_endpoint": RevokePath,
		"pushed_authorization_request_endpoint": PushedAuthorizationPath, "device_authorization_endpoint": DeviceAuthorizationPath,
		"backchannel_authentication_endpoint": BackchannelAuthenticationPath,
	} {
		aliases[member] = p.MutualTLS + path
	}
	return aliases
}

// published is the document as it was last served, and what of the directory it tells.
type published struct {
	of       *postgres.Catalogue
	document []byte
	length   []string // of the document, as a header's value
}

func (p *Provider) publish(of *postgres.Catalogue) (*published, error) {
	_, registers := p.registering(of, authz.TenantID{}, "")
	document, err := p.discoveryDocument(publicDetailTypes(of), registers)
	if err != nil {
		return nil, err
	}
	now := &published{of: of, document: document, length: []string{strconv.Itoa(len(document))}}
	p.discovery.Store(now)
	return now, nil
}

// Discovery serves the document at both well-known addresses. While the database cannot be
// asked it is the last one that was served: who verifies tokens by themselves goes on.
func (p *Provider) Discovery(w http.ResponseWriter, r *http.Request) {
	now := p.discovery.Load()
	of, err := p.Store.Catalogue(r.Context())
	if err == nil && of != now.of {
		now, err = p.publish(of)
	}
	if err != nil && !errors.Is(err, storage.ErrUnavailable) {
		p.writeError(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=3600")
	h["Content-Length"] = now.length
	_, _ = w.Write(now.document)
}

// JWKS serves the public keys. A caller may keep them for an hour: the next key
// is published long before it signs.
func (p *Provider) JWKS(w http.ResponseWriter, r *http.Request) {
	document, etag := p.Keys.JWKS()
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(document)
}
