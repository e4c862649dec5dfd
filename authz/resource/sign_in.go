package resource

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// SignIn is how, and how recently, a user must have signed in (RFC 9470).
type SignIn struct {
	// ACR is the classes of which one must be reached; empty means any.
	ACR []authz.ACR
	// MaxAge is how long ago the sign-in may be at most, in whole seconds; 0 means
	// any time.
	MaxAge time.Duration
}

// WithSignIn is the requirement with one more condition, for every one of its
// alternatives: a token without it gets the challenge by which a client sends its
// user to sign in better, and comes again. A client's own token, behind which
// nobody has signed in, never meets it.
func (r Requirement) WithSignIn(s SignIn) Requirement {
	r.signIn = &s
	return r
}

// metBy judges the sign-in behind a token at the instant now.
func (s *SignIn) metBy(p *Principal, now time.Time) bool {
	if s == nil {
		return true
	}
	if p.IsClient() {
		return false
	}
	if len(s.ACR) > 0 && !slices.ContainsFunc(s.ACR, p.ACR.Satisfies) {
		return false
	}
	return s.MaxAge <= 0 || !p.AuthTime.IsZero() && now.Sub(p.AuthTime) <= s.MaxAge
}

func (s *SignIn) acrValues() string {
	values := make([]string, len(s.ACR))
	for i, class := range s.ACR {
		values[i] = string(class)
	}
	return strings.Join(values, " ")
}

func (s *SignIn) maxAge() string {
	if s.MaxAge <= 0 {
		return ""
	}
	return strconv.FormatInt(int64(s.MaxAge/time.Second), 10)
}
