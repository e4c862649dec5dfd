package directory_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// C15: whatever changes what a user may do moves authz_changed_at, of that user
// and of nobody else, so that older tokens are derived anew.
func TestC15_RightsChanged(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	other := v.user("other", authz.RoleAdmin)
	tools := v.group("tools", "tools:execute")
	for _, tt := range []struct {
		name   string
		change func() error
		moves  bool
	}{
		{"joining", func() error { return v.AddMember(ctx, host, tools.ID, v.ann.ID) }, true},
		{"a group's scopes", func() error { _, err := v.SetGroupScopes(ctx, host, tools.ID, nil, nil); return err }, true},
		{"leaving", func() error { return v.RemoveMember(ctx, host, tools.ID, v.ann.ID) }, true},
		{"a group that the user has left", func() error { _, err := v.SetGroupScopes(ctx, host, tools.ID, []authz.Pattern{"x"}, nil); return err }, false},
		{"a scope in one tenant", func() error { return v.GrantUserScope(ctx, host, v.ann.ID, v.acme.ID, "x") }, true},
		{"a scope in all tenants", func() error { return v.GrantUserScope(ctx, host, v.ann.ID, authz.TenantID{}, "x") }, true},
		{"taking it back", func() error { return v.RevokeUserScope(ctx, host, v.ann.ID, authz.TenantID{}, "x") }, true},
		{"the role's scopes", func() error {
			_, err := v.SetRoleScopes(ctx, host, authz.RoleUser, []authz.Pattern{"user"}, nil)
			return err
		}, true},
		{"another role's scopes", func() error {
			_, err := v.SetRoleScopes(ctx, host, authz.RoleOwner, []authz.Pattern{"admin"}, nil)
			return err
		}, false},
		{"role", func() error {
			_, err := v.UpdateUser(ctx, host, v.ann.ID, directory.UserChange{Role: pointer(authz.RoleViewer)})
			return err
		}, true},
		{"the same role", func() error {
			_, err := v.UpdateUser(ctx, host, v.ann.ID, directory.UserChange{Role: pointer(authz.RoleViewer)})
			return err
		}, false},
		{"display name", func() error {
			_, err := v.UpdateUser(ctx, host, v.ann.ID, directory.UserChange{DisplayName: pointer("Ann")})
			return err
		}, false},
		{"disabling", func() error { return v.DisableUser(ctx, host, v.ann.ID) }, true},
		{"enabling", func() error { return v.EnableUser(ctx, host, v.ann.ID) }, true},
	} {
		v.world.Exec(`update platform.users set authz_changed_at = $1`, now.Add(-time.Hour))
		if err := tt.change(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if moved := v.changedAt(v.ann.ID).Equal(now); moved != tt.moves {
			t.Errorf("%s moves authz_changed_at: %v; want %v", tt.name, moved, tt.moves)
		}
		if !v.changedAt(other.ID).Equal(now.Add(-time.Hour)) {
			t.Errorf("%s moves authz_changed_at of a bystander", tt.name)
		}
	}
}

func TestExplainScopes(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	v.must(v.PutScope(ctx, host, storage.ScopeInfo{Name: "tools:execute", Title: "Run tools", NeedsACR: authz.ACRMultiFactor}, nil))
	v.must(v.AddMember(ctx, host, v.group("operators", "reports:*").ID, v.ann.ID))
	web, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "Web", Kind: storage.ClientWeb, RedirectURIs: []string{"https://web.example/"},
		Scopes: []authz.Pattern{"openid", "user", "reports:*", "tools:*", "billing"}})
	v.must(err)
	agent, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "Agent", Kind: storage.ClientAgent, Owner: v.ann.ID,
		Scopes: []authz.Pattern{"user", "reports:*", "admin"}})
	v.must(err)
	ask := directory.Explain{User: v.ann.ID, Client: web.ID, Tenant: v.acme.ID,
		Requested: authz.ScopeSet{"openid", "user", "reports:read", "tools:execute", "billing", "admin"}}
	tests := []struct {
		name   string
		change func(*directory.Explain)
		want   string
	}{
		{"as it is", func(*directory.Explain) {}, "openid user reports:read"},
		{"a stronger sign-in", func(x *directory.Explain) { x.ACR = authz.ACRMultiFactor }, "openid user reports:read tools:execute"},
		{"another tenant", func(x *directory.Explain) { x.Tenant = anID[authz.TenantID]() }, "openid user"},
		{"an agent for itself", func(x *directory.Explain) { x.Client, x.User = agent.ID, authz.UserID{} }, "user reports:read"},
	}
	for _, tt := range tests {
		x := ask
		tt.change(&x)
		d, err := v.ExplainScopes(ctx, host, x)
		if err != nil || d.Granted.String() != tt.want || len(d.Outcomes) != len(x.Requested) {
			t.Errorf("%s: %q, %v; want %q", tt.name, d.Granted, err, tt.want)
		}
	}
	for name, x := range map[string]directory.Explain{"client": {Client: "none"}, "user": {Client: web.ID, User: anID[authz.UserID]()}} {
		if _, err := v.ExplainScopes(ctx, host, x); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("an unknown %s: %v", name, err)
		}
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	beta, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "beta"})
	v.must(err)
	moon, err := v.CreateProject(ctx, host, v.acme.ID, "moon")
	v.must(err)
	if _, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: beta.ID, Project: moon.ID, Name: "x"}); !errors.Is(err, storage.ErrReference) {
		t.Errorf("a group of beta in a project of acme: %v", err)
	}
	wide, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: v.acme.ID, Name: "tools"})
	v.must(err)
	narrow, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: v.acme.ID, Project: moon.ID, Name: "tools"})
	v.must(err)
	for name, project := range map[string]authz.ProjectID{"of the tenant": {}, "of the project": moon.ID} {
		if _, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: v.acme.ID, Project: project, Name: "tools"}); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("a second group %s with one name: %v", name, err)
		}
	}
	for name, want := range map[string]authz.GroupID{"tools": wide.ID, narrow.ID.String(): narrow.ID} {
		if g, err := v.Group(ctx, host, v.acme.ID, name); err != nil || g.ID != want {
			t.Errorf("Group(%q) = %v, %v; want %v", name, g.ID, err, want)
		}
	}
	// M1: another tenant's group is not found.
	for _, name := range []string{"tools", wide.ID.String()} {
		if _, err := v.Group(ctx, host, beta.ID, name); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Group(%q) of another tenant: %v", name, err)
		}
	}
	v.must(v.AddMember(ctx, host, narrow.ID, v.ann.ID))
	p, err := v.Person(ctx, host, v.ann.ID)
	if err != nil || len(p.Rights.Groups) != 2 {
		t.Errorf("ann's groups: %+v, %v", p.Rights.Groups, err)
	}
}

func TestI15_Bans(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	me := host
	me.IPAddress = netip.MustParseAddr("::ffff:198.51.100.7")
	add := func(network string, expires time.Time) error {
		p, _ := netip.ParsePrefix(network)
		_, err := v.AddBan(ctx, me, storage.Ban{Network: p, Reason: "noise", ExpiresAt: expires})
		return err
	}
	for _, network := range []string{"192.0.2.77/24", "203.0.113.5/32", "2001:db8::/48"} {
		v.must(add(network, time.Time{}))
	}
	v.must(add("192.0.2.0/24", now.Add(time.Hour))) // replaces the first
	for name, err := range map[string]error{
		"everybody":             add("0.0.0.0/0", time.Time{}),
		"everybody in v6":       add("::/0", time.Time{}),
		"the one who asks":      add("198.51.100.0/24", time.Time{}),
		"v4 in v6 clothes":      add("::ffff:192.0.2.0/120", time.Time{}),
		"nothing":               add("", time.Time{}),
		"until yesterday":       add("198.51.101.0/24", now.Add(-time.Hour)),
		"lifting what is not":   v.RemoveBan(ctx, me, netip.MustParsePrefix("198.51.102.0/24")),
		"lifting what is wider": v.RemoveBan(ctx, me, netip.MustParsePrefix("192.0.0.0/16")),
		"lifting nothing":       v.RemoveBan(ctx, me, netip.Prefix{}),
	} {
		if !refusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for address, want := range map[string]int{"192.0.2.200": 1, "::ffff:192.0.2.200": 1, "203.0.113.5": 1, "203.0.113.6": 0, "2001:db8:0:1::9": 1, "::1": 0} {
		if bans, err := v.CheckBan(ctx, me, netip.MustParseAddr(address)); err != nil || len(bans) != want {
			t.Errorf("CheckBan(%s) = %v, %v; want %d", address, bans, err, want)
		}
	}
	v.must(v.RemoveBan(ctx, me, netip.MustParsePrefix("192.0.2.9/24")))
	if all, err := v.Bans(ctx, me); err != nil || len(all) != 2 {
		t.Errorf("Bans = %v, %v", all, err)
	}
}
