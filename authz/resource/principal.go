package resource

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// ErrInvalidToken says that a token proves nothing: it is malformed, forged,
// expired, revoked, of another type, or made for somebody else. What it wraps is
// for the log and never for the one who presented the token.
var ErrInvalidToken = errors.New("not a valid access token")

// ErrUnavailable says that the authorization server, or its keys, could not be
// reached, so that nothing is known about the token.
var ErrUnavailable = errors.New("the authorization server is not available")

// Authenticator proves who presents an access token. Its errors are
// [ErrInvalidToken] and [ErrUnavailable]; any other counts as the second. It asks
// [Binding.Proven] at each call: one that keeps what it has learned of a token must
// not keep that its key was shown.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (*Principal, error)
}

// Principal is who stands behind a request: a user through a client, or a client
// itself.
type Principal struct {
	// Subject is the id of the user or, for a client's own token, of the client.
	Subject  string
	ClientID authz.ClientID
	// Username is what the user signs in with, which only introspection tells
	// (RFC 7662 §2.2): for people to read, since it may change.
	Username string
	Scopes   authz.ScopeSet
	// Tenant and Project are where the token counts; zero means none.
	Tenant  authz.TenantID
	Project authz.ProjectID
	Roles   []string
	Groups  []string
	// SessionID is the sign-in that the token stems from (sid), GrantID the
	// authorization; both are empty in a client's own token.
	SessionID string
	GrantID   string
	// TokenID is the jti, which is different for every token.
	TokenID   string
	IssuedAt  time.Time
	ExpiresAt time.Time
	// ACR, AMR and AuthTime say how and when the user signed in.
	ACR      authz.ACR
	AMR      []string
	AuthTime time.Time
}

// IsClient reports whether a client acts for itself, with no user behind it: its
// token names the client as its subject (RFC 9068 §2.2).
func (p *Principal) IsClient() bool { return p.Subject == string(p.ClientID) }

type contextKey struct{}

// WithPrincipal says who stands behind a request. A [Guard] does so; who proves it in
// another way than by the header, and has asked [Requirement.MetBy], does the same.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// PrincipalFrom is who a [Guard] let in, or nil where it let in a request
// without a token.
func PrincipalFrom(ctx context.Context) *Principal {
	p, _ := ctx.Value(contextKey{}).(*Principal)
	return p
}
