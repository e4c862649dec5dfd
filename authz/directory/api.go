package directory

import (
	"context"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Service is the directory. It may be used from many goroutines.
type Service struct {
	store  *postgres.Store
	pepper []byte
	now    func() time.Time
}

// New opens the directory. pepper is the key under which client secrets are
// digested ([storage.ClientSecretPepper]).
func New(store *postgres.Store, pepper []byte, now func() time.Time) *Service {
	return &Service{store: store, pepper: pepper, now: now}
}

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

// UserStatus tells users apart by whether they may sign in.
type UserStatus string

// The statuses; "" means both.
const (
	StatusActive   UserStatus = "active"
	StatusDisabled UserStatus = "disabled"
)

// UserFilter narrows a list of users; what is zero narrows nothing.
type UserFilter struct {
	Role   authz.Role
	Tenant string // slug
	Group  authz.GroupID
	Status UserStatus
	// Search is found, in any case, within user name, e-mail address and display name.
	Search string
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
}

// UserChange is what to change of a user; nil leaves it.
type UserChange struct {
	DisplayName, Email, AvatarURL *string
	Role                          *authz.Role
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
	JWKS                                []byte
	Introspect, FirstParty, SkipConsent bool
	// Tenant is a slug; "" means the first tenant. AllTenants makes a client of the
	// whole deployment instead.
	Tenant     string
	AllTenants bool
	// Owner answers for an agent.
	Owner authz.UserID
	// IDTokenAlg "" is ES256.
	IDTokenAlg string
}

// CreateResource is a resource server to be made. Tenant is a slug; "" makes a
// resource of the whole deployment.
type CreateResource struct {
	Identifier, Name string
	Scopes           authz.ScopeSet
	Tenant           string
}

// SessionFilter narrows a list of sessions to those of one user, when User is not zero.
type SessionFilter struct {
	User authz.UserID
	Paging
}

// AuditFilter narrows the audit log; what is zero narrows nothing.
type AuditFilter struct {
	ActorID              authz.UserID
	ObjectKind, ObjectID string
	Paging
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

type ctx = context.Context

func (s *Service) Users(ctx, Actor, UserFilter) (Page[storage.User], error) { panic("soon") }
func (s *Service) CountUsers(ctx, Actor, UserFilter) (int, error)           { panic("soon") }

// User finds a user by id, user name or e-mail address.
func (s *Service) User(_ ctx, _ Actor, name string) (storage.User, error) { panic("soon") }

// Person is the user with rights, preferences and tenants.
func (s *Service) Person(ctx, Actor, authz.UserID) (storage.Person, error) { panic("soon") }
func (s *Service) CreateUser(ctx, Actor, CreateUser) (storage.User, error) { panic("soon") }
func (s *Service) UpdateUser(ctx, Actor, authz.UserID, UserChange) (storage.User, error) {
	panic("soon")
}
func (s *Service) SetPasswordHash(_ ctx, _ Actor, _ authz.UserID, encoded string) error {
	panic("soon")
}
func (s *Service) DisableUser(ctx, Actor, authz.UserID) error { panic("soon") }
func (s *Service) EnableUser(ctx, Actor, authz.UserID) error  { panic("soon") }
func (s *Service) DeleteUser(ctx, Actor, authz.UserID) error  { panic("soon") }

func (s *Service) Tenants(ctx, Actor, Paging) (Page[storage.Tenant], error) { panic("soon") }

// Tenant finds a tenant by id or slug; "" is the first.
func (s *Service) Tenant(_ ctx, _ Actor, name string) (storage.Tenant, error)    { panic("soon") }
func (s *Service) CreateTenant(ctx, Actor, CreateTenant) (storage.Tenant, error) { panic("soon") }
func (s *Service) SuspendTenant(ctx, Actor, authz.TenantID) error                { panic("soon") }
func (s *Service) ResumeTenant(ctx, Actor, authz.TenantID) error                 { panic("soon") }

func (s *Service) Projects(ctx, Actor, authz.TenantID) ([]storage.Project, error) { panic("soon") }

// Project finds a project of a tenant by id or name.
func (s *Service) Project(_ ctx, _ Actor, _ authz.TenantID, name string) (storage.Project, error) {
	panic("soon")
}
func (s *Service) CreateProject(_ ctx, _ Actor, _ authz.TenantID, name string) (storage.Project, error) {
	panic("soon")
}

func (s *Service) Groups(ctx, Actor, authz.TenantID) ([]storage.Group, error) { panic("soon") }

// Group finds a group of a tenant by id or name; of several with one name, the one
// of the whole tenant.
func (s *Service) Group(_ ctx, _ Actor, _ authz.TenantID, name string) (storage.Group, error) {
	panic("soon")
}
func (s *Service) CreateGroup(ctx, Actor, CreateGroup) (storage.Group, error) { panic("soon") }
func (s *Service) AddMember(ctx, Actor, authz.GroupID, authz.UserID) error    { panic("soon") }
func (s *Service) RemoveMember(ctx, Actor, authz.GroupID, authz.UserID) error { panic("soon") }
func (s *Service) SetGroupScopes(ctx, Actor, authz.GroupID, []authz.Pattern) (storage.Group, error) {
	panic("soon")
}

func (s *Service) Roles(ctx, Actor) ([]storage.Role, error) { panic("soon") }
func (s *Service) SetRoleScopes(ctx, Actor, authz.Role, []authz.Pattern) (storage.Role, error) {
	panic("soon")
}
func (s *Service) Scopes(ctx, Actor) ([]storage.ScopeInfo, error) { panic("soon") }
func (s *Service) PutScope(ctx, Actor, storage.ScopeInfo) error   { panic("soon") }

// GrantUserScope: a zero tenant means all tenants.
func (s *Service) GrantUserScope(ctx, Actor, authz.UserID, authz.TenantID, authz.Pattern) error {
	panic("soon")
}
func (s *Service) RevokeUserScope(ctx, Actor, authz.UserID, authz.TenantID, authz.Pattern) error {
	panic("soon")
}
func (s *Service) ExplainScopes(ctx, Actor, Explain) (authz.Decision, error) { panic("soon") }

func (s *Service) Resources(ctx, Actor) ([]storage.Resource, error)                    { panic("soon") }
func (s *Service) CreateResource(ctx, Actor, CreateResource) (storage.Resource, error) { panic("soon") }

func (s *Service) Clients(ctx, Actor, Paging) (Page[storage.Client], error)  { panic("soon") }
func (s *Service) Client(ctx, Actor, authz.ClientID) (storage.Client, error) { panic("soon") }
func (s *Service) CreateClient(ctx, Actor, CreateClient) (storage.Client, Secret, error) {
	panic("soon")
}

// RotateClientSecret leaves the old secret working for the time of overlap.
func (s *Service) RotateClientSecret(_ ctx, _ Actor, _ authz.ClientID, overlap time.Duration) (Secret, error) {
	panic("soon")
}
func (s *Service) DisableClient(ctx, Actor, authz.ClientID) error { panic("soon") }
func (s *Service) EnableClient(ctx, Actor, authz.ClientID) error  { panic("soon") }
func (s *Service) DeleteClient(ctx, Actor, authz.ClientID) error  { panic("soon") }

func (s *Service) Sessions(ctx, Actor, SessionFilter) (Page[storage.Session], error) { panic("soon") }
func (s *Service) RevokeSession(ctx, Actor, authz.SessionID) error                   { panic("soon") }

// RevokeAllSessions ends everything of a user and says how many sessions that were.
func (s *Service) RevokeAllSessions(ctx, Actor, authz.UserID) (int, error) { panic("soon") }

func (s *Service) Bans(ctx, Actor) ([]storage.Ban, error) { panic("soon") }

// AddBan takes Network, Reason and ExpiresAt.
func (s *Service) AddBan(ctx, Actor, storage.Ban) (storage.Ban, error) { panic("soon") }
func (s *Service) RemoveBan(ctx, Actor, netip.Prefix) error            { panic("soon") }

// CheckBan is the bans that keep an address away at this moment.
func (s *Service) CheckBan(ctx, Actor, netip.Addr) ([]storage.Ban, error) { panic("soon") }

// Audit lists events, the newest first.
func (s *Service) Audit(ctx, Actor, AuditFilter) (Page[storage.AuditEvent], error) { panic("soon") }

// Bootstrap makes the first tenant and its owner in an empty database; false when
// the database is not empty. Of several replicas that start at once one wins.
func (s *Service) Bootstrap(_ ctx, owner CreateUser) (storage.User, bool, error) { panic("soon") }
