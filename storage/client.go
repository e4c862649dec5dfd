package storage

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// ClientKind says what sort of program a client is. It decides the defaults at
// creation and, for an agent, that an owner answers for it.
type ClientKind string

// The kinds of client.
const (
	ClientWeb     ClientKind = "web"
	ClientSPA     ClientKind = "spa"
	ClientNative  ClientKind = "native"
	ClientService ClientKind = "service"
	ClientAgent   ClientKind = "agent"
)

// The client authentication methods (OpenID Connect Core §9, by their registered names).
const (
	AuthMethodBasic         = "client_secret_basic"
	AuthMethodPost          = "client_secret_post"
	AuthMethodNone          = "none"
	AuthMethodPrivateKeyJWT = "private_key_jwt"
	AuthMethodTLS           = "tls_client_auth"             // RFC 8705 §2.1
	AuthMethodSelfSignedTLS = "self_signed_tls_client_auth" // RFC 8705 §2.2
)

// The grant types (by their registered names).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628 §7.2
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1
	GrantCIBA              = "urn:openid:params:grant-type:ciba"               // OpenID CIBA Core 1.0 §4
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523 §2.1
)

// The response types (OAuth 2.0 Multiple Response Type Encoding Practices §5), with their
// parts in this order. Those with an ID token are for old clients.
const (
	ResponseCode        = "code"
	ResponseCodeIDToken = "code id_token"
	ResponseIDToken     = "id_token"
)

// OpenTo says whose sign-in a client may ask for.
type OpenTo string

// Who may use a client. A client is open to nobody until somebody says otherwise.
const (
	OpenToNobody   OpenTo = "nobody"
	OpenToTenant   OpenTo = "tenant"   // all people of its tenant
	OpenToEveryone OpenTo = "everyone" // all people of the deployment; for a client without tenant
	OpenToGroups   OpenTo = "groups"   // the members of its groups
)

// Client is a registered OAuth client. A zero Tenant means a client of the whole
// deployment.
type Client struct {
	ID                      authz.ClientID
	Tenant                  authz.TenantID
	Kind                    ClientKind
	Name                    string
	Owner                   authz.UserID
	AuthMethod              string
	SecretHash              []byte
	PreviousSecretHash      []byte
	PreviousSecretExpiresAt time.Time
	// JWKS is a JSON Web Key Set document (RFC 7517 §5), for private_key_jwt.
	JWKS                   []byte
	GrantTypes             []string
	Scopes                 []authz.Pattern
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	IDTokenAlg             string
	// Introspect lets the client ask about tokens made for it or for its tenant.
	Introspect bool
	// FirstParty marks a client as the operator's own; SkipConsent, an explicit
	// setting of its own, lets it go without the consent page.
	FirstParty       bool
	SkipConsent      bool
	SelfRegistered   bool
	IDTokenAtRefresh bool
	LogoURI          string
	PolicyURI        string
	TOSURI           string
	Metadata         ClientMetadata
	// Origin is how it came to be known; Registration is what lets it change itself.
	Origin       ClientOrigin
	Registration ClientRegistration
	OpenTo       OpenTo
	// Groups are those that the client is open to, for [OpenToGroups].
	Groups     []authz.GroupID
	CreatedAt  time.Time
	DisabledAt time.Time
	// ExpiresAt is when the client stops by itself; zero for never.
	ExpiresAt time.Time
	// AuthzChangedAt is when what the client may ask for, or whose sign-in, last
	// changed. A token issued before is derived anew before it is believed.
	AuthzChangedAt time.Time
	// TenantSuspended is read along with the client: a suspended tenant's clients stop too.
	TenantSuspended bool
}

// ClientMetadata is what few clients have, by the names of the OAuth Dynamic Client
// Registration Metadata registry (RFC 7591 §4.1).
type ClientMetadata struct {
	// SoftwareID and SoftwareVersion say which program the client is one of (RFC 7591 §2).
	SoftwareID      string `json:"software_id,omitempty"`
	SoftwareVersion string `json:"software_version,omitempty"`
	// SoftwareStatement is somebody else's signed word about the program (RFC 7591 §2.3), as
	// it was shown when the client registered.
	SoftwareStatement string `json:"software_statement,omitempty"`
	// JWKSURI is where the client publishes its keys, instead of JWKS.
	JWKSURI string `json:"jwks_uri,omitempty"`
	// ResponseTypes are those that the client may ask the authorization endpoint for;
	// none for [ResponseCode] alone.
	ResponseTypes []string `json:"response_types,omitempty"`
	// RequestURIs are where the client keeps request objects (RFC 9101 §5.2).
	RequestURIs []string `json:"request_uris,omitempty"`
	// RequestObjectSigningAlg is the one algorithm that its request objects are signed
	// with; "" for any.
	RequestObjectSigningAlg string `json:"request_object_signing_alg,omitempty"`
	// RequireSignedRequest refuses authorization requests that are not signed (RFC 9101 §10.5).
	RequireSignedRequest bool `json:"require_signed_request_object,omitempty"`
	// RequirePushedRequest refuses authorization requests that were not pushed (RFC 9126 §6).
	RequirePushedRequest bool `json:"require_pushed_authorization_requests,omitempty"`
	// AuthorizationSigningAlg is what signed authorization responses (JARM) are signed
	// with; "" for the one of the ID tokens.
	AuthorizationSigningAlg string `json:"authorization_signed_response_alg,omitempty"`
	// BackChannelLogoutURI is told when a session of the client ends (OpenID Connect
	// Back-Channel Logout 1.0 §2.2); the notice always says which.
	BackChannelLogoutURI             string `json:"backchannel_logout_uri,omitempty"`
	BackChannelLogoutSessionRequired bool   `json:"backchannel_logout_session_required,omitempty"`
	// FrontChannelLogoutURI is shown in a hidden frame of the page that ends a sign-out
	// (OpenID Connect Front-Channel Logout 1.0 §2); it is always told iss and sid.
	FrontChannelLogoutURI             string `json:"frontchannel_logout_uri,omitempty"`
	FrontChannelLogoutSessionRequired bool   `json:"frontchannel_logout_session_required,omitempty"`
	// BackChannelDelivery is how the client learns the answer to a sign-in that it asks
	// for without a browser: "poll" or "ping" (OpenID CIBA Core 1.0 §4); "" for a client
	// that asks for none. BackChannelNotificationURI is told of it, by ping.
	BackChannelDelivery        string `json:"backchannel_token_delivery_mode,omitempty"`
	BackChannelNotificationURI string `json:"backchannel_client_notification_endpoint,omitempty"`
	// BackChannelRequestAlg is what it signs these requests with, all of them; "" for a
	// client that sends none signed (OpenID CIBA Core 1.0 §4).
	BackChannelRequestAlg string `json:"backchannel_authentication_request_signing_alg,omitempty"`
	// DetailTypes are the types of authorization details that the client may ask for (RFC
	// 9396 §10).
	DetailTypes []string `json:"authorization_details_types,omitempty"`
	// SubjectType is "pairwise" or, as is usual, "" or "public" (OpenID Connect Core §8).
	SubjectType string `json:"subject_type,omitempty"`
	// SectorIdentifierURI names the clients that share pairwise subjects.
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"`
	// UserInfoSigningAlg makes UserInfo answers signed tokens; "" leaves them plain.
	UserInfoSigningAlg string `json:"userinfo_signed_response_alg,omitempty"`
	// IDTokenEncryptionAlg and IDTokenEncryptionEnc make ID tokens readable to the client
	// alone; "" leaves them signed.
	IDTokenEncryptionAlg string `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEncryptionEnc string `json:"id_token_encrypted_response_enc,omitempty"`
	// IntrospectionSigningAlg is what signed introspection answers are signed with; ""
	// for RS256 (RFC 9701 §6).
	IntrospectionSigningAlg string `json:"introspection_signed_response_alg,omitempty"`
	// ExchangesTokensOf are the clients whose users' tokens this one may exchange (RFC
	// 8693) beside its own, which it always may.
	ExchangesTokensOf []string `json:"exchanges_tokens_of,omitempty"`
	// TakesAssertionsOf are the issuers, trusted with people, whose assertions this client
	// may exchange for tokens (RFC 7523 §2.1).
	TakesAssertionsOf []string `json:"takes_assertions_of,omitempty"`
	// The one name that a client of tls_client_auth has in its certificate (RFC 8705
	// §2.1.2). The distinguished name is in the form of RFC 2253.
	TLSSubjectDN    string `json:"tls_client_auth_subject_dn,omitempty"`
	TLSSubjectDNS   string `json:"tls_client_auth_san_dns,omitempty"`
	TLSSubjectURI   string `json:"tls_client_auth_san_uri,omitempty"`
	TLSSubjectIP    string `json:"tls_client_auth_san_ip,omitempty"`
	TLSSubjectEmail string `json:"tls_client_auth_san_email,omitempty"`
	// TLSBound binds tokens to the client's certificate (RFC 8705 §3.4).
	TLSBound bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	// Profile holds the client to everything that a profile demands; "" for none.
	Profile Profile `json:"profile,omitempty"`
	// DPoPBound demands a proof of possession with every token request (RFC 9449 §5.2).
	DPoPBound bool `json:"dpop_bound_access_tokens,omitempty"`
}

// Said is the metadata as a client may say it of itself: without what is for others to
// say. Beside it stands what those have said.
func (m ClientMetadata) Said(before ClientMetadata) ClientMetadata {
	m.ExchangesTokensOf, m.TakesAssertionsOf = before.ExchangesTokensOf, before.TakesAssertionsOf
	return m
}

// Profile is a set of demands that a client is held to as a whole.
type Profile string

// The profiles.
const (
	// ProfileFAPI2 is the FAPI 2.0 Security Profile.
	ProfileFAPI2 Profile = "fapi2"
	// ProfileFAPI2Signing is FAPI 2.0 Message Signing, on top of it.
	ProfileFAPI2Signing Profile = "fapi2-message-signing"
)

// Public reports whether the client cannot keep a secret (RFC 6749 §2.1).
func (c Client) Public() bool { return c.AuthMethod == AuthMethodNone }

// Active reports whether the client may be used at all.
func (c Client) Active(now time.Time) bool {
	return c.DisabledAt.IsZero() && !c.TenantSuspended && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt))
}

// Admits reports whether a person with these rights, who belongs to the tenant of
// the context, may use the client there.
func (c Client) Admits(r *authz.Rights, in authz.Context) bool {
	if !c.Tenant.IsZero() && c.Tenant != in.Tenant {
		return false
	}
	switch c.OpenTo {
	case OpenToTenant:
		return !c.Tenant.IsZero()
	case OpenToEveryone:
		return c.Tenant.IsZero()
	case OpenToGroups:
		return r.InAnyGroup(c.Groups, in)
	}
	return false
}

// Allows reports whether the client was registered for a grant type.
func (c Client) Allows(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// AllowsResponse reports whether the client was registered for a response type.
func (c Client) AllowsResponse(responseType string) bool {
	if len(c.Metadata.ResponseTypes) == 0 {
		return responseType == ResponseCode
	}
	return slices.Contains(c.Metadata.ResponseTypes, responseType)
}

// Impersonable reports whether another program could pass for this client with
// this redirect URI: self-registered, or public behind a loopback or custom
// scheme. RFC 8252 §8.6: such a client is asked for each time.
func (c Client) Impersonable(redirectURI string) bool {
	return c.SelfRegistered || c.Public() && !strings.HasPrefix(redirectURI, "https://")
}

// Resource is a resource server by its identifier (RFC 8707) and the scopes it owns.
type Resource struct {
	Identifier string
	Tenant     authz.TenantID
	Name       string
	Scopes     authz.ScopeSet
	// DetailTypes are the types of authorization details that it understands.
	DetailTypes []DetailType
	// AccessTokenLifetime bounds the tokens made for it; 0 for as long as any.
	AccessTokenLifetime time.Duration
	CreatedAt           time.Time
}

// ScopeInfo is the registry's entry for one scope: the consent page's words and
// the sign-in that it needs.
type ScopeInfo struct {
	Name        authz.Scope
	Title       string
	Description string
	NeedsACR    authz.ACR
}

// Consent is what a user approved for a client in one tenant.
type Consent struct {
	User      authz.UserID
	Client    authz.ClientID
	Tenant    authz.TenantID
	Scopes    authz.ScopeSet
	GrantedAt time.Time
	// LastUsedAt is when the client last got tokens; zero for never.
	LastUsedAt time.Time
}
