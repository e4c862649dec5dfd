package templates

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// Console is the operator's overview. It changes nothing.
type Console struct {
	Layout
	Counts  Counts
	SignIns []ConsoleSignIn
	Clients []ConsoleClient
	Keys    []ConsoleKey
}

// Counts are the tiles of the overview.
type Counts struct{ Users, Tenants, Clients, Sessions int }

// ConsoleSignIn is one recent sign-in whose session still stands.
type ConsoleSignIn struct {
	At, LastSeenAt            time.Time
	Username, Tenant, Address string
}

// ConsoleClient is one OAuth client.
type ConsoleClient struct {
	ID authz.ClientID
	// Kind is web, spa, native, service or agent.
	Name, Kind string
	CreatedAt  time.Time
	Disabled   bool
}

// KeyState is where a signing key stands in its life.
type KeyState string

// The life of a signing key.
const (
	KeyNext    KeyState = "next"
	KeyCurrent KeyState = "current"
	KeyRetired KeyState = "retired"
)

// ConsoleKey is one signing key, by its kid and JOSE algorithm name.
type ConsoleKey struct {
	ID, Algorithm string
	State         KeyState
	CreatedAt     time.Time
	// EndsAt is when the key leaves the JWKS; zero when that is not yet known.
	EndsAt time.Time
}

func (Console) template() string { return "console" }

// Operators read English, as the command line and the API have it.
func (Console) language() string { return "en" }
