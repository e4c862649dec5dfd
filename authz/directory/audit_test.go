package directory_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
)

// M8: each change writes one event, which says who did what to whom from where,
// and holds no secret; what fails writes none.
func TestM8_Audit(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	by := host
	by.Name, by.User = "olga", v.user("olga", authz.RoleOwner).ID

	var moon storage.Project
	var letsIn authz.RegistrationTokenID
	bob, tools := v.user("bob", authz.RoleUser), v.group("tools", "tools:execute")
	service := v.client(storage.ClientService)
	session, _ := v.session(bob.ID)
	own, _ := v.session(by.User)
	network := netip.MustParsePrefix("192.0.2.0/24")
	id := func(u storage.User) string { return u.ID.String() }
	ring, kid := v.keys()
	hook := storage.Webhook{ID: anID[authz.WebhookID](), Protocol: storage.ProtocolWebhook, URL: "https://hooks.example/in", Events: []string{"user.*"}, SecretSealed: []byte("sealed")}
	var message authz.AuditID
	var trusted storage.TrustedIssuer
	changes := []struct {
		action string
		do     func() error
		// says is what the event must tell.
		says []string
	}{
		{"user.create", func() error {
			_, err := v.CreateUser(ctx, by, directory.CreateUser{Username: "carl", Email: "carl@example.com", PasswordHash: hash})
			return err
		}, []string{"carl@example.com"}},
		{"user.update", func() error {
			_, err := v.UpdateUser(ctx, by, bob.ID, directory.UserChange{Role: pointer(authz.RoleViewer)})
			return err
		}, []string{id(bob), `"role": "user"`, `"role": "viewer"`}},
		{"user.password", func() error { return v.SetPasswordHash(ctx, by, bob.ID, hash+"new") }, []string{id(bob)}},
		{"user.disable", func() error { return v.DisableUser(ctx, by, bob.ID) }, []string{id(bob), `"disabled_at": null`, `"disabled_at": "2026-`}},
		{"user.remove-authenticators", func() error { return v.RemoveAuthenticators(ctx, by, bob.ID) }, []string{id(bob)}},
		{"tenant.accept-authenticators", func() error {
			return v.AcceptAuthenticators(ctx, by, "acme", []string{"2fc0579f-8113-47ea-b116-bb5a8db9202a"})
		}, []string{v.acme.ID.String(), "2fc0579f-8113-47ea-b116-bb5a8db9202a"}},
		{"user.enable", func() error { return v.EnableUser(ctx, by, bob.ID) }, []string{id(bob)}},
		{"user.grant-scope", func() error { return v.GrantUserScope(ctx, by, bob.ID, v.acme.ID, "reports:read") }, []string{id(bob), "reports:read", v.acme.ID.String()}},
		{"user.revoke-scope", func() error { return v.RevokeUserScope(ctx, by, bob.ID, v.acme.ID, "reports:read") }, []string{id(bob), "reports:read"}},
		{"session.revoke", func() error { return v.RevokeSession(ctx, by, session.ID) }, []string{session.ID.String(), id(bob)}},
		{"session.revoke-self", func() error { return v.RevokeSelfSession(ctx, by, own.ID) }, []string{own.ID.String()}},
		{"user.select-tenant", func() error { _, err := v.SelectTenant(ctx, by, "acme", ""); return err }, []string{by.User.String(), v.acme.ID.String()}},
		{"user.update-self", func() error {
			_, err := v.UpdateSelf(ctx, by, directory.SelfChange{DisplayName: pointer("Olga O.")})
			return err
		}, []string{by.User.String(), "Olga O."}},
		{"session.revoke-all", func() error { _, err := v.RevokeAllSessions(ctx, by, bob.ID); return err }, []string{id(bob)}},
		{"registration-token.create", func() error {
			r, _, err := v.CreateRegistrationToken(ctx, by, directory.CreateRegistrationToken{Name: "farm", Uses: 1, Lifetime: time.Hour})
			letsIn = r.ID
			return err
		}, []string{"farm", `"uses_left": 1`}},
		{"registration-token.revoke", func() error { return v.RevokeRegistrationToken(ctx, by, letsIn) }, []string{"farm", `"revoked_at": "2026-`}},
		{"group.create", func() error {
			_, err := v.CreateGroup(ctx, by, directory.CreateGroup{Tenant: v.acme.ID, Name: "readers", Scopes: []authz.Pattern{"reports:*"}})
			return err
		}, []string{"readers", "reports:*"}},
		{"group.scopes", func() error {
			_, err := v.SetGroupScopes(ctx, by, tools.ID, []authz.Pattern{"tools:*"}, nil)
			return err
		}, []string{tools.ID.String(), "tools:execute", "tools:*"}},
		{"group.add-member", func() error { return v.AddMember(ctx, by, tools.ID, bob.ID) }, []string{tools.ID.String(), id(bob)}},
		{"group.remove-member", func() error { return v.RemoveMember(ctx, by, tools.ID, bob.ID) }, []string{tools.ID.String(), id(bob)}},
		{"user.merge", func() error { _, err := v.MergeUsers(ctx, by, v.ann.ID, bob.ID, false); return err }, []string{id(bob), id(v.ann), "ann@example.com"}},
		{"user.delete", func() error { return v.DeleteUser(ctx, by, bob.ID, nil) }, []string{id(bob), "bob@example.com"}},
		{"tenant.create", func() error { _, err := v.CreateTenant(ctx, by, directory.CreateTenant{Slug: "beta"}); return err }, []string{"beta"}},
		{"tenant.update", func() error {
			_, err := v.UpdateTenant(ctx, by, v.acme.ID, directory.TenantChange{Plan: pointer("enterprise")})
			return err
		}, []string{v.acme.ID.String(), `"plan": "free"`, `"plan": "enterprise"`}},
		{"tenant.logo", func() error { _, err := v.SetTenantLogo(ctx, by, v.acme.ID, picture(t, "png", 300, 200)); return err }, []string{v.acme.ID.String(), "/logos/"}},
		{"tenant.remove-logo", func() error { _, err := v.RemoveTenantLogo(ctx, by, v.acme.ID); return err }, []string{v.acme.ID.String(), "/logos/"}},
		{"user.invite", func() error {
			_, err := v.Invite(ctx, by, directory.Invite{Email: "guest@example.com", Tenant: "acme"})
			return err
		}, []string{"guest@example.com"}},
		{"link.create", func() error { _, err := v.SetUpLink(ctx, by, by.User); return err }, []string{by.User.String()}},
		{"group.update", func() error { _, err := v.RenameGroup(ctx, by, tools.ID, "gear", nil); return err }, []string{tools.ID.String(), "gear"}},
		{"group.delete", func() error { return v.DeleteGroup(ctx, by, tools.ID, nil) }, []string{tools.ID.String(), "gear"}},
		{"user.avatar", func() error { _, err := v.SetAvatar(ctx, by, v.acme.ID, picture(t, "png", 300, 200)); return err }, []string{"/files/" + by.User.String()}},
		{"user.remove-avatar", func() error { _, err := v.RemoveAvatar(ctx, by, by.User); return err }, []string{"/files/" + by.User.String()}},
		{"tenant.suspend", func() error { return v.SuspendTenant(ctx, by, v.acme.ID) }, []string{v.acme.ID.String()}},
		{"tenant.resume", func() error { return v.ResumeTenant(ctx, by, v.acme.ID) }, []string{v.acme.ID.String()}},
		{"project.create", func() error { _, err := v.CreateProject(ctx, by, v.acme.ID, "moon"); return err }, []string{"moon"}},
		{"project.update", func() (err error) {
			if moon, err = v.Project(ctx, by, v.acme.ID, "moon"); err != nil {
				return err
			}
			moon, err = v.RenameProject(ctx, by, moon, "mars", nil)
			return err
		}, []string{`"moon"`, `"mars"`}},
		{"project.delete", func() error { return v.DeleteProject(ctx, by, moon, nil) }, []string{"mars"}},
		{"role.scopes", func() error {
			_, err := v.SetRoleScopes(ctx, by, authz.RoleViewer, []authz.Pattern{"user"}, nil)
			return err
		}, []string{"viewer", "agents:read"}},
		{"scope.put", func() error { return v.PutScope(ctx, by, storage.ScopeInfo{Name: "moon:land", Title: "Land"}, nil) }, []string{"moon:land"}},
		{"resource.create", func() error {
			_, err := v.CreateResource(ctx, by, directory.CreateResource{Identifier: "https://api.example", Scopes: authz.ScopeSet{"a", "b"}})
			return err
		}, []string{"https://api.example"}},
		{"resource.update", func() error {
			_, err := v.UpdateResource(ctx, by, "https://api.example", directory.ResourceChange{Name: pointer("An API")})
			return err
		}, []string{"https://api.example", "An API"}},
		{"resource.delete", func() error { return v.DeleteResource(ctx, by, "https://api.example", nil) }, []string{"https://api.example"}},
		{"scope.delete", func() error { return v.DeleteScope(ctx, by, "moon:land", nil) }, []string{"moon:land"}},
		{"keys.rotate", func() error { return v.RotateKeys(ctx, by, ring, true) }, []string{`"kid"`, "ES256"}},
		{"keys.revoke", func() error { return v.RevokeKey(ctx, by, ring, kid) }, []string{kid}},
		{"client.create", func() error {
			_, _, err := v.CreateClient(ctx, by, directory.CreateClient{ID: "robot", Name: "Robot", Kind: storage.ClientService})
			return err
		}, []string{"robot"}},
		{"client.update", func() error {
			_, err := v.UpdateClient(ctx, by, service.ID, directory.ClientChange{Name: pointer("Machine")})
			return err
		}, []string{string(service.ID), `"name": "Shop"`, `"name": "Machine"`}},
		{"client.rotate-secret", func() error { _, err := v.RotateClientSecret(ctx, by, service.ID, time.Hour); return err }, []string{string(service.ID)}},
		{"client.disable", func() error { return v.DisableClient(ctx, by, service.ID) }, []string{string(service.ID)}},
		{"client.enable", func() error { return v.EnableClient(ctx, by, service.ID) }, []string{string(service.ID)}},
		{"client.delete", func() error { return v.DeleteClient(ctx, by, service.ID, nil) }, []string{string(service.ID)}},
		{"issuer.add", func() (err error) { trusted, err = v.AddTrustedIssuer(ctx, by, idp("openid"), "", true); return err }, []string{"https://idp.example", "people", "openid"}},
		{"issuer.remove", func() error { return v.RemoveTrustedIssuer(ctx, by, trusted.ID) }, []string{"https://idp.example"}},
		{"webhook.create", func() error {
			_, err := v.CreateWebhook(ctx, by, hook, "acme")
			return err
		}, []string{hook.URL, "user.*"}},
		{"webhook.update", func() error {
			_, err := v.UpdateWebhook(ctx, by, hook.ID, directory.WebhookChange{Events: &[]string{"client.create"}})
			return err
		}, []string{"user.*", "client.create"}},
		{"webhook.rotate-secret", func() error {
			_, err := v.RotateWebhookSecret(ctx, by, hook.ID, []byte("resealed"), time.Hour)
			return err
		}, []string{hook.ID.String()}},
		{"webhook.test", func() (err error) { message, err = v.TestWebhook(ctx, by, hook.ID); return err }, []string{hook.ID.String()}},
		{"webhook.redeliver", func() error { return v.Redeliver(ctx, by, hook.ID, message) }, []string{hook.ID.String()}},
		{"webhook.delete", func() error { return v.DeleteWebhook(ctx, by, hook.ID, nil) }, []string{hook.ID.String()}},
		{"ban.add", func() error { _, err := v.AddBan(ctx, by, storage.Ban{Network: network, Reason: "noise"}); return err }, []string{"192.0.2.0/24", "noise"}},
		{"tenant.delete", func() error {
			beta, err := v.Tenant(ctx, by, "beta")
			if err != nil {
				return err
			}
			return v.DeleteTenant(ctx, by, beta.ID, "beta", nil)
		}, []string{"beta"}},
		{"database.end-all", func() error { _, err := v.EndAll(ctx, by); return err }, []string{`"sessions"`, `"links"`}},
		{"ban.remove", func() error { return v.RemoveBan(ctx, by, network) }, []string{"192.0.2.0/24"}},
	}
	count := func() (n int) { v.world.Get(`select count(*) from platform.audit_events`, nil, &n); return n }
	for _, tt := range changes {
		before := count()
		v.clock = v.clock.Add(time.Millisecond)
		if err := tt.do(); err != nil {
			t.Errorf("%s: %v", tt.action, err)
			continue
		}
		if n := count() - before; n != 1 {
			t.Errorf("%s wrote %d events", tt.action, n)
		}
		log, err := v.Audit(ctx, by, directory.AuditFilter{ActorID: by.User, Paging: directory.Paging{Limit: 1}})
		if err != nil || len(log.Items) != 1 {
			t.Fatalf("Audit: %v, %v", log, err)
		}
		e := log.Items[0]
		if e.Action != tt.action || e.Actor != "olga" || e.ActorID != by.User || e.IPAddress != by.IPAddress || !e.At.Equal(v.clock) || e.ObjectKind == "" {
			t.Errorf("%s: the event is %s of a %q by %s (%v) from %v at %v", tt.action, e.Action, e.ObjectKind, e.Actor, e.ActorID, e.IPAddress, e.At)
			continue
		}
		told := e.ObjectID + string(e.Before) + string(e.After)
		for _, want := range tt.says {
			if !strings.Contains(told, want) {
				t.Errorf("%s: the event does not say %s: %s", tt.action, want, told)
			}
		}
	}

	// The digests are in the database, and not in the log.
	log := v.world.Text(`select before, after, object_id, action from platform.audit_events`)
	for _, secret := range []string{"argon2id", "secret_hash", "password_hash", "\\x"} {
		if strings.Contains(log, secret) {
			t.Errorf("the audit log holds %q", secret)
		}
	}

	covered := map[string]bool{}
	for _, tt := range changes {
		covered[tt.action] = true
	}
	if len(covered) != len(changes) {
		t.Error("an action stands twice among the changes")
	}
	// What people do to their own account writes the same events as what is done to them
	// (self_test.go, web/account); a reset link is made as one to set up is.
	// ChangeUsers makes changes of the others, each with its event (TestM8_ChangeUsers_OneEventEach).
	reads := strings.Fields(`AgentsOf Audit Bans ChangeUsers CheckBan Client Clients CountUsers Counts ExplainScopes FollowAudit Group Groups MergedInto Person
		Project Projects RegistrationTokens Resource Resources Roles Scope Scopes Self SelfSessions Session Sessions SigningKeys Tenant Tenants TrustedIssuer TrustedIssuers User UserStats Users
		VerifyAudit Webhook Webhooks Deliveries Bootstrap AcceptInvitation JoinByInvitation Register ChangeOwnProfile DeleteOwnAccount ResetLink`)
	if n := reflect.TypeFor[*directory.Service]().NumMethod() - len(reads); n != len(changes) {
		t.Errorf("the service has %d methods that change something, and this test %d", n, len(changes))
	}
}

// A change that fails leaves nothing: no row and no event.
func TestM8_Audit_OfFailures(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	owner, network := v.user("owner", authz.RoleOwner), netip.MustParsePrefix("192.0.2.0/24")
	state := func() string {
		var all strings.Builder
		for _, table := range []string{"users", "tenants", "user_groups", "user_group_memberships", "clients", "resources", "ip_bans", "user_scopes", "audit_events", "revoked_tokens"} {
			all.WriteString(v.world.Text(`select * from platform.` + table))
		}
		return all.String()
	}
	before := state()
	for name, do := range map[string]func() error{
		"taken name": func() error {
			_, err := v.CreateUser(ctx, host, directory.CreateUser{Username: "Ann", Email: "x@example.com"})
			return err
		},
		"taken address": func() error {
			_, err := v.UpdateUser(ctx, host, owner.ID, directory.UserChange{Email: pointer("ann@example.com")})
			return err
		},
		"last owner":     func() error { return v.DeleteUser(ctx, host, owner.ID, nil) },
		"nobody":         func() error { return v.DisableUser(ctx, host, anID[authz.UserID]()) },
		"taken slug":     func() error { _, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "acme"}); return err },
		"no such tenant": func() error { _, err := v.CreateProject(ctx, host, anID[authz.TenantID](), "x"); return err },
		"no such group":  func() error { return v.AddMember(ctx, host, anID[authz.GroupID](), v.ann.ID) },
		"no membership":  func() error { g := v.membersGroup(); return v.RemoveMember(ctx, host, g.ID, anID[authz.UserID]()) },
		"member already": func() error { g := v.membersGroup(); return v.AddMember(ctx, host, g.ID, v.ann.ID) },
		"not held":       func() error { return v.RevokeUserScope(ctx, host, v.ann.ID, v.acme.ID, "reports:read") },
		"no such client": func() error { return v.DeleteClient(ctx, host, "none", nil) },
		"no such owner": func() error {
			_, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "x", Kind: storage.ClientAgent, Owner: anID[authz.UserID]()})
			return err
		},
		"no session": func() error { return v.RevokeSession(ctx, host, anID[authz.SessionID]()) },
		"no ban":     func() error { return v.RemoveBan(ctx, host, network) },
		"forbidden":  func() error { return v.DeleteUser(ctx, directory.Actor{}, v.ann.ID, nil) },
	} {
		if err := do(); err == nil {
			t.Errorf("%s: it went through", name)
		} else if !refusal(err) && name != "last owner" && name != "forbidden" {
			t.Errorf("%s: %v", name, err)
		}
		if after := state(); after != before {
			t.Errorf("%s left something:\n%s\nwas\n%s", name, after, before)
		}
	}
}

// keys is the keys of the deployment, and the id of one of them.
func (v *town) keys() (*keys.Ring, string) {
	v.Helper()
	ring, err := keys.Open(v.Context(), v.store, []byte("0123456789abcdef0123456789abcdef"), func() time.Time { return v.clock })
	v.must(err)
	rows, err := v.SigningKeys(v.Context(), host)
	v.must(err)
	return ring, rows[0].KID
}

func (v *town) membersGroup() storage.Group {
	v.Helper()
	g, err := v.Group(v.Context(), host, v.acme.ID, storage.MembersGroup)
	v.must(err)
	return g
}
