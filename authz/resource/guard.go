package resource

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
)

// GuardConfig is how a [Guard] speaks of itself.
type GuardConfig struct {
	// Realm names what is protected (RFC 9110 §11.5); empty means "resource".
	Realm string
	// ResourceMetadata is the URL of this resource server's metadata (RFC 9728
	// §5.1), which tells a client where to get a token; see [Metadata.URL]. Empty
	// means that there is none.
	ResourceMetadata string
	// DPoP says how tokens that are bound to a DPoP key are proven; the zero value
	// refuses them.
	DPoP DPoP
	// Certificate is the one that the client has proven to hold the key of, nil
	// without one, against which tokens bound to a certificate are judged (RFC 8705
	// §3). Nil means that of the TLS connection. Behind a proxy that ends it, give
	// [ForwardedCertificate].
	Certificate func(*http.Request) *x509.Certificate
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger is told why tokens are refused, at debug, and that the authorization
	// server is not available, at error; nil means slog.Default(). It is never
	// shown a token.
	Logger *slog.Logger
}

// Guard is the middleware that lets a request through to a handler only with a
// token that opens it.
type Guard struct {
	authenticator Authenticator
	challenge     challenge
	dpop          DPoP
	certificate   func(*http.Request) *x509.Certificate
	now           func() time.Time
	logger        *slog.Logger
}

// NewGuard makes a guard; one serves any number of routes.
func NewGuard(a Authenticator, c GuardConfig) *Guard {
	if c.Realm == "" {
		c.Realm = "resource"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Certificate == nil {
		c.Certificate = peerCertificate
	}
	if c.DPoP.Replays == nil {
		c.DPoP.Replays = dpop.NewReplays(c.Now)
	}
	return &Guard{
		authenticator: a, challenge: challenge{c.Realm, c.ResourceMetadata, c.DPoP.understood()},
		dpop: c.DPoP, certificate: c.Certificate, now: c.Now, logger: c.Logger,
	}
}

// RequireScopes lets a request through when its token has every one of the
// scopes; with none, any valid token does. It panics when a text is not a scope:
// routes are wired when a program starts.
func (g *Guard) RequireScopes(scopes ...authz.Scope) func(http.Handler) http.Handler {
	var set authz.ScopeSet
	for _, scope := range scopes {
		if _, err := parseRequired(string(scope)); err != nil {
			panic(fmt.Sprintf("resource: require scopes: %v", err))
		}
		set = set.With(scope)
	}
	return g.Require(Requirement{anyOf: []authz.ScopeSet{set}})
}

// Require lets a request through when it meets the requirement, with its
// [Principal] in the context. A token that is presented must be valid even where
// none is needed. It panics when the requirement is the zero value.
func (g *Guard) Require(need Requirement) func(http.Handler) http.Handler {
	if need.isZero() {
		panic("resource: require: the requirement is empty")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			principal, no := g.admit(w, r, need)
			if no != nil {
				g.challenge.write(w, *no)
				return
			}
			next.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), principal)))
		})
	}
}

// admit reads as the law of the guard: who may pass, and with which words the
// others are refused (RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3).
func (g *Guard) admit(w http.ResponseWriter, r *http.Request, need Requirement) (*Principal, *refusal) {
	token, err := readPresented(r.Header)
	if token.scheme == dpop.Scheme && !g.dpop.understood() {
		err = errNoToken
	}
	switch {
	case errors.Is(err, errNoToken) && need.anonymous:
		return nil, nil
	case errors.Is(err, errNoToken):
		return nil, noToken(need.Nearest(nil))
	case errors.Is(err, errManyHeaders):
		return nil, ambiguous()
	case err != nil:
		return nil, invalidToken(schemeBearer, need.Nearest(nil))
	}
	proven, proof, no := g.prove(w, r, token, need.Nearest(nil))
	if no != nil {
		return nil, no
	}
	ctx := r.Context()
	if proven != (Binding{}) {
		ctx = WithProven(ctx, proven)
	}
	principal, err := g.authenticator.Authenticate(ctx, token.text)
	switch {
	case errors.Is(err, errNoDPoP) && g.dpop.understood():
		return nil, unprovenToken(need.Nearest(nil))
	case errors.Is(err, ErrInvalidToken):
		g.logger.DebugContext(r.Context(), "access token refused", "reason", err)
		return nil, invalidToken(token.scheme, need.Nearest(nil))
	case err != nil:
		g.logger.ErrorContext(r.Context(), "access token not checked", "reason", err)
		return nil, unavailable()
	case !need.opensTo(principal.Scopes):
		return nil, insufficientScope(token.scheme, need.Nearest(principal.Scopes))
	case !need.signIn.metBy(principal, g.now()):
		return nil, insufficientSignIn(token.scheme, need.Nearest(principal.Scopes), need.signIn)
	}
	return principal, g.spend(r.Context(), proof, need.Nearest(nil))
}
