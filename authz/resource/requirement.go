package resource

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// Requirement says what opens a resource: one of several sets of scopes and, where
// it is asked for, a good enough sign-in. Make it with [ParseRequirement]; the zero
// value opens nothing and no [Guard] takes it.
type Requirement struct {
	anyOf     []authz.ScopeSet
	anonymous bool
	// signIn is nil where any sign-in is good enough.
	signIn *SignIn
}

// scheme is the one security scheme that a requirement may name.
const scheme = "oauth2"

// ParseRequirement reads the decoded form of "security" in an OpenAPI document
// (OpenAPI 3.1 §4.8.30):
//
//	security:
//	  - oauth2: ["user", "agents:read"]  # both of these
//	  - oauth2: ["admin"]                # or this one
//
// An empty list of scopes wants any valid token, and an empty object, {}, opens
// the resource to requests without one. An empty list of alternatives, which
// OpenAPI reads as open, is an error here: it is also what a misspelt key
// decodes to.
func ParseRequirement(alternatives []map[string][]string) (Requirement, error) {
	if len(alternatives) == 0 {
		return Requirement{}, errors.New("security: no alternatives (write {} to let anybody in)")
	}
	var r Requirement
	for i, alternative := range alternatives {
		if len(alternative) == 0 {
			r.anonymous = true
			continue
		}
		set, err := parseAlternative(alternative)
		if err != nil {
			return Requirement{}, fmt.Errorf("security[%d]: %w", i, err)
		}
		r.anyOf = append(r.anyOf, set)
	}
	return r, nil
}

func parseAlternative(alternative map[string][]string) (authz.ScopeSet, error) {
	for name := range alternative {
		if name != scheme {
			return nil, fmt.Errorf("unknown scheme %.40q (expected %s)", name, scheme)
		}
	}
	var set authz.ScopeSet
	for _, text := range alternative[scheme] {
		scope, err := parseRequired(text)
		if err != nil {
			return nil, err
		}
		set = set.With(scope)
	}
	return set, nil
}

// parseRequired leaves no scope that may not stand in a challenge.
func parseRequired(text string) (authz.Scope, error) {
	scope, err := authz.ParseScope(text)
	if err == nil && scope == authz.ScopeOfflineAccess {
		err = fmt.Errorf("%w: %s asks the authorization server for a refresh token and opens no resource", authz.ErrInvalidScope, scope)
	}
	return scope, err
}

func (r Requirement) isZero() bool { return len(r.anyOf) == 0 && !r.anonymous }

// MetBy reports whether a principal, nil for nobody, meets the requirement at the
// instant now.
func (r Requirement) MetBy(p *Principal, now time.Time) bool {
	if p == nil {
		return r.anonymous
	}
	return r.opensTo(p.Scopes) && r.signIn.metBy(p, now)
}

func (r Requirement) opensTo(held authz.ScopeSet) bool {
	return r.anonymous || slices.ContainsFunc(r.anyOf, func(set authz.ScopeSet) bool { return held.HasAll(set...) })
}

// Nearest is the alternative of which most is held, the first written among
// equals: all that a client must ask for, at once. It is not the one that lacks
// the fewest, or a lone "admin" would be what everybody is told to ask for.
func (r Requirement) Nearest(held authz.ScopeSet) authz.ScopeSet {
	var best authz.ScopeSet
	for i, set := range r.anyOf {
		if i == 0 || len(set.Intersect(held)) > len(best.Intersect(held)) {
			best = set
		}
	}
	return best
}
