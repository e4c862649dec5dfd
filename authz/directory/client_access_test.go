package directory_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

func TestOpenTo(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	own := v.group("own")
	other, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "other"})
	v.must(err)
	foreign, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: other.ID, Name: "foreign"})
	v.must(err)
	web := directory.CreateClient{Name: "x", Kind: storage.ClientWeb, RedirectURIs: []string{"https://shop.example/cb"}}
	service := directory.CreateClient{Name: "x", Kind: storage.ClientService}
	tests := []struct {
		name   string
		of     directory.CreateClient
		all    bool
		openTo storage.OpenTo
		groups []authz.GroupID
		// field is what is wrong, "" when nothing is.
		field string
	}{
		{"nobody unless said", web, false, "", nil, ""},
		{"its tenant", web, false, storage.OpenToTenant, nil, ""},
		{"a group of its tenant", web, false, storage.OpenToGroups, []authz.GroupID{own.ID}, ""},
		{"everyone of the deployment", web, true, storage.OpenToEveryone, nil, ""},
		{"groups of several tenants", web, true, storage.OpenToGroups, []authz.GroupID{own.ID, foreign.ID}, ""},
		{"M1: a group of another tenant", web, false, storage.OpenToGroups, []authz.GroupID{foreign.ID}, "groups"},
		{"a group that is not", web, false, storage.OpenToGroups, []authz.GroupID{anID[authz.GroupID]()}, "groups"},
		{"a group twice", web, false, storage.OpenToGroups, []authz.GroupID{own.ID, own.ID}, "groups"},
		{"groups without a name", web, false, storage.OpenToGroups, nil, "groups"},
		{"names without groups", web, false, storage.OpenToTenant, []authz.GroupID{own.ID}, "groups"},
		{"a tenant that it has not", web, true, storage.OpenToTenant, nil, "open_to"},
		{"everyone, but of one tenant", web, false, storage.OpenToEveryone, nil, "open_to"},
		{"a machine", service, false, storage.OpenToTenant, nil, "open_to"},
		{"no such word", web, false, "all", nil, "open_to"},
	}
	for _, tt := range tests {
		n := tt.of
		n.AllTenants, n.OpenTo, n.Groups = tt.all, tt.openTo, tt.groups
		if !tt.all {
			n.Tenant = v.acme.Slug
		}
		c, _, err := v.CreateClient(ctx, host, n)
		var wrong *directory.InvalidError
		switch {
		case tt.field == "" && err != nil, tt.field != "" && (!errors.As(err, &wrong) || wrong.Field != tt.field):
			t.Errorf("%s: %v", tt.name, err)
		case tt.field == "":
			kept, err := v.Client(ctx, host, c.ID)
			if err != nil || kept.OpenTo != cmp.Or(tt.openTo, storage.OpenToNobody) || !sameGroups(kept.Groups, tt.groups) {
				t.Errorf("%s was kept as %s %v, %v", tt.name, kept.OpenTo, kept.Groups, err)
			}
		}
	}
}

func sameGroups(kept, given []authz.GroupID) bool {
	return len(kept) == len(given) && !slices.ContainsFunc(given, func(g authz.GroupID) bool { return !slices.Contains(kept, g) })
}

func TestUpdateClient(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	c, g := v.client(storage.ClientWeb), v.group("testers")
	update := func(n directory.ClientChange) (storage.Client, error) { return v.UpdateClient(ctx, host, c.ID, n) }

	named, err := update(directory.ClientChange{Name: pointer("Store"), PolicyURI: pointer("https://shop.example/privacy")})
	v.must(err)
	if named.Name != "Store" || named.PolicyURI == "" || !named.AuthzChangedAt.IsZero() || named.OpenTo != storage.OpenToNobody {
		t.Errorf("after a new name: %+v", named)
	}
	opened, err := update(directory.ClientChange{OpenTo: pointer(storage.OpenToGroups), Groups: []authz.GroupID{g.ID}})
	v.must(err)
	if opened.OpenTo != storage.OpenToGroups || !slices.Equal(opened.Groups, []authz.GroupID{g.ID}) || !opened.AuthzChangedAt.Equal(now) {
		t.Errorf("after it was opened: %+v", opened)
	}
	kept, err := v.Client(ctx, host, c.ID)
	v.must(err)
	if kept.Name != "Store" || !slices.Equal(kept.Groups, opened.Groups) || !slices.Equal(kept.Scopes, c.Scopes) {
		t.Errorf("kept: %+v", kept)
	}
	for name, n := range map[string]directory.ClientChange{
		"name":         {Name: pointer("")},
		"redirect_uri": {RedirectURIs: pointer([]string{"javascript:alert(1)"})},
		"jwks":         {JWKS: []byte(`{"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c"}]}`)},
		"logo_uri":     {LogoURI: pointer("javascript:alert(1)")},
		"open_to":      {OpenTo: pointer(storage.OpenToEveryone)},
		"groups":       {OpenTo: pointer(storage.OpenToGroups), Groups: []authz.GroupID{anID[authz.GroupID]()}},
		"skip_consent": {SkipConsent: pointer(true)},
		"scopes":       {Scopes: &[]authz.Pattern{"a*b"}},
	} {
		var wrong *directory.InvalidError
		if _, err := update(n); !errors.As(err, &wrong) || wrong.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What the client has already may stay, whoever changes the rest (M4).
	admin := v.actor(authz.RoleAdmin)
	if _, err := v.UpdateClient(ctx, admin, c.ID, directory.ClientChange{Scopes: &[]authz.Pattern{"openid", "tools:execute"}}); err != nil {
		t.Errorf("an admin keeps the scopes: %v", err)
	}
	if _, err := v.UpdateClient(ctx, admin, c.ID, directory.ClientChange{Scopes: &[]authz.Pattern{"openid", "billing"}}); !errors.Is(err, directory.ErrForbidden) {
		t.Errorf("an admin gives what they do not hold: %v", err)
	}
	if _, err := v.UpdateClient(ctx, host, "none", directory.ClientChange{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a client that is not: %v", err)
	}
}

func TestAgents(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	agent := v.client(storage.ClientAgent)
	v.client(storage.ClientService)
	if agents, err := v.AgentsOf(ctx, host, v.ann.ID); err != nil || len(agents) != 1 || agents[0].ID != agent.ID {
		t.Errorf("the agents of ann: %v, %v", agents, err)
	}
	other, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "other"})
	v.must(err)
	for name, n := range map[string]directory.CreateClient{
		"owner":  {Tenant: other.Slug, Owner: v.ann.ID},
		"tenant": {AllTenants: true, Owner: v.ann.ID},
	} {
		n.Name, n.Kind = "x", storage.ClientAgent
		var wrong *directory.InvalidError
		if _, _, err := v.CreateClient(ctx, host, n); !errors.As(err, &wrong) || wrong.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.must(v.DeleteUser(ctx, host, v.ann.ID, nil))
	if _, err := v.Client(ctx, host, agent.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an agent outlives its owner: %v", err)
	}
}

// Two changes of one client at once both count, and each tells what it found.
func TestUpdateClient_AtOnce(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	c := v.client(storage.ClientWeb)
	done := make(chan error, 2)
	go func() {
		_, err := v.UpdateClient(ctx, host, c.ID, directory.ClientChange{Name: pointer("Store")})
		done <- err
	}()
	go func() {
		_, err := v.UpdateClient(ctx, host, c.ID, directory.ClientChange{TOSURI: pointer("https://shop.example/terms")})
		done <- err
	}()
	v.must(errors.Join(<-done, <-done))
	kept, err := v.Client(ctx, host, c.ID)
	if err != nil || kept.Name != "Store" || kept.TOSURI != "https://shop.example/terms" {
		t.Errorf("kept: %s, %s, %v", kept.Name, kept.TOSURI, err)
	}
	var chained int
	v.world.Get(`select count(*) from platform.audit_events a join platform.audit_events b on b.before = a.after and a.id <> b.id
		where a.action = 'client.update' and b.action = 'client.update'`, nil, &chained)
	if chained != 1 {
		t.Error("the event of the second change does not begin where the first ended")
	}
}
