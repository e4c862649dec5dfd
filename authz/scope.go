package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalidScope says that a text is not a scope-token (RFC 6749 §3.3).
var ErrInvalidScope = errors.New("not a valid scope")

const maxScopeLength = 128

// Scope is one scope-token (RFC 6749 §3.3), such as "agents:read".
type Scope string

// The scopes that OpenID Connect Core §5.4 and §11 define. They say what a
// client may learn about the person who signs in, so they are open to any user.
const (
	ScopeOpenID        Scope = "openid"
	ScopeProfile       Scope = "profile"
	ScopeEmail         Scope = "email"
	ScopeAddress       Scope = "address"
	ScopePhone         Scope = "phone"
	ScopeOfflineAccess Scope = "offline_access"
)

// The scopes that Gatehouse itself asks for.
const (
	ScopeUser        Scope = "user"
	ScopeAdmin       Scope = "admin"
	ScopeBilling     Scope = "billing"
	ScopeUsersManage Scope = "users:manage"
)

// OpenToAnyUser reports whether a scope needs no role, group or extra grant.
func (s Scope) OpenToAnyUser() bool {
	switch s {
	case ScopeOpenID, ScopeProfile, ScopeEmail, ScopeAddress, ScopePhone, ScopeOfflineAccess:
		return true
	}
	return false
}

// Reserved reports whether a wildcard leaves the scope out: it must be named in
// full. Otherwise "*" in the admin role would hold what the owner alone holds,
// and "*" in a client would reach the keys of the house.
func (s Scope) Reserved() bool {
	return s == ScopeAdmin || s == ScopeBilling || s == ScopeUsersManage
}

// ParseScope checks the characters of RFC 6749 §3.3 and that the text is not a
// [Pattern]. Its error is [ErrInvalidScope].
func ParseScope(s string) (Scope, error) {
	if s == "" || len(s) > maxScopeLength {
		return "", fmt.Errorf("%w: it must have 1 to %d characters", ErrInvalidScope, maxScopeLength)
	}
	for i := range len(s) {
		// scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return "", fmt.Errorf("%w: character %q", ErrInvalidScope, c)
		}
	}
	if strings.Contains(s, "*") {
		return "", fmt.Errorf("%w: %q has a wildcard, which may stand in a role, a group or a client but never in a request", ErrInvalidScope, s)
	}
	return Scope(s), nil
}

// ScopeSet is a list of scopes without repetition, in the order first met.
type ScopeSet []Scope

// ParseScopeSet reads a scope parameter: scope-tokens between single or
// repeated spaces. Its error is [ErrInvalidScope].
func ParseScopeSet(s string) (ScopeSet, error) {
	var set ScopeSet
	for field := range strings.SplitSeq(s, " ") {
		if field == "" {
			continue
		}
		scope, err := ParseScope(field)
		if err != nil {
			return nil, err
		}
		set = set.With(scope)
	}
	return set, nil
}

// Has reports whether the set holds the scope.
func (s ScopeSet) Has(scope Scope) bool { return slices.Contains(s, scope) }

// HasAll reports whether the set holds every one of the scopes.
func (s ScopeSet) HasAll(scopes ...Scope) bool {
	for _, scope := range scopes {
		if !s.Has(scope) {
			return false
		}
	}
	return true
}

// With is the set and one scope more.
func (s ScopeSet) With(scope Scope) ScopeSet {
	if s.Has(scope) {
		return s
	}
	return append(s[:len(s):len(s)], scope)
}

// Intersect is what stands in both sets, in the order of the first.
func (s ScopeSet) Intersect(other ScopeSet) ScopeSet {
	var both ScopeSet
	for _, scope := range s {
		if other.Has(scope) {
			both = append(both, scope)
		}
	}
	return both
}

// String is the form of the scope parameter: scopes between single spaces.
func (s ScopeSet) String() string { return strings.Join(s.Strings(), " ") }

// Strings is the set as plain texts.
func (s ScopeSet) Strings() []string {
	texts := make([]string, len(s))
	for i, scope := range s {
		texts[i] = string(scope)
	}
	return texts
}

// Pattern is what a role, a group, a client or an extra grant holds: a scope,
// or "agents:*" for every scope below "agents:", or "*" for every scope. A
// wildcard never reaches a reserved scope ([Scope.Reserved]).
type Pattern string

// ParsePattern checks that a text is a scope or ends in one "*" that stands
// alone or behind a colon. Its error is [ErrInvalidScope].
func ParsePattern(s string) (Pattern, error) {
	stem := strings.TrimSuffix(s, "*")
	wild := stem != s
	if wild && stem == "" {
		return "*", nil
	}
	if strings.Contains(stem, "*") || wild && (!strings.HasSuffix(stem, ":") || stem == ":") {
		return "", fmt.Errorf("%w: in %.140q the wildcard must stand alone or at the end, behind a colon", ErrInvalidScope, s)
	}
	if _, err := ParseScope(stem); err != nil {
		return "", err
	}
	return Pattern(s), nil
}

// ParsePatterns reads patterns between spaces, without repetition.
func ParsePatterns(s string) ([]Pattern, error) {
	var patterns []Pattern
	for _, field := range strings.Fields(s) {
		pattern, err := ParsePattern(field)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	return patterns, nil
}

// Matches reports whether the pattern holds the scope. Nothing holds a pattern
// that poses as a scope, so none is ever granted.
func (p Pattern) Matches(scope Scope) bool {
	if strings.Contains(string(scope), "*") {
		return false
	}
	if string(p) == string(scope) {
		return true
	}
	prefix, wild := strings.CutSuffix(string(p), "*")
	return wild && !scope.Reserved() && strings.HasPrefix(string(scope), prefix)
}

// AnyMatches reports whether one of the patterns holds the scope.
func AnyMatches(patterns []Pattern, scope Scope) bool {
	for _, p := range patterns {
		if p.Matches(scope) {
			return true
		}
	}
	return false
}

// Literal is the scopes among the patterns: those that a request without a
// scope parameter asks for (RFC 6749 §3.3 leaves the default to the server).
func Literal(patterns []Pattern) ScopeSet {
	var set ScopeSet
	for _, p := range patterns {
		if !strings.HasSuffix(string(p), "*") {
			set = set.With(Scope(p))
		}
	}
	return set
}
