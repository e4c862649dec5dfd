package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// Grant is one authorization for its whole life: first an authorization code,
// then a chain of refresh tokens, of which only the digest of the current one is
// kept.
type Grant struct {
	ID        authz.GrantID
	User      authz.UserID
	SID       authz.SessionID // the session's TokenJTI
	Client    authz.ClientID
	Tenant    authz.TenantID
	Project   authz.ProjectID
	Requested authz.ScopeSet
	Scopes    authz.ScopeSet
	Audience  []string
	// Request is what the exchange needs of the authorization request; zero once
	// exchanged.
	Request GrantRequest
	// Details stand for the grant's whole life.
	Details GrantDetails

	AuthTime    time.Time
	ACR         authz.ACR
	AMR         []string
	RequestedAt time.Time
	IssuedAt    time.Time

	CodeHash   []byte
	CodeUsedAt time.Time

	// Generation counts the refresh tokens of this grant from 0; RefreshHash is
	// the digest of the current one's secret, nil when none was issued.
	Generation  int32
	RefreshHash []byte
	RotatedAt   time.Time
	RevokedAt   time.Time
}

// GrantRequest is the part of an authorization request that is judged again, or
// echoed, when the code is exchanged.
type GrantRequest struct {
	RedirectURI   string `json:"redirect_uri,omitempty"`
	CodeChallenge string `json:"code_challenge,omitempty"`
	Nonce         string `json:"nonce,omitempty"`
}

// GrantDetails is what an authorization was narrowed to beyond its scopes. Most
// grants have none.
type GrantDetails struct {
	// Resources are those that the client named (RFC 8707); nil when it named none.
	Resources []string `json:"resources,omitempty"`
	// Authorization is the authorization details that were granted (RFC 9396), each with
	// its type.
	Authorization []AuthorizationDetail `json:"authorization_details,omitempty"`
	// IDTokenClaims are the claims that the client asked to have in its ID token
	// (OpenID Connect Core §5.5).
	IDTokenClaims []string `json:"id_token_claims,omitempty"`
	// NotifyLogout: the client wants to be told when the session ends.
	NotifyLogout bool `json:"notify_logout,omitempty"`
	// TellsID: the client is told the grant's id beside its tokens (Grant Management for
	// OAuth 2.0 §5.4).
	TellsID bool `json:"tells_id,omitempty"`
	// JKT is the thumbprint of the key that the code and a public client's refresh
	// token are bound to (RFC 9449 §5, §10); "" for none.
	JKT string `json:"jkt,omitempty"`
	// X5T is the same for a certificate (RFC 8705 §4).
	X5T string `json:"x5t,omitempty"`
}

// IsZero reports whether there is nothing to keep.
func (d GrantDetails) IsZero() bool {
	return len(d.Resources)+len(d.IDTokenClaims)+len(d.Authorization) == 0 && d.JKT+d.X5T == "" && !d.NotifyLogout && !d.TellsID
}

// Revocation is an entry of the ledger: an id that is dead until no token can
// carry it any more. User, Tenant and Client are zero where there is none.
type Revocation struct {
	// JTI is a token's jti, a grant's id or a session's sid.
	JTI       string
	User      authz.UserID
	Tenant    authz.TenantID
	Client    authz.ClientID
	Reason    string
	RevokedAt time.Time
	ExpiresAt time.Time
}
