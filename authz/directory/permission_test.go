package directory_test

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// operations is every method of the service with input that names nothing: who may
// do it is told that it is not there, who may not is told that.
func operations(v *town) map[string]func(a directory.Actor) error {
	ctx := v.Context()
	ring, _ := v.keys()
	user, tenant, group, hook, issuer := anID[authz.UserID](), anID[authz.TenantID](), anID[authz.GroupID](), anID[authz.WebhookID](), anID[authz.TrustedIssuerID]()
	return map[string]func(a directory.Actor) error{
		"Users":      func(a directory.Actor) error { _, err := v.Users(ctx, a, directory.UserFilter{}); return err },
		"CountUsers": func(a directory.Actor) error { _, err := v.CountUsers(ctx, a, directory.UserFilter{}); return err },
		"User":       func(a directory.Actor) error { _, err := v.User(ctx, a, "nobody"); return err },
		"Person":     func(a directory.Actor) error { _, err := v.Person(ctx, a, user); return err },
		"CreateUser": func(a directory.Actor) error { _, err := v.CreateUser(ctx, a, directory.CreateUser{}); return err },
		"UpdateUser": func(a directory.Actor) error {
			_, err := v.UpdateUser(ctx, a, user, directory.UserChange{})
			return err
		},
		"SetPasswordHash":      func(a directory.Actor) error { return v.SetPasswordHash(ctx, a, user, hash) },
		"RemoveAuthenticators": func(a directory.Actor) error { return v.RemoveAuthenticators(ctx, a, user) },
		"AcceptAuthenticators": func(a directory.Actor) error { return v.AcceptAuthenticators(ctx, a, "acme", nil) },
		"DisableUser":          func(a directory.Actor) error { return v.DisableUser(ctx, a, user) },
		"EnableUser":           func(a directory.Actor) error { return v.EnableUser(ctx, a, user) },
		"DeleteUser":           func(a directory.Actor) error { return v.DeleteUser(ctx, a, user, nil) },
		"ChangeUsers":          func(a directory.Actor) error { _, err := v.ChangeUsers(ctx, a, directory.Bulk{}); return err },
		"MergeUsers":           func(a directory.Actor) error { _, err := v.MergeUsers(ctx, a, user, user, false); return err },
		"MergedInto":           func(a directory.Actor) error { _, err := v.MergedInto(ctx, a, user); return err },
		"UserStats":            func(a directory.Actor) error { _, err := v.UserStats(ctx, a); return err },

		"Tenants":       func(a directory.Actor) error { _, err := v.Tenants(ctx, a, directory.Paging{}); return err },
		"Tenant":        func(a directory.Actor) error { _, err := v.Tenant(ctx, a, "none"); return err },
		"CreateTenant":  func(a directory.Actor) error { _, err := v.CreateTenant(ctx, a, directory.CreateTenant{}); return err },
		"SuspendTenant": func(a directory.Actor) error { return v.SuspendTenant(ctx, a, tenant) },
		"UpdateTenant": func(a directory.Actor) error {
			_, err := v.UpdateTenant(ctx, a, tenant, directory.TenantChange{})
			return err
		},
		"DeleteTenant": func(a directory.Actor) error { return v.DeleteTenant(ctx, a, tenant, "x", nil) },
		"RenameProject": func(a directory.Actor) error {
			_, err := v.RenameProject(ctx, a, storage.Project{}, "x", nil)
			return err
		},
		"DeleteProject":    func(a directory.Actor) error { return v.DeleteProject(ctx, a, storage.Project{}, nil) },
		"RenameGroup":      func(a directory.Actor) error { _, err := v.RenameGroup(ctx, a, group, "x", nil); return err },
		"DeleteGroup":      func(a directory.Actor) error { return v.DeleteGroup(ctx, a, group, nil) },
		"Invite":           func(a directory.Actor) error { _, err := v.Invite(ctx, a, directory.Invite{}); return err },
		"SetUpLink":        func(a directory.Actor) error { _, err := v.SetUpLink(ctx, a, user); return err },
		"RemoveAvatar":     func(a directory.Actor) error { _, err := v.RemoveAvatar(ctx, a, user); return err },
		"ResetLink":        func(a directory.Actor) error { _, err := v.ResetLink(ctx, a, user); return err },
		"SetTenantLogo":    func(a directory.Actor) error { _, err := v.SetTenantLogo(ctx, a, tenant, nil); return err },
		"RemoveTenantLogo": func(a directory.Actor) error { _, err := v.RemoveTenantLogo(ctx, a, tenant); return err },
		"ResumeTenant":     func(a directory.Actor) error { return v.ResumeTenant(ctx, a, tenant) },
		"Projects":         func(a directory.Actor) error { _, err := v.Projects(ctx, a, tenant, directory.Paging{}); return err },
		"Project":          func(a directory.Actor) error { _, err := v.Project(ctx, a, tenant, "none"); return err },
		"CreateProject":    func(a directory.Actor) error { _, err := v.CreateProject(ctx, a, tenant, "x"); return err },

		"Groups":         func(a directory.Actor) error { _, err := v.Groups(ctx, a, tenant, directory.Paging{}); return err },
		"Group":          func(a directory.Actor) error { _, err := v.Group(ctx, a, tenant, "none"); return err },
		"CreateGroup":    func(a directory.Actor) error { _, err := v.CreateGroup(ctx, a, directory.CreateGroup{}); return err },
		"AddMember":      func(a directory.Actor) error { return v.AddMember(ctx, a, group, user) },
		"RemoveMember":   func(a directory.Actor) error { return v.RemoveMember(ctx, a, group, user) },
		"SetGroupScopes": func(a directory.Actor) error { _, err := v.SetGroupScopes(ctx, a, group, nil, nil); return err },

		"Roles":           func(a directory.Actor) error { _, err := v.Roles(ctx, a); return err },
		"SetRoleScopes":   func(a directory.Actor) error { _, err := v.SetRoleScopes(ctx, a, "none", nil, nil); return err },
		"Scopes":          func(a directory.Actor) error { _, err := v.Scopes(ctx, a); return err },
		"PutScope":        func(a directory.Actor) error { return v.PutScope(ctx, a, storage.ScopeInfo{}, nil) },
		"GrantUserScope":  func(a directory.Actor) error { return v.GrantUserScope(ctx, a, user, tenant, "openid") },
		"RevokeUserScope": func(a directory.Actor) error { return v.RevokeUserScope(ctx, a, user, tenant, "openid") },
		"ExplainScopes": func(a directory.Actor) error {
			_, err := v.ExplainScopes(ctx, a, directory.Explain{Client: "none"})
			return err
		},
		"Resources": func(a directory.Actor) error { _, err := v.Resources(ctx, a); return err },
		"CreateResource": func(a directory.Actor) error {
			_, err := v.CreateResource(ctx, a, directory.CreateResource{})
			return err
		},

		"Clients": func(a directory.Actor) error { _, err := v.Clients(ctx, a, directory.ClientFilter{}); return err },
		"Client":  func(a directory.Actor) error { _, err := v.Client(ctx, a, "none"); return err },
		"CreateClient": func(a directory.Actor) error {
			_, _, err := v.CreateClient(ctx, a, directory.CreateClient{})
			return err
		},
		"UpdateClient": func(a directory.Actor) error {
			_, err := v.UpdateClient(ctx, a, "none", directory.ClientChange{})
			return err
		},
		"RegistrationTokens": func(a directory.Actor) error {
			_, err := v.RegistrationTokens(ctx, a, "", directory.Paging{})
			return err
		},
		"CreateRegistrationToken": func(a directory.Actor) error {
			_, _, err := v.CreateRegistrationToken(ctx, a, directory.CreateRegistrationToken{})
			return err
		},
		"RevokeRegistrationToken": func(a directory.Actor) error {
			return v.RevokeRegistrationToken(ctx, a, anID[authz.RegistrationTokenID]())
		},
		"TrustedIssuers": func(a directory.Actor) error {
			_, err := v.TrustedIssuers(ctx, a, "", directory.Paging{})
			return err
		},
		"TrustedIssuer": func(a directory.Actor) error { _, err := v.TrustedIssuer(ctx, a, issuer); return err },
		"AddTrustedIssuer": func(a directory.Actor) error {
			_, err := v.AddTrustedIssuer(ctx, a, storage.TrustedIssuer{}, "", false)
			return err
		},
		"RemoveTrustedIssuer": func(a directory.Actor) error { return v.RemoveTrustedIssuer(ctx, a, issuer) },

		"AgentsOf":           func(a directory.Actor) error { _, err := v.AgentsOf(ctx, a, user); return err },
		"RotateClientSecret": func(a directory.Actor) error { _, err := v.RotateClientSecret(ctx, a, "none", 0); return err },
		"DisableClient":      func(a directory.Actor) error { return v.DisableClient(ctx, a, "none") },
		"EnableClient":       func(a directory.Actor) error { return v.EnableClient(ctx, a, "none") },
		"DeleteClient":       func(a directory.Actor) error { return v.DeleteClient(ctx, a, "none", nil) },

		"Webhooks": func(a directory.Actor) error { _, err := v.Webhooks(ctx, a, "", directory.Paging{}); return err },
		"Webhook":  func(a directory.Actor) error { _, err := v.Webhook(ctx, a, hook); return err },
		"CreateWebhook": func(a directory.Actor) error {
			_, err := v.CreateWebhook(ctx, a, storage.Webhook{}, "")
			return err
		},
		"UpdateWebhook": func(a directory.Actor) error {
			_, err := v.UpdateWebhook(ctx, a, hook, directory.WebhookChange{})
			return err
		},
		"RotateWebhookSecret": func(a directory.Actor) error { _, err := v.RotateWebhookSecret(ctx, a, hook, nil, 0); return err },
		"DeleteWebhook":       func(a directory.Actor) error { return v.DeleteWebhook(ctx, a, hook, nil) },
		"Deliveries":          func(a directory.Actor) error { _, err := v.Deliveries(ctx, a, hook, directory.Paging{}); return err },
		"TestWebhook":         func(a directory.Actor) error { _, err := v.TestWebhook(ctx, a, hook); return err },
		"Redeliver":           func(a directory.Actor) error { return v.Redeliver(ctx, a, hook, anID[authz.AuditID]()) },

		"SigningKeys": func(a directory.Actor) error { _, err := v.SigningKeys(ctx, a); return err },
		"RotateKeys":  func(a directory.Actor) error { return v.RotateKeys(ctx, a, ring, false) },
		"RevokeKey":   func(a directory.Actor) error { return v.RevokeKey(ctx, a, ring, "none") },
		"FollowAudit": func(a directory.Actor) error { _, _, err := v.FollowAudit(ctx, a, nil); return err },
		"VerifyAudit": func(a directory.Actor) error { _, err := v.VerifyAudit(ctx, a); return err },
		"Scope":       func(a directory.Actor) error { _, err := v.Scope(ctx, a, "none"); return err },
		"DeleteScope": func(a directory.Actor) error { return v.DeleteScope(ctx, a, "none", nil) },
		"Resource":    func(a directory.Actor) error { _, err := v.Resource(ctx, a, "none"); return err },
		"UpdateResource": func(a directory.Actor) error {
			_, err := v.UpdateResource(ctx, a, "none", directory.ResourceChange{})
			return err
		},
		"DeleteResource": func(a directory.Actor) error { return v.DeleteResource(ctx, a, "none", nil) },
		"Session":        func(a directory.Actor) error { _, err := v.Session(ctx, a, anID[authz.SessionID]()); return err },

		"Sessions":          func(a directory.Actor) error { _, err := v.Sessions(ctx, a, directory.SessionFilter{}); return err },
		"RevokeSession":     func(a directory.Actor) error { return v.RevokeSession(ctx, a, anID[authz.SessionID]()) },
		"EndAll":            func(a directory.Actor) error { _, err := v.EndAll(ctx, a); return err },
		"RevokeAllSessions": func(a directory.Actor) error { _, err := v.RevokeAllSessions(ctx, a, user); return err },
		"Bans":              func(a directory.Actor) error { _, err := v.Bans(ctx, a); return err },
		"AddBan":            func(a directory.Actor) error { _, err := v.AddBan(ctx, a, storage.Ban{}); return err },
		"RemoveBan":         func(a directory.Actor) error { return v.RemoveBan(ctx, a, netip.MustParsePrefix("192.0.2.0/24")) },
		"CheckBan": func(a directory.Actor) error {
			_, err := v.CheckBan(ctx, a, netip.MustParseAddr("192.0.2.1"))
			return err
		},
		"Audit":  func(a directory.Actor) error { _, err := v.Audit(ctx, a, directory.AuditFilter{}); return err },
		"Counts": func(a directory.Actor) error { _, err := v.Counts(ctx, a); return err },
	}
}

// withUsersManage is what "users:manage" opens without "admin".
var withUsersManage = strings.Fields(`Users CountUsers User Person CreateUser UpdateUser SetPasswordHash DisableUser EnableUser RemoveAuthenticators DeleteUser ChangeUsers MergeUsers MergedInto UserStats
	Tenants Tenant Projects Project Groups Group CreateGroup RenameGroup DeleteGroup AddMember RemoveMember SetGroupScopes Invite SetUpLink ResetLink RemoveAvatar
	GrantUserScope RevokeUserScope Roles Scopes ExplainScopes Resources Resource Scope Clients Client AgentsOf Session Sessions RevokeSession RevokeAllSessions Counts`)

// aboutOneself is what everybody may do, to themselves alone (self_test.go).
var aboutOneself = strings.Fields(`Self UpdateSelf SelectTenant SelfSessions RevokeSelfSession ChangeOwnProfile DeleteOwnAccount AcceptInvitation JoinByInvitation Register SetAvatar`)

// M2: every operation is closed to those without the scope for it.
func TestM2_Permissions(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	all := operations(v)
	service := reflect.TypeFor[*directory.Service]()
	for i := range service.NumMethod() {
		if name := service.Method(i).Name; all[name] == nil && name != "Bootstrap" && !slices.Contains(aboutOneself, name) {
			t.Errorf("%s stands in no row of this test", name)
		}
	}
	actors := []struct {
		name   string
		actor  directory.Actor
		allows func(operation string) bool
	}{
		{"host", host, func(string) bool { return true }},
		{"owner", v.actor(authz.RoleOwner), func(string) bool { return true }},
		{"admin", v.actor(authz.RoleAdmin), func(string) bool { return true }},
		{"users:manage", directory.Actor{Scopes: authz.ScopeSet{"users:manage"}}, func(o string) bool { return slices.Contains(withUsersManage, o) }},
		{"user", v.actor(authz.RoleUser), func(string) bool { return false }},
		{"viewer", v.actor(authz.RoleViewer), func(string) bool { return false }},
		{"a wildcard that poses as a scope", directory.Actor{Scopes: authz.ScopeSet{"*"}}, func(string) bool { return false }},
		{"nobody", directory.Actor{}, func(string) bool { return false }},
	}
	for _, by := range actors {
		for name, do := range all {
			err := do(by.actor)
			if forbidden := errors.Is(err, directory.ErrForbidden); forbidden == by.allows(name) {
				t.Errorf("%s by %s: %v", name, by.name, err)
			}
			if err != nil && !errors.Is(err, directory.ErrForbidden) && !refusal(err) {
				t.Errorf("%s by %s failed: %v", name, by.name, err)
			}
		}
	}
}

// M3: nobody gives what they do not hold, and nobody manages a person above them.
func TestM3_Escalation(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	owner, boss := v.user("owner", authz.RoleOwner), v.user("boss", authz.RoleAdmin)
	bob, cleo := v.user("bob", authz.RoleUser), v.user("cleo", authz.RoleUser)
	admins, tools := v.group("admins", "admin"), v.group("tools", "tools:execute")
	v.must(v.AddMember(ctx, host, admins.ID, bob.ID))
	v.must(v.GrantUserScope(ctx, host, cleo.ID, authz.TenantID{}, "billing"))

	bank, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "Bank", Kind: storage.ClientService, Scopes: []authz.Pattern{"billing"}})
	v.must(err)
	shop, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "Shop", Kind: storage.ClientService, Scopes: []authz.Pattern{"tools:execute"}})
	v.must(err)
	rotate := func(a directory.Actor, c storage.Client) error {
		_, err := v.RotateClientSecret(ctx, a, c.ID, 0)
		return err
	}

	admin := v.actor(authz.RoleAdmin)
	manager := directory.Actor{Name: "manager", Scopes: authz.ScopeSet{"users:manage", "user"}}
	both := directory.Actor{Name: "admin who manages users", Scopes: authz.ScopeSet{"admin", "users:manage"}}
	create := func(a directory.Actor, role authz.Role) error {
		_, err := v.CreateUser(ctx, a, directory.CreateUser{Username: "n" + strings.ToLower(anID[authz.UserID]().String()[30:]) + string(role), Email: anID[authz.UserID]().String() + "@example.com", Role: role})
		return err
	}
	assign := func(a directory.Actor, u storage.User, role authz.Role) error {
		_, err := v.UpdateUser(ctx, a, u.ID, directory.UserChange{Role: &role})
		return err
	}
	tests := []struct {
		name    string
		do      func() error
		allowed bool
	}{
		{"an admin makes a user", func() error { return create(admin, authz.RoleUser) }, true},
		{"an admin makes an admin", func() error { return create(admin, authz.RoleAdmin) }, true},
		{"an admin makes an owner", func() error { return create(admin, authz.RoleOwner) }, false},
		{"an admin who manages users makes an owner", func() error { return create(both, authz.RoleOwner) }, false},
		{"a manager makes a user", func() error { return create(manager, authz.RoleUser) }, true},
		{"a manager makes an admin", func() error { return create(manager, authz.RoleAdmin) }, false},
		{"an admin promotes to owner", func() error { return assign(admin, v.ann, authz.RoleOwner) }, false},
		{"an admin demotes an owner", func() error { return assign(admin, owner, authz.RoleViewer) }, false},
		{"a manager promotes to admin", func() error { return assign(manager, v.ann, authz.RoleAdmin) }, false},
		{"a manager promotes a viewer", func() error { return assign(manager, v.ann, authz.RoleUser) }, true},
		{"an admin sets an owner's password", func() error { return v.SetPasswordHash(ctx, admin, owner.ID, hash) }, false},
		{"an admin disables an owner", func() error { return v.DisableUser(ctx, admin, owner.ID) }, false},
		{"an admin deletes an owner", func() error { return v.DeleteUser(ctx, both, owner.ID, nil) }, false},
		{"a manager sets an admin's password", func() error { return v.SetPasswordHash(ctx, manager, boss.ID, hash) }, false},
		{"a manager sets the password of an admin by group", func() error { return v.SetPasswordHash(ctx, manager, bob.ID, hash) }, false},
		{"a manager changes the address of an admin by group", func() error {
			_, err := v.UpdateUser(ctx, manager, bob.ID, directory.UserChange{Email: pointer("mine@example.com")})
			return err
		}, false},
		{"an admin sets the password of who holds billing", func() error { return v.SetPasswordHash(ctx, admin, cleo.ID, hash) }, false},
		{"a manager sets a user's password", func() error { return v.SetPasswordHash(ctx, manager, v.ann.ID, hash) }, true},

		{"a manager joins somebody to the admins", func() error { return v.AddMember(ctx, manager, admins.ID, v.ann.ID) }, false},
		{"a manager joins to a group above them", func() error { return v.AddMember(ctx, manager, tools.ID, v.ann.ID) }, false},
		{"a manager makes a group of admins", func() error {
			_, err := v.CreateGroup(ctx, manager, directory.CreateGroup{Tenant: v.acme.ID, Name: "more admins", Scopes: []authz.Pattern{"admin"}})
			return err
		}, false},
		{"a manager makes a group that gives everything", func() error {
			_, err := v.CreateGroup(ctx, manager, directory.CreateGroup{Tenant: v.acme.ID, Name: "everything", Scopes: []authz.Pattern{"*"}})
			return err
		}, false},
		{"a manager makes a group that gives what they hold", func() error {
			_, err := v.CreateGroup(ctx, manager, directory.CreateGroup{Tenant: v.acme.ID, Name: "users", Scopes: []authz.Pattern{"user"}})
			return err
		}, true},
		{"a manager widens a group", func() error {
			_, err := v.SetGroupScopes(ctx, manager, tools.ID, []authz.Pattern{"admin"}, nil)
			return err
		}, false},
		{"an admin gives users:manage", func() error { return v.GrantUserScope(ctx, admin, v.ann.ID, v.acme.ID, "users:manage") }, false},
		{"an admin gives everything", func() error { return v.GrantUserScope(ctx, admin, v.ann.ID, v.acme.ID, "*") }, false},
		{"an admin gives admin", func() error { return v.GrantUserScope(ctx, admin, v.ann.ID, v.acme.ID, "admin") }, true},
		{"an admin widens their own role", func() error {
			_, err := v.SetRoleScopes(ctx, admin, authz.RoleAdmin, []authz.Pattern{"admin", "billing"}, nil)
			return err
		}, false},
		{"an admin narrows the owner's role", func() error { _, err := v.SetRoleScopes(ctx, admin, authz.RoleOwner, nil, nil); return err }, false},
		{"an admin registers a service with billing", func() error {
			_, _, err := v.CreateClient(ctx, admin, directory.CreateClient{Name: "x", Kind: storage.ClientService, Scopes: []authz.Pattern{"billing"}})
			return err
		}, false},
		{"an admin takes over a service with billing", func() error { return rotate(admin, bank) }, false},
		{"an admin gives a service with billing other keys", func() error {
			_, err := v.UpdateClient(ctx, admin, bank.ID, directory.ClientChange{JWKS: []byte(`{"keys":[]}`)})
			return err
		}, false},
		{"an admin deletes a service with billing", func() error { return v.DeleteClient(ctx, admin, bank.ID, nil) }, false},
		{"an owner gives it another secret", func() error { return rotate(v.actor(authz.RoleOwner), bank) }, true},
		{"an admin gives a service below them another secret", func() error { return rotate(admin, shop) }, true},
		{"an admin trusts an issuer with billing", func() error {
			_, err := v.AddTrustedIssuer(ctx, admin, idp("billing"), "", false)
			return err
		}, false},
		{"an admin trusts an issuer with everything", func() error {
			_, err := v.AddTrustedIssuer(ctx, admin, idp("*"), "", false)
			return err
		}, false},
		{"an admin trusts an issuer with what they hold", func() error {
			_, err := v.AddTrustedIssuer(ctx, admin, idp("admin"), "", false)
			return err
		}, true},
		{"an admin registers an application that signs in", func() error {
			_, _, err := v.CreateClient(ctx, admin, directory.CreateClient{Name: "x", Kind: storage.ClientSPA, Scopes: []authz.Pattern{"openid", "profile"},
				RedirectURIs: []string{"https://app.example/"}})
			return err
		}, true},
	}
	for _, tt := range tests {
		err := tt.do()
		if tt.allowed && err != nil || !tt.allowed && !errors.Is(err, directory.ErrForbidden) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
