package directory

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Paging asks for a part of a list.
type Paging struct {
	// Cursor is the Next of the part before; "" for the beginning.
	Cursor string
	// Limit is how many to give, 1 to 500; 0 means 50.
	Limit int
}

// Page is a part of a list. Next is "" when nothing follows.
type Page[T any] struct {
	Items []T
	Next  string
}

// Status tells users apart by whether they may sign in, and clients by whether they work.
type Status string

// The statuses; "" means both.
const (
	StatusActive   Status = "active"
	StatusDisabled Status = "disabled"
)

// UserFilter narrows a list of users; what is zero narrows nothing.
type UserFilter struct {
	Role   authz.Role
	Tenant string // slug
	Group  authz.GroupID
	Status Status
	// LastLoginAfter and LastLoginBefore choose who last signed in at or after one
	// instant, and before another; NeverLoggedIn who never did.
	LastLoginAfter, LastLoginBefore time.Time
	NeverLoggedIn                   bool
	// Search is found, in any case, within user name, e-mail address and display name.
	Search string
	Paging
}

// ClientFilter narrows a list of clients; what is zero narrows nothing.
type ClientFilter struct {
	Kind storage.ClientKind
	// Tenant is an id or a slug. A client of the whole deployment is of no tenant.
	Tenant string
	// Owner answers for the agent.
	Owner  authz.UserID
	Origin storage.ClientOrigin
	Status Status
	Paging
}

// CreateUser is a user to be made.
type CreateUser struct {
	Username, Email, DisplayName string
	Role                         authz.Role
	// Tenant is the slug of where the user belongs; "" means the first tenant,
	// which is made when there is none.
	Tenant string
	// PasswordHash is a finished hash (authn.Hasher); "" makes a user without a password.
	PasswordHash string
	// Language is one that the house speaks, or "" for what the user's browser says;
	// LastLanguage is that of the page on which they made the account, or "".
	Language, LastLanguage string
	// Phone is a telephone number with its country, or "".
	Phone         string
	PhoneVerified bool
	Address       storage.Address
}

// SelfChange is what people may change of themselves; nil leaves it. Another telephone
// number is not verified.
type SelfChange struct {
	DisplayName, Language, Phone *string
	Address                      storage.AddressChange
}

func (c SelfChange) ofUser() UserChange {
	return UserChange{DisplayName: c.DisplayName, Language: c.Language, Phone: c.Phone, Address: c.Address}.tidy()
}

// UserChange is what to change of a user; nil leaves it.
type UserChange struct {
	// Language is one that the house speaks, or "" for what the user's browser says; Phone
	// is a telephone number with its country, or "" for none.
	Username, DisplayName, Email, AvatarURL, Language, Phone *string
	Role                                                     *authz.Role
	// PhoneVerified that is nil makes another number one that is not verified.
	Disabled, PhoneVerified *bool
	Address                 storage.AddressChange
	// If judges the record in the moment of the change; its error ends it. nil asks nothing.
	If func(storage.User) error
}

// holds asks a condition such as [UserChange].If of an object under its lock.
func holds[T any](condition func(T) error, now T) error {
	if condition == nil {
		return nil
	}
	return condition(now)
}

// CreateTenant is a tenant to be made. A nil limit means "no limit".
type CreateTenant struct {
	Slug, Name, Region, Plan            string
	MaxUsers, MaxAgents, StorageQuotaGB *int
	Features                            []string
}

// CreateGroup is a group to be made. A zero Project makes a group of the whole tenant.
type CreateGroup struct {
	Tenant  authz.TenantID
	Project authz.ProjectID
	Name    string
	Scopes  []authz.Pattern
}

// CreateClient is a client to be made.
type CreateClient struct {
	// ID is the client_id; "" makes one of the name and a few random characters.
	ID                                   authz.ClientID
	Name                                 string
	Kind                                 storage.ClientKind
	Scopes                               []authz.Pattern
	RedirectURIs, PostLogoutRedirectURIs []string
	// AuthMethod "" is client_secret_basic for web, service and agent, none for spa and native.
	AuthMethod string
	// JWKS is the client's public keys (RFC 7517 §5), for private_key_jwt.
	JWKS []byte
	// Metadata is what few clients have.
	Metadata                            storage.ClientMetadata
	Introspect, FirstParty, SkipConsent bool
	// IDTokenAtRefresh asks for an ID token with every refresh.
	IDTokenAtRefresh bool
	// Tenant is a slug; "" means the first tenant. AllTenants makes a client of the
	// whole deployment instead.
	Tenant     string
	AllTenants bool
	// OpenTo is who may sign in through it; "" is nobody. Groups are for [storage.OpenToGroups].
	OpenTo storage.OpenTo
	Groups []authz.GroupID
	// Owner answers for an agent.
	Owner authz.UserID
	// IDTokenAlg "" is ES256.
	IDTokenAlg string
	// The consent page links to PolicyURI and TOSURI; LogoURI is only kept, for our pages load nothing of others.
	LogoURI, PolicyURI, TOSURI string
	// GrantTypes are those that a client which registers itself asks for; none for
	// those of its kind.
	GrantTypes []string
}

// CreateRegistrationToken is an initial access token to be made (RFC 7591 §1.2).
type CreateRegistrationToken struct {
	Name string
	// Tenant is a slug; "" means the first tenant. AllTenants lets clients of the whole
	// deployment in instead.
	Tenant     string
	AllTenants bool
	// Uses is how many clients it lets in, 1 to 10000.
	Uses int
	// Lifetime is how long it may be used, a year at most.
	Lifetime time.Duration
	Policy   storage.RegistrationPolicy
}

// ClientChange is what to change of a client; nil leaves it.
type ClientChange struct {
	Name                                 *string
	Scopes                               *[]authz.Pattern
	RedirectURIs, PostLogoutRedirectURIs *[]string
	// JWKS replaces the public keys of a client of private_key_jwt.
	JWKS                                                  []byte
	IDTokenAlg                                            *string
	Introspect, FirstParty, SkipConsent, IDTokenAtRefresh *bool
	LogoURI, PolicyURI, TOSURI                            *string
	// Metadata replaces the whole of it.
	Metadata *storage.ClientMetadata
	// OpenTo and Groups are said together: who may sign in through it from now on.
	OpenTo *storage.OpenTo
	Groups []authz.GroupID
	// If judges the client in the moment of the change, as that of [UserChange].
	If func(storage.Client) error
}

// CreateResource is a resource server to be made. Tenant is a slug; "" makes a
// resource of the whole deployment.
type CreateResource struct {
	Identifier, Name string
	Scopes           authz.ScopeSet
	Tenant           string
	// DetailTypes are the types of authorization details that it understands.
	DetailTypes []storage.DetailType
	// AccessTokenLifetime bounds the tokens for it; 0 for as long as any.
	AccessTokenLifetime time.Duration
}

// SessionFilter narrows a list of sessions; what is zero narrows nothing.
type SessionFilter struct {
	User   authz.UserID
	Tenant string // id or slug
	// EndedToo lists also those that have ended, while they are kept.
	EndedToo bool
	Paging
}

// AuditFilter narrows the audit log; what is zero narrows nothing.
type AuditFilter struct {
	// User is whose history it is: what they did and what was done to them, and the same
	// of everybody who was merged into them.
	User    authz.UserID
	ActorID authz.UserID
	// Actor is the name of an actor who is no user: a client_id, or the host.
	Actor string
	// Action is an action such as "user.create", or a family such as "user.*".
	Action               string
	ObjectKind, ObjectID string
	Tenant               string // id or slug
	Since, Until         time.Time
	Paging
}

// ResourceChange is what to change of a resource server; nil leaves it.
type ResourceChange struct {
	Name   *string
	Scopes *authz.ScopeSet
	// DetailTypes are all that it understands from now on.
	DetailTypes *[]storage.DetailType
	// AccessTokenLifetime 0 lets tokens for it live as long as any.
	AccessTokenLifetime *time.Duration
	// If judges the resource server in the moment of the change, as that of [UserChange].
	If func(storage.Resource) error
}

// Explain asks what a client would be granted for a user.
type Explain struct {
	// User is zero for a client that acts for itself.
	User      authz.UserID
	Client    authz.ClientID
	Tenant    authz.TenantID
	Project   authz.ProjectID
	Requested authz.ScopeSet
	// ACR is how strongly the user would have signed in; "" means one factor.
	ACR authz.ACR
}
