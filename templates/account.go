package templates

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// AccountNotice confirms what was just done.
type AccountNotice string

// What was just done.
const (
	SessionRevoked       AccountNotice = "session-revoked"
	OtherSessionsRevoked AccountNotice = "other-sessions-revoked"
	ApplicationWithdrawn AccountNotice = "application-withdrawn"
	DefaultPlaceChanged  AccountNotice = "default-place-changed"
	PlaceChanged         AccountNotice = "place-changed"
	ProfileChanged       AccountNotice = "profile-changed"
	PasswordChanged      AccountNotice = "password-changed"
	EmailAsked           AccountNotice = "email-asked"
)

// Account is what a user sees of themselves. Its forms, each with csrf:
// POST /account/sessions/revoke with session_id, POST
// /account/sessions/revoke-others, POST /account/apps/withdraw with client_id
// and tenant_id, POST /logout.
type Account struct {
	Layout
	Notice                       AccountNotice
	Username, DisplayName, Email string
	Role                         authz.Role
	// Place is where this session is; SeveralPlaces: there is another one to go to.
	Place         AccountPlace
	SeveralPlaces bool
	Ways          AccountWays
	// Sessions are the live ones, the current one among them.
	Sessions     []AccountSession
	Applications []AccountApplication
}

// AccountWays is what a user can sign in with: whether there is a password and an
// authenticator app, how many passkeys, how many recovery codes are left.
type AccountWays struct {
	Password, App           bool
	Passkeys, RecoveryCodes int
}

// AccountSession is one browser or device that is signed in.
type AccountSession struct {
	ID authz.SessionID
	// Browser and System are names such as "Firefox" and "Linux", where they are
	// known; Address is the IP address last seen.
	Browser, System        string
	Address                string
	SignedInAt, LastSeenAt time.Time
	Current                bool
}

// AccountApplication is one consent: a client that may act for the user.
type AccountApplication struct {
	Client     authz.ClientID
	Name       string
	Tenant     authz.TenantID
	TenantName string
	Scopes     []ScopeWords
	Since      time.Time
	// LastUsed is when it last got tokens; zero for never.
	LastUsed time.Time
}

// HasOtherSessions reports whether any session but the current one is listed.
func (a Account) HasOtherSessions() bool {
	for _, s := range a.Sessions {
		if !s.Current {
			return true
		}
	}
	return false
}

func (Account) template() string { return "account" }
