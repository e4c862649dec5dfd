package directory_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// now is the instant at which these tests happen.
var now = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// hash stands for any finished hash of a password.
const hash = "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"

var pepper = []byte("a pepper for tests, of 32 bytes.")

var host = directory.Actor{Name: "host", Host: true, IPAddress: netip.MustParseAddr("203.0.113.9")}

// town is a directory with something in it.
type town struct {
	*testing.T
	*directory.Service
	dsn   string
	store *postgres.Store
	world *storagetest.World
	acme  storage.Tenant
	ann   storage.User // an ordinary user of acme
	// clock is now, until a test moves it.
	clock time.Time
}

func newTown(t *testing.T) *town {
	t.Helper()
	dsn := storagetest.NewDSN(t)
	v := &town{T: t, dsn: dsn, store: storagetest.Open(t, dsn, postgres.Options{}), world: storagetest.NewWorld(t, dsn), clock: now}
	v.Service = directory.New(v.store, pepper, func() time.Time { return v.clock })
	var err error
	if v.acme, err = v.CreateTenant(t.Context(), host, directory.CreateTenant{Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	v.ann = v.user("ann", authz.RoleUser)
	return v
}

func (v *town) user(name string, role authz.Role) storage.User {
	v.Helper()
	u, err := v.CreateUser(v.Context(), host, directory.CreateUser{
		Username: name, Email: name + "@example.com", Role: role, PasswordHash: hash,
	})
	if err != nil {
		v.Fatal(err)
	}
	return u
}

// actor is a user with the scopes of a role.
func (v *town) actor(role authz.Role) directory.Actor {
	v.Helper()
	u := v.user("acting-"+string(role), role)
	var scopes authz.ScopeSet
	for _, p := range authz.DefaultRoles()[role] {
		if p != "*" {
			scopes = append(scopes, authz.Scope(p))
		}
	}
	return directory.Actor{Name: u.Username, User: u.ID, Scopes: scopes, IPAddress: netip.MustParseAddr("198.51.100.1")}
}

func (v *town) group(name string, scopes ...authz.Pattern) storage.Group {
	v.Helper()
	g, err := v.CreateGroup(v.Context(), host, directory.CreateGroup{Tenant: v.acme.ID, Name: name, Scopes: scopes})
	if err != nil {
		v.Fatal(err)
	}
	return g
}

func (v *town) client(kind storage.ClientKind) storage.Client {
	v.Helper()
	n := directory.CreateClient{Name: "Shop", Kind: kind, Scopes: []authz.Pattern{"openid", "tools:execute"}, Owner: v.ann.ID}
	if kind != storage.ClientService && kind != storage.ClientAgent {
		n.RedirectURIs = []string{"https://shop.example/callback"}
	}
	c, _, err := v.CreateClient(v.Context(), host, n)
	if err != nil {
		v.Fatal(err)
	}
	return c
}

// session is a login of a user with a grant beneath it.
func (v *town) session(user authz.UserID) (storage.Session, storage.Grant) {
	v.Helper()
	n := storage.Session{
		ID: authz.NewID[authz.SessionID](now), TokenJTI: authz.NewID[authz.SessionID](now), User: user, Tenant: v.acme.ID,
		SecretHash: []byte("digest"), CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(12 * time.Hour), IdleLifetime: 30 * time.Minute,
		AuthTime: now, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"},
	}
	g := storage.Grant{
		ID: authz.NewID[authz.GrantID](now), User: user, SID: n.TokenJTI, Client: "shop", Tenant: v.acme.ID,
		AuthTime: now, ACR: authz.ACRSingleFactor, RequestedAt: now, IssuedAt: now, CodeHash: []byte("code"),
	}
	err := errors.Join(v.store.ForUser(user).InsertSession(v.Context(), n, storage.Evidence{}, "", authz.SessionID{}, time.Time{}),
		v.store.ForUser(user).InsertGrant(v.Context(), g, nil))
	if err != nil {
		v.Fatal(err)
	}
	return n, g
}

func (v *town) must(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// changedAt is when a right of the user last changed.
func (v *town) changedAt(id authz.UserID) (at time.Time) {
	v.Helper()
	v.world.Get(`select authz_changed_at from platform.users where id = $1`, []any{id}, &at)
	return at
}

func pointer[T any](v T) *T { return &v }

// anID names nothing.
func anID[I ~[16]byte]() I { return authz.NewID[I](now) }

// hostile is texts that break out of something, or into it.
var hostile = []string{
	"'; drop table platform.users; --", `" or 1=1`, "\x00", "a\x00b", "\xff\xfe", "%", "_", "\\", "$1", "{}", `\u0000`, "../../x",
	"\u202e", strings.Repeat("x", 100_000), "1e999", "null", "00000000-0000-0000-0000-000000000000",
}

// M5: whatever stands in a filter, a cursor or a name, the answer is a list or a
// refusal, never a fault of the machinery.
func TestM5_HostileText(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	for _, text := range hostile {
		paging := directory.Paging{Cursor: text}
		for name, ask := range map[string]func() error{
			"Users by role":   func() error { _, err := v.Users(ctx, host, directory.UserFilter{Role: authz.Role(text)}); return err },
			"Users by tenant": func() error { _, err := v.Users(ctx, host, directory.UserFilter{Tenant: text}); return err },
			"Users by search": func() error { _, err := v.Users(ctx, host, directory.UserFilter{Search: text}); return err },
			"Users by status": func() error {
				_, err := v.Users(ctx, host, directory.UserFilter{Status: directory.Status(text)})
				return err
			},
			"Users by cursor": func() error { _, err := v.Users(ctx, host, directory.UserFilter{Paging: paging}); return err },
			"CountUsers":      func() error { _, err := v.CountUsers(ctx, host, directory.UserFilter{Search: text}); return err },
			"User":            func() error { _, err := v.User(ctx, host, text); return err },
			"Tenants":         func() error { _, err := v.Tenants(ctx, host, paging); return err },
			"Tenant":          func() error { _, err := v.Tenant(ctx, host, text); return err },
			"Project":         func() error { _, err := v.Project(ctx, host, v.acme.ID, text); return err },
			"Group":           func() error { _, err := v.Group(ctx, host, v.acme.ID, text); return err },
			"Clients": func() error {
				_, err := v.Clients(ctx, host, directory.ClientFilter{Kind: storage.ClientKind(text), Paging: paging})
				return err
			},
			"Clients by tenant": func() error { _, err := v.Clients(ctx, host, directory.ClientFilter{Tenant: text}); return err },
			"Clients by status": func() error {
				_, err := v.Clients(ctx, host, directory.ClientFilter{Status: directory.Status(text)})
				return err
			},
			"Projects":        func() error { _, err := v.Projects(ctx, host, v.acme.ID, paging); return err },
			"Groups":          func() error { _, err := v.Groups(ctx, host, v.acme.ID, paging); return err },
			"Client":          func() error { _, err := v.Client(ctx, host, authz.ClientID(text)); return err },
			"Sessions":        func() error { _, err := v.Sessions(ctx, host, directory.SessionFilter{Paging: paging}); return err },
			"Audit by cursor": func() error { _, err := v.Audit(ctx, host, directory.AuditFilter{Paging: paging}); return err },
			"Audit by object": func() error {
				_, err := v.Audit(ctx, host, directory.AuditFilter{ObjectKind: text, ObjectID: text})
				return err
			},
			"SetRoleScopes": func() error { _, err := v.SetRoleScopes(ctx, host, authz.Role(text), nil, nil); return err },
			"SetRoleScopes to": func() error {
				_, err := v.SetRoleScopes(ctx, host, authz.RoleUser, []authz.Pattern{authz.Pattern(text)}, nil)
				return err
			},
			"GrantUserScope": func() error { return v.GrantUserScope(ctx, host, v.ann.ID, v.acme.ID, authz.Pattern(text)) },
			"CreateGroup": func() error {
				_, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: v.acme.ID, Name: text, Scopes: []authz.Pattern{authz.Pattern(text)}})
				return err
			},
			"CreateProject": func() error { _, err := v.CreateProject(ctx, host, v.acme.ID, text); return err },
			"CreateTenant": func() error {
				_, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: text, Name: text, Region: text, Plan: text, Features: []string{text}})
				return err
			},
			"CreateTenant's region": func() error {
				_, err := v.CreateTenant(ctx, host, directory.CreateTenant{Name: authz.RandomID[authz.UserID]().String(), Region: text, Plan: text, Features: []string{text}})
				return err
			},
			"CreateUser": func() error {
				_, err := v.CreateUser(ctx, host, directory.CreateUser{Username: text, Email: text, DisplayName: text, Role: authz.Role(text), Tenant: text})
				return err
			},
			"UpdateUser": func() error {
				_, err := v.UpdateUser(ctx, host, v.ann.ID, directory.UserChange{DisplayName: &text, AvatarURL: &text})
				return err
			},
			"CreateClient": func() error {
				_, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: text, Kind: storage.ClientService, Scopes: []authz.Pattern{authz.Pattern(text)}})
				return err
			},
			"CreateClient's JWKS": func() error {
				_, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "x", Kind: storage.ClientService, AuthMethod: storage.AuthMethodPrivateKeyJWT,
					JWKS: []byte(`{"keys": [{"kty": "EC", "kid": "` + text + `"}]}`)})
				return err
			},
			"CreateResource": func() error {
				_, err := v.CreateResource(ctx, host, directory.CreateResource{Identifier: "https://api.example/" + text, Name: text, Scopes: authz.ScopeSet{authz.Scope(text)}})
				return err
			},
			"PutScope": func() error {
				return v.PutScope(ctx, host, storage.ScopeInfo{Name: "x", Title: text, Description: text, NeedsACR: authz.ACR(text)}, nil)
			},
			"AddBan": func() error {
				_, err := v.AddBan(ctx, host, storage.Ban{Network: netip.MustParsePrefix("192.0.2.0/24"), Reason: text})
				return err
			},
		} {
			if err := ask(); err != nil && !refusal(err) {
				t.Errorf("%s with %.40q: %v", name, text, err)
			}
		}
	}
	var left int
	if v.world.Get(`select count(*) from platform.users where username = 'ann'`, nil, &left); left != 1 {
		t.Error("ann is gone")
	}
}

// refusal reports whether an error is the caller's own.
func refusal(err error) bool {
	var invalid *directory.InvalidError
	return errors.As(err, &invalid) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrReference)
}
