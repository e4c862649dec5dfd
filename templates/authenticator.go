package templates

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// AuthenticatorNotice says what was just done, or why it was not.
type AuthenticatorNotice string

// What was done, and why something was not.
const (
	PasskeyAdded         AuthenticatorNotice = "passkey-added"
	PasskeyRenamed       AuthenticatorNotice = "passkey-renamed"
	PasskeyRemoved       AuthenticatorNotice = "passkey-removed"
	AppSetUp             AuthenticatorNotice = "app-set-up"
	AppRemoved           AuthenticatorNotice = "app-removed"
	PasskeyNotAccepted   AuthenticatorNotice = "passkey-not-accepted"
	PasskeyExists        AuthenticatorNotice = "passkey-exists"
	PasskeyModelRefused  AuthenticatorNotice = "passkey-model-refused"
	PasskeysTooMany      AuthenticatorNotice = "passkeys-too-many"
	LastWayIn            AuthenticatorNotice = "last-way-in"
	AppCodeWrong         AuthenticatorNotice = "app-code-wrong"
	AuthenticatorExpired AuthenticatorNotice = "expired"
)

// Bad reports whether the notice says that something was not done.
func (n AuthenticatorNotice) Bad() bool {
	switch n {
	case PasskeyAdded, PasskeyRenamed, PasskeyRemoved, AppSetUp, AppRemoved:
		return false
	}
	return true
}

// Passkeys lists the passkeys of a user. Its forms, each with csrf: POST
// /account/passkeys with name, state and response (by script), POST
// /account/passkeys/rename with passkey_id and name, POST /account/passkeys/remove
// with passkey_id.
type Passkeys struct {
	Layout
	Notice   AuthenticatorNotice
	Passkeys []AccountPasskey
	// Add is nil where the user must sign in again first, or there are no passkeys.
	Add *PasskeyQuestion
	// Again is where to sign in again before anything is changed; "" when that was
	// just done.
	Again string
}

// AccountPasskey is one passkey.
type AccountPasskey struct {
	ID authz.PasskeyID
	// Model is the name of the kind of authenticator, Icon as in authn.Model.
	Name, Model, Icon string
	// Synced: it lives on several devices.
	Synced bool
	// Suspect: there may be a copy of it.
	Suspect               bool
	CreatedAt, LastUsedAt time.Time
}

func (Passkeys) template() string { return "passkeys" }

// AuthenticatorApp sets up or removes an authenticator app: POST
// /account/authenticator-app with csrf, state and code; POST
// /account/authenticator-app/remove with csrf.
type AuthenticatorApp struct {
	Layout
	Notice AuthenticatorNotice
	// SetUpAt is when the app was set up; zero without one.
	SetUpAt, LastUsedAt time.Time
	// Enrol is how to set one up; nil when there is one, or when the user must sign
	// in again first.
	Enrol *Enrolment
	Again string
}

// Enrolment is the secret for the app, as text, as a link and as a picture: dark
// squares (an SVG path) on a grid of Size by Size.
type Enrolment struct {
	Secret, Path string
	Size         int
	State        string
}

func (AuthenticatorApp) template() string { return "authenticator_app" }

// RecoveryCodes makes recovery codes: POST /account/recovery-codes with csrf; and
// saves them: POST /account/recovery-codes/download with csrf and code, ten times.
type RecoveryCodes struct {
	Layout
	// Codes are shown once, right after they were made.
	Codes []string
	// Left is how many there are, MadeAt since when.
	Left   int
	MadeAt time.Time
	// Useful: there is something to recover from.
	Useful bool
	Again  string
}

func (RecoveryCodes) template() string { return "recovery_codes" }
