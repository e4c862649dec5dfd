package storage

import (
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// Session is the login of one browser or device. The row is the truth: the
// cookie holds nothing but the id and a secret.
type Session struct {
	ID authz.SessionID
	// TokenJTI is the sid that tokens issued beneath this session carry.
	TokenJTI   authz.SessionID
	User       authz.UserID
	Tenant     authz.TenantID
	Project    authz.ProjectID
	SecretHash []byte
	CreatedAt  time.Time
	LastSeenAt time.Time
	// ExpiresAt ends the session however busy it is; IdleLifetime after
	// LastSeenAt ends it when it rests.
	ExpiresAt    time.Time
	IdleLifetime time.Duration
	IPAddress    netip.Addr
	UserAgent    string
	AuthTime     time.Time
	ACR          authz.ACR
	AMR          []string
	RevokedAt    time.Time
}

// Evidence is what a sign-in was proven with, as it was when that was judged. Nothing in it
// asks for nothing.
type Evidence struct {
	// PasswordHash is the one that the password fits.
	PasswordHash string
	Passkey      authz.PasskeyID
}

// Live reports whether the session still stands at the instant now.
func (s Session) Live(now time.Time) bool {
	return s.RevokedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.LastSeenAt.Add(s.IdleLifetime))
}
