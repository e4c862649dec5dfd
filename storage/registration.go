package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// ClientOrigin says how a client came to be known.
type ClientOrigin string

// The origins.
const (
	OriginOperator ClientOrigin = "operator" // somebody with the right to manage clients made it
	OriginDocument ClientOrigin = "document" // it describes itself at its client_id
	OriginToken    ClientOrigin = "token"    // it registered with an initial access token
	OriginOpen     ClientOrigin = "open"     // it registered, and nobody vouches for it
)

// RegistrationPolicy bounds what a client may say of itself when it registers, and
// for as long as it can change its registration (RFC 7592).
type RegistrationPolicy struct {
	GrantTypes []string `json:"grant_types"`
	// Scopes are what it may ask for at most, and what it gets that names none.
	Scopes []authz.Pattern `json:"scopes"`
	// RedirectHosts are the hosts that people may be sent to, each with those below
	// it; none for any.
	RedirectHosts []string `json:"redirect_hosts,omitempty"`
	// SoftwareStatement demands somebody else's word about the program.
	SoftwareStatement bool `json:"software_statement,omitempty"`
	// OpenTo is who may sign in through the client from its first moment on.
	OpenTo OpenTo `json:"open_to"`
	// ClientSeconds is how long the client works; 0 for good.
	ClientSeconds int `json:"client_seconds,omitempty"`
}

// ClientRegistration is what stays with a client that can change itself.
type ClientRegistration struct {
	// Token is the initial access token that it came with; zero without one.
	Token authz.RegistrationTokenID
	// AccessHash is the digest of its registration access token (RFC 7592 §1.2); nil
	// for a client that cannot change itself.
	AccessHash []byte
	Policy     *RegistrationPolicy
}

// RegistrationToken is an initial access token (RFC 7591 §1.2): it lets so many
// clients register. A zero Tenant makes clients of the whole deployment.
type RegistrationToken struct {
	ID        authz.RegistrationTokenID
	Tenant    authz.TenantID
	Name      string
	Hash      []byte
	Policy    RegistrationPolicy
	UsesLeft  int
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time
}
