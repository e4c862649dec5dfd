package authz

import (
	"fmt"
	"slices"
)

// Rights is everything that a user holds, loaded in one query.
type Rights struct {
	Role Role
	// RoleScopes is what the role holds at this moment.
	RoleScopes []Pattern
	Extra      []ExtraScope
	Groups     []GroupRights
}

// ExtraScope is a scope held by one user beyond role and groups, in one tenant
// or, with a zero Tenant, in all.
type ExtraScope struct {
	Tenant TenantID
	Scope  Pattern
}

// GroupRights is what membership in one group gives. A group with a zero
// Project counts in its whole tenant; one with a project in that project alone.
type GroupRights struct {
	Group   GroupID
	Name    string
	Tenant  TenantID
	Project ProjectID
	Scopes  []Pattern
}

// Context is where and how a request is made.
type Context struct {
	Tenant  TenantID
	Project ProjectID
	// ACR is how strongly the user signed in.
	ACR ACR
}

// ScopeRule is what the scope registry says about one scope.
type ScopeRule struct {
	// NeedsACR withholds the scope until the sign-in is that strong (RFC 9470).
	NeedsACR ACR
}

// Request is the question that [Derive] answers.
type Request struct {
	Requested ScopeSet
	// Client is what the client may ask for.
	Client []Pattern
	// User is who signed in; nil when the client acts for itself alone.
	User *Rights
	// AgentOwner is set for an agent: it never exceeds its owner.
	AgentOwner *Rights
	Context    Context
	// Elsewhere is the scopes of resources that the request is not for (RFC 8707).
	Elsewhere ScopeSet
	// Registry holds the rules of the scopes that have any.
	Registry map[Scope]ScopeRule
}

// Reason says why a scope was granted or dropped.
type Reason string

// Why a scope was granted.
const (
	GrantedOpen   Reason = "open to any user"
	GrantedRole   Reason = "held by role"
	GrantedExtra  Reason = "held by the user directly"
	GrantedGroup  Reason = "held by group"
	GrantedClient Reason = "held by the client itself"
)

// Why a scope was dropped.
const (
	DroppedClient Reason = "not allowed to the client"
	DroppedUser   Reason = "not held by role, group or extra grant"
	DroppedOwner  Reason = "not held by the agent's owner"
	DroppedACR    Reason = "needs a stronger sign-in"
	DroppedNoUser Reason = "needs a user"
	DroppedTarget Reason = "belongs to a resource that was not asked for"
)

// Outcome is what became of one requested scope.
type Outcome struct {
	Scope   Scope  `json:"scope"`
	Granted bool   `json:"granted"`
	Reason  Reason `json:"reason"`
	// Detail names the role, the group or the class that decided.
	Detail string `json:"detail,omitempty"`
}

// String is one line of explanation.
func (o Outcome) String() string {
	if o.Detail == "" {
		return string(o.Reason)
	}
	return fmt.Sprintf("%s %s", o.Reason, o.Detail)
}

// Decision is the answer of [Derive], one outcome for each requested scope.
type Decision struct {
	Granted  ScopeSet
	Outcomes []Outcome
}

// Dropped is the outcomes of the scopes that were not granted.
func (d Decision) Dropped() []Outcome {
	var dropped []Outcome
	for _, o := range d.Outcomes {
		if !o.Granted {
			dropped = append(dropped, o)
		}
	}
	return dropped
}

// NeedsACR is the strongest sign-in that a withheld scope waits for, or "".
func (d Decision) NeedsACR() ACR {
	var need ACR
	for _, o := range d.Outcomes {
		if o.Reason == DroppedACR && !need.Satisfies(ACR(o.Detail)) {
			need = ACR(o.Detail)
		}
	}
	return need
}

// Derive decides which of the requested scopes are granted:
//
//	requested ∩ client ∩ (role ∪ extra ∪ groups of this tenant and project) ∩ context
//
// It never grants what was not requested, what the client may not ask for, or
// what the user does not hold; taking a right away never adds a scope.
func Derive(q Request) Decision {
	var d Decision
	for _, scope := range q.Requested {
		o := q.decide(scope)
		d.Outcomes = append(d.Outcomes, o)
		if o.Granted {
			d.Granted = d.Granted.With(scope)
		}
	}
	return d
}

func (q Request) decide(scope Scope) Outcome {
	if !AnyMatches(q.Client, scope) {
		return Outcome{Scope: scope, Reason: DroppedClient}
	}
	if q.Elsewhere.Has(scope) {
		return Outcome{Scope: scope, Reason: DroppedTarget}
	}
	o := q.holder(scope)
	if !o.Granted {
		return o
	}
	if q.AgentOwner != nil && !scope.OpenToAnyUser() {
		if _, held := q.AgentOwner.holds(scope, q.Context); !held {
			return Outcome{Scope: scope, Reason: DroppedOwner}
		}
	}
	need := q.Registry[scope].NeedsACR
	if q.User != nil && !q.Context.ACR.Satisfies(need) {
		return Outcome{Scope: scope, Reason: DroppedACR, Detail: string(need)}
	}
	return o
}

func (q Request) holder(scope Scope) Outcome {
	switch {
	case q.User == nil && scope.OpenToAnyUser():
		return Outcome{Scope: scope, Reason: DroppedNoUser}
	case q.User == nil:
		return Outcome{Scope: scope, Granted: true, Reason: GrantedClient}
	case scope.OpenToAnyUser():
		return Outcome{Scope: scope, Granted: true, Reason: GrantedOpen}
	}
	if o, held := q.User.holds(scope, q.Context); held {
		return o
	}
	return Outcome{Scope: scope, Reason: DroppedUser}
}

func (r *Rights) holds(scope Scope, in Context) (Outcome, bool) {
	if AnyMatches(r.RoleScopes, scope) {
		return Outcome{Scope: scope, Granted: true, Reason: GrantedRole, Detail: string(r.Role)}, true
	}
	for _, extra := range r.Extra {
		if (extra.Tenant.IsZero() || extra.Tenant == in.Tenant) && extra.Scope.Matches(scope) {
			return Outcome{Scope: scope, Granted: true, Reason: GrantedExtra}, true
		}
	}
	for _, g := range r.Groups {
		if g.counts(in) && AnyMatches(g.Scopes, scope) {
			return Outcome{Scope: scope, Granted: true, Reason: GrantedGroup, Detail: g.Name}, true
		}
	}
	return Outcome{}, false
}

func (g GroupRights) counts(in Context) bool {
	return g.Tenant == in.Tenant && (g.Project.IsZero() || g.Project == in.Project)
}

// GroupNames is the names of the groups that count in a context, as the token
// carries them.
func (r *Rights) GroupNames(in Context) []string {
	names := []string{}
	for _, g := range r.Groups {
		if g.counts(in) {
			names = append(names, g.Name)
		}
	}
	return names
}

// InAnyGroup reports whether one of the groups that count in a context is among these.
func (r *Rights) InAnyGroup(groups []GroupID, in Context) bool {
	return slices.ContainsFunc(r.Groups, func(g GroupRights) bool { return g.counts(in) && slices.Contains(groups, g.Group) })
}

// MemberOf reports whether the user belongs to the tenant: tenant access is
// group membership, nothing else.
func (r *Rights) MemberOf(tenant TenantID) bool {
	for _, g := range r.Groups {
		if g.Tenant == tenant {
			return true
		}
	}
	return false
}
