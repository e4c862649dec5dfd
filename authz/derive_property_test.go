package authz

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The worlds that rapid draws are small, so that names meet often.
var (
	tenants  = []TenantID{{}, {1}, {2}}
	projects = []ProjectID{{}, {1}, {2}}
	scopes   = []Scope{
		"user", "agents:read", "agents:write", "agents:sub:read", "tools:execute", "x",
		ScopeAdmin, ScopeBilling, ScopeUsersManage, ScopeOpenID, ScopeOfflineAccess,
		// No request brings these along: ParseScope refuses them. Derive must not
		// depend on that.
		"*", "agents:*", "users:*",
	}
	patterns = []Pattern{
		"user", "agents:read", "agents:*", "agents:sub:*", "tools:execute", "x", "*", "users:*",
		"admin", "billing", "users:manage", "openid", "offline_access",
	}
)

func drawPatterns(t *rapid.T, label string) []Pattern {
	return rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 4).Draw(t, label)
}

func drawRights(t *rapid.T, label string) *Rights {
	if rapid.IntRange(0, 3).Draw(t, label+" absent") == 0 {
		return nil
	}
	r := &Rights{Role: RoleUser, RoleScopes: drawPatterns(t, label+" role")}
	for range rapid.IntRange(0, 3).Draw(t, label+" extras") {
		r.Extra = append(r.Extra, ExtraScope{
			rapid.SampledFrom(tenants).Draw(t, "tenant"), rapid.SampledFrom(patterns).Draw(t, "scope"),
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, label+" groups") {
		r.Groups = append(r.Groups, GroupRights{
			Tenant: rapid.SampledFrom(tenants[1:]).Draw(t, "tenant"), Project: rapid.SampledFrom(projects).Draw(t, "project"),
			Scopes: drawPatterns(t, "group"),
		})
	}
	return r
}

func drawRequest(t *rapid.T) Request {
	q := Request{
		Client: drawPatterns(t, "client"), User: drawRights(t, "user"), AgentOwner: drawRights(t, "owner"),
		Context: Context{
			rapid.SampledFrom(tenants).Draw(t, "tenant"), rapid.SampledFrom(projects).Draw(t, "project"),
			rapid.SampledFrom(append([]ACR{""}, ACRs()...)).Draw(t, "acr"),
		},
		Registry: map[Scope]ScopeRule{},
	}
	for _, s := range rapid.SliceOf(rapid.SampledFrom(scopes)).Draw(t, "requested") {
		q.Requested = q.Requested.With(s)
	}
	needs := append([]ACR{"", "urn:unknown", " urn:spaced "}, ACRs()...)
	for _, s := range rapid.SliceOfN(rapid.SampledFrom(scopes), 0, 3).Draw(t, "rules") {
		q.Registry[s] = ScopeRule{rapid.SampledFrom(needs).Draw(t, "need")}
	}
	return q
}

// mayHold is the law in other words than those of the code: the wildcard as text,
// every source of rights in one list.
func mayHold(patterns []Pattern, s Scope) bool {
	for _, p := range patterns {
		if strings.Contains(string(s), "*") {
			continue
		}
		if string(p) == string(s) {
			return true
		}
		if stem, found := strings.CutSuffix(string(p), "*"); found && strings.HasPrefix(string(s), stem) &&
			!slices.Contains([]Scope{"admin", "billing", "users:manage"}, s) {
			return true
		}
	}
	return false
}

func (r *Rights) everything(in Context) []Pattern {
	all := slices.Clone(r.RoleScopes)
	for _, e := range r.Extra {
		if e.Tenant == in.Tenant || e.Tenant == (TenantID{}) {
			all = append(all, e.Scope)
		}
	}
	for _, g := range r.Groups {
		if g.Tenant == in.Tenant && (g.Project == in.Project || g.Project == (ProjectID{})) {
			all = append(all, g.Scopes...)
		}
	}
	return all
}

func within(t *rapid.T, what string, smaller, larger ScopeSet) {
	for _, s := range smaller {
		if !larger.Has(s) {
			t.Fatalf("%s: %q came out of nowhere (%s, was %s)", what, s, smaller, larger)
		}
	}
}

func TestDeriveNeverExceeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		d := Derive(q)
		within(t, "more than requested", d.Granted, q.Requested)
		for _, s := range d.Granted {
			switch {
			case strings.Contains(string(s), "*"):
				t.Fatalf("%q is a pattern", s)
			case !mayHold(q.Client, s):
				t.Fatalf("%q is more than the client may", s)
			case q.User == nil && s.OpenToAnyUser():
				t.Fatalf("%q speaks of a user, and there is none", s)
			case q.User != nil && !s.OpenToAnyUser() && !mayHold(q.User.everything(q.Context), s):
				t.Fatalf("%q is more than the user holds", s)
			case q.AgentOwner != nil && !s.OpenToAnyUser() && !mayHold(q.AgentOwner.everything(q.Context), s):
				t.Fatalf("%q is more than the agent's owner holds", s)
			case q.User != nil && !q.Context.ACR.Satisfies(q.Registry[s].NeedsACR):
				t.Fatalf("%q needs a stronger sign-in", s)
			}
		}
	})
}

// What is dropped is dropped for a reason that is true.
func TestDeriveNeverWithholds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		d := Derive(q)
		if len(d.Outcomes) != len(q.Requested) {
			t.Fatalf("%d outcomes for %d scopes", len(d.Outcomes), len(q.Requested))
		}
		for i, o := range d.Outcomes {
			s := q.Requested[i]
			if o.Scope != s || o.Granted != d.Granted.Has(s) {
				t.Fatalf("outcome %+v of %q, granted %s", o, s, d.Granted)
			}
			ok := true
			switch o.Reason {
			case DroppedClient:
				ok = !mayHold(q.Client, s)
			case DroppedNoUser:
				ok = q.User == nil && s.OpenToAnyUser()
			case DroppedUser:
				ok = q.User != nil && !mayHold(q.User.everything(q.Context), s)
			case DroppedOwner:
				ok = q.AgentOwner != nil && !mayHold(q.AgentOwner.everything(q.Context), s)
			case DroppedACR:
				ok = !q.Context.ACR.Satisfies(q.Registry[s].NeedsACR) && ACR(o.Detail).Satisfies(q.Registry[s].NeedsACR)
			default:
				ok = o.Granted
			}
			if !ok {
				t.Fatalf("%q: %s", s, o)
			}
		}
	})
}

func TestLosingARightNeverAddsAScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		before := Derive(q).Granted
		r := q.User
		if r == nil || rapid.Bool().Draw(t, "of the owner") {
			r = q.AgentOwner
		}
		if r == nil {
			return
		}
		if n := len(r.Groups); n > 0 {
			i := rapid.IntRange(0, n-1).Draw(t, "group")
			r.Groups = slices.Delete(slices.Clone(r.Groups), i, i+1)
			within(t, "without a membership", Derive(q).Granted, before)
		}
		if n := len(r.Extra); n > 0 {
			i := rapid.IntRange(0, n-1).Draw(t, "extra")
			r.Extra = slices.Delete(slices.Clone(r.Extra), i, i+1)
			within(t, "without an extra scope", Derive(q).Granted, before)
		}
		r.RoleScopes = nil
		within(t, "without a role", Derive(q).Granted, before)
		q.Client = nil
		within(t, "without a client's scopes", Derive(q).Granted, nil)
	})
}

func TestGainingAnOwnerNeverAddsAScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		q.AgentOwner = nil
		before := Derive(q).Granted
		q.AgentOwner = drawRights(t, "new owner")
		within(t, "with an owner", Derive(q).Granted, before)
	})
}

func TestAStrongerSignInNeverRemovesAScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		weaker := Derive(q).Granted
		ranks := append([]ACR{""}, ACRs()...)
		for _, acr := range ranks[slices.Index(ranks, q.Context.ACR):] {
			q.Context.ACR = acr
			stronger := Derive(q).Granted
			within(t, "at "+string(acr), weaker, stronger)
			weaker = stronger
		}
	})
}

func TestAForeignGroupNeverCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		if q.User == nil {
			return
		}
		before := Derive(q)
		g := GroupRights{Name: "foreign", Scopes: []Pattern{"*", "admin", "billing", "users:manage"}}
		if rapid.Bool().Draw(t, "of another tenant") {
			g.Tenant = TenantID{9}
			g.Project = rapid.SampledFrom([]ProjectID{{}, q.Context.Project}).Draw(t, "project")
		} else {
			g.Tenant, g.Project = q.Context.Tenant, ProjectID{9}
		}
		q.User.Groups = append([]GroupRights{g}, q.User.Groups...)
		after := Derive(q)
		if !slices.Equal(before.Outcomes, after.Outcomes) {
			t.Fatalf("was %v, is %v", before.Outcomes, after.Outcomes)
		}
		if slices.Contains(q.User.GroupNames(q.Context), "foreign") {
			t.Fatal("the token would name it")
		}
	})
}

// A step-up to what the decision asks for must be enough for that scope, or the
// user is sent in circles.
func TestNeedsACRIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		d := Derive(q)
		need := d.NeedsACR()
		if (need == "") != !slices.ContainsFunc(d.Outcomes, func(o Outcome) bool { return o.Reason == DroppedACR }) {
			t.Fatalf("needs %q, outcomes %v", need, d.Outcomes)
		}
		if need == "" {
			return
		}
		q.Context.ACR = need
		if after := Derive(q); len(after.Granted) == 0 || after.NeedsACR() == need {
			t.Fatalf("after a sign-in at %q: %v", need, after.Outcomes)
		}
	})
}
