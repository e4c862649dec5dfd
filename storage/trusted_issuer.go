package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// Vouching is what a trusted issuer is trusted with.
type Vouching string

// What issuers vouch for.
const (
	// VouchesForPeople: its assertions stand for a sign-in (RFC 7523 §2.1).
	VouchesForPeople Vouching = "people"
	// VouchesForSoftware: it says what a program is that registers itself (RFC 7591 §2.3).
	VouchesForSoftware Vouching = "software"
)

// SubjectForm is what an issuer names people by.
type SubjectForm string

// The forms.
const (
	SubjectID       SubjectForm = "id"       // the id that the user has here
	SubjectUsername SubjectForm = "username" // in any case
	SubjectEmail    SubjectForm = "email"    // in any case, and proven to be the user's
)

// TrustedIssuer is somebody else whose signed word counts here. A zero Tenant is one
// that the whole deployment trusts.
type TrustedIssuer struct {
	ID         authz.TrustedIssuerID
	Tenant     authz.TenantID
	VouchesFor Vouching
	// Issuer is its iss, letter by letter.
	Issuer string
	// JWKS is a JSON Web Key Set document (RFC 7517 §5); nil when JWKSURI says where it is.
	JWKS    []byte
	JWKSURI string
	// Algorithms are those that it signs with; none for any that is supported.
	Algorithms []string
	// Subject and Scopes are of an issuer that vouches for people: what its sub means, and
	// what its assertions can be good for at most.
	Subject   SubjectForm
	Scopes    []authz.Pattern
	CreatedAt time.Time
}
