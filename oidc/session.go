package oidc

import (
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// session is what fosite carries from a request to the tokens: the grant and the
// person, from which our own strategies compose the claims. fosite's
// IDTokenClaims are kept only where its handlers read them.
type session struct {
	granted *postgres.Granted // nil for a client's own token
	client  *storage.Client
	// targets are the resources that the token is for; nil when none was named.
	targets []string
	// details are the authorization details that the token is for.
	details []storage.AuthorizationDetail
	// actor is who acts in the name of the user; nil for nobody else. notAfter bounds the
	// token's life; zero for the usual one.
	actor    *actor
	notAfter time.Time
	// confirm is the key that the access token is bound to; nil for none.
	confirm *confirmation
	// lifetime is that of the access token, once it is made.
	lifetime time.Duration
	claims   jwt.IDTokenClaims
	headers  jwt.Headers
}

func newSession(c *storage.Client) *session {
	return &session{client: c}
}

// newUserSession is the session of a token for a person. The algorithm goes into
// the headers because fosite chooses the hash of at_hash by it. When the person
// signed in is left out: fosite would judge it anew, by a clock of its own.
func newUserSession(c *storage.Client, g *postgres.Granted) *session {
	s := newSession(c)
	s.granted, s.targets = g, g.Grant.Details.Resources
	s.claims.Subject = g.Grant.User.String()
	s.headers.Add("alg", c.IDTokenAlg)
	return s
}

func (s *session) GetUsername() string               { return "" }
func (s *session) GetSubject() string                { return s.claims.Subject }
func (s *session) IDTokenClaims() *jwt.IDTokenClaims { return &s.claims }
func (s *session) IDTokenHeaders() *jwt.Headers      { return &s.headers }

// When a token expires is decided where it is made; what fosite thinks of it is told nobody.
func (s *session) SetExpiresAt(fosite.TokenType, time.Time)     {}
func (s *session) GetExpiresAt(fosite.TokenType) (at time.Time) { return at }

// Clone is written by hand: fosite's own copies by reflection, 84 allocations.
// What it points to is never changed.
func (s *session) Clone() fosite.Session {
	c := *s
	return &c
}
