package authz

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parsePatterns(t *testing.T, text string) []Pattern {
	t.Helper()
	patterns, err := ParsePatterns(text)
	if err != nil {
		t.Fatal(err)
	}
	return patterns
}

func parseScopes(t *testing.T, text string) ScopeSet {
	t.Helper()
	set, err := ParseScopeSet(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestDerive(t *testing.T) {
	var (
		acme  = NewID[TenantID](time.Now())
		other = NewID[TenantID](time.Now())
		site  = NewID[ProjectID](time.Now())
		app   = NewID[ProjectID](time.Now())
	)
	user := func(role Role) *Rights { return &Rights{Role: role, RoleScopes: DefaultRoles()[role]} }
	with := func(r *Rights, groups ...GroupRights) *Rights { r.Groups = groups; return r }
	extra := func(r *Rights, scopes ...ExtraScope) *Rights { r.Extra = scopes; return r }
	group := func(tenant TenantID, project ProjectID, scopes string) GroupRights {
		return GroupRights{Name: "engineers", Tenant: tenant, Project: project, Scopes: parsePatterns(t, scopes)}
	}
	for name, test := range map[string]struct {
		requested, client, granted string
		user, owner                *Rights
		in                         Context
		registry                   map[Scope]ScopeRule
		// reasons is why, for each requested scope in turn.
		reasons []Reason
	}{
		"by role": {requested: "user agents:read tools:execute", client: "*", user: user(RoleUser),
			granted: "user agents:read tools:execute", reasons: []Reason{GrantedRole, GrantedRole, GrantedRole}},
		"a viewer executes nothing": {requested: "user agents:read tools:execute", client: "*", user: user(RoleViewer),
			granted: "user agents:read", reasons: []Reason{GrantedRole, GrantedRole, DroppedUser}},
		"the client may less than the user": {requested: "user agents:read", client: "user", user: user(RoleOwner),
			granted: "user", reasons: []Reason{GrantedRole, DroppedClient}},
		"an admin holds all but the owner's": {requested: "admin whatever:else billing users:manage", client: "* admin billing users:manage",
			user: user(RoleAdmin), granted: "admin whatever:else", reasons: []Reason{GrantedRole, GrantedRole, DroppedUser, DroppedUser}},
		"an owner holds all": {requested: "admin billing users:manage x", client: "* admin billing users:manage",
			user: user(RoleOwner), granted: "admin billing users:manage x", reasons: []Reason{GrantedRole, GrantedRole, GrantedRole, GrantedRole}},
		"a client's wildcard reaches no key of the house": {requested: "admin billing users:manage", client: "* users:*",
			user: user(RoleOwner), reasons: []Reason{DroppedClient, DroppedClient, DroppedClient}},
		"open to any user": {requested: "openid profile email offline_access", client: "*", user: &Rights{},
			granted: "openid profile email offline_access", reasons: []Reason{GrantedOpen, GrantedOpen, GrantedOpen, GrantedOpen}},
		"open, but not to this client": {requested: "openid email", client: "openid", user: &Rights{},
			granted: "openid", reasons: []Reason{GrantedOpen, DroppedClient}},
		"a group of the tenant": {requested: "builds:run", client: "*", in: Context{Tenant: acme, Project: site},
			user: with(user(RoleViewer), group(acme, ProjectID{}, "builds:*")), granted: "builds:run", reasons: []Reason{GrantedGroup}},
		"a group of another tenant": {requested: "builds:run", client: "*", in: Context{Tenant: other},
			user: with(user(RoleViewer), group(acme, ProjectID{}, "builds:*")), reasons: []Reason{DroppedUser}},
		"a group of the project": {requested: "builds:run", client: "*", in: Context{Tenant: acme, Project: site},
			user: with(user(RoleViewer), group(acme, site, "builds:*")), granted: "builds:run", reasons: []Reason{GrantedGroup}},
		"a group of another project": {requested: "builds:run", client: "*", in: Context{Tenant: acme, Project: app},
			user: with(user(RoleViewer), group(acme, site, "builds:*")), reasons: []Reason{DroppedUser}},
		"a group of a project, and none chosen": {requested: "builds:run", client: "*", in: Context{Tenant: acme},
			user: with(user(RoleViewer), group(acme, site, "builds:*")), reasons: []Reason{DroppedUser}},
		"an extra scope everywhere": {requested: "x", client: "*", in: Context{Tenant: other},
			user: extra(user(RoleViewer), ExtraScope{Scope: "x"}), granted: "x", reasons: []Reason{GrantedExtra}},
		"an extra scope elsewhere": {requested: "x", client: "*", in: Context{Tenant: other},
			user: extra(user(RoleViewer), ExtraScope{Tenant: acme, Scope: "x"}), reasons: []Reason{DroppedUser}},
		"a client for itself": {requested: "agents:read openid", client: "agents:* openid",
			granted: "agents:read", reasons: []Reason{GrantedClient, DroppedNoUser}},
		"an agent below its owner": {requested: "agents:read tools:execute", client: "*", owner: user(RoleViewer),
			granted: "agents:read", reasons: []Reason{GrantedClient, DroppedOwner}},
		"an agent for a user, below both": {requested: "user agents:read tools:execute openid", client: "*", owner: user(RoleViewer), user: user(RoleUser),
			granted: "user agents:read openid", reasons: []Reason{GrantedRole, GrantedRole, DroppedOwner, GrantedOpen}},
		"too weak a sign-in": {requested: "user agents:read", client: "*", user: user(RoleUser), in: Context{ACR: ACRSingleFactor},
			registry: map[Scope]ScopeRule{"agents:read": {NeedsACR: ACRMultiFactor}}, granted: "user", reasons: []Reason{GrantedRole, DroppedACR}},
		"a strong sign-in": {requested: "user agents:read", client: "*", user: user(RoleUser), in: Context{ACR: ACRPhishingResistant},
			registry: map[Scope]ScopeRule{"agents:read": {NeedsACR: ACRMultiFactor}}, granted: "user agents:read", reasons: []Reason{GrantedRole, GrantedRole}},
		"nothing asked": {client: "*", user: user(RoleOwner)},
	} {
		d := Derive(Request{
			Requested: parseScopes(t, test.requested), Client: parsePatterns(t, test.client),
			User: test.user, AgentOwner: test.owner, Context: test.in, Registry: test.registry,
		})
		if d.Granted.String() != test.granted {
			t.Errorf("%s: granted %q, want %q", name, d.Granted, test.granted)
		}
		var reasons []Reason
		for _, o := range d.Outcomes {
			reasons = append(reasons, o.Reason)
		}
		if diff := cmp.Diff(test.reasons, reasons); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if len(d.Granted)+len(d.Dropped()) != len(d.Outcomes) {
			t.Errorf("%s: %d granted and %d dropped of %d", name, len(d.Granted), len(d.Dropped()), len(d.Outcomes))
		}
	}
}

func TestDecisionNamesTheStrongestSignInNeeded(t *testing.T) {
	q := Request{
		Requested: ScopeSet{"a", "b", "c"}, Client: []Pattern{"*"}, User: &Rights{RoleScopes: []Pattern{"*"}},
		Registry: map[Scope]ScopeRule{"a": {ACRMultiFactor}, "b": {ACRPhishingResistant}, "c": {ACRMultiFactor}},
	}
	if got := Derive(q).NeedsACR(); got != ACRPhishingResistant {
		t.Errorf("got %q", got)
	}
	q.Context.ACR = ACRPhishingResistant
	if got := Derive(q).NeedsACR(); got != "" {
		t.Errorf("after such a sign-in: %q", got)
	}
}

func TestOutcomeString(t *testing.T) {
	for want, o := range map[string]Outcome{
		"held by group engineers":   {Granted: true, Reason: GrantedGroup, Detail: "engineers"},
		"not allowed to the client": {Reason: DroppedClient},
	} {
		if o.String() != want {
			t.Errorf("got %q, want %q", o, want)
		}
	}
}

func TestMembership(t *testing.T) {
	acme, other, site := NewID[TenantID](time.Now()), NewID[TenantID](time.Now()), NewID[ProjectID](time.Now())
	r := &Rights{Groups: []GroupRights{{Name: "all", Tenant: acme}, {Name: "site", Tenant: acme, Project: site}}}
	if !r.MemberOf(acme) || r.MemberOf(other) || r.MemberOf(TenantID{}) {
		t.Error("membership is that of the groups")
	}
	for _, test := range []struct {
		in   Context
		want []string
	}{
		{Context{Tenant: acme}, []string{"all"}},
		{Context{Tenant: acme, Project: site}, []string{"all", "site"}},
		{Context{Tenant: other, Project: site}, []string{}},
		{Context{}, []string{}},
	} {
		if diff := cmp.Diff(test.want, r.GroupNames(test.in)); diff != "" {
			t.Errorf("%+v: %s", test.in, diff)
		}
	}
}
