package templates

import "time"

// PasskeyQuestion is what the page's script asks the browser's authenticators. It
// stands in a form that the script fills in and sends; without script the form
// stays hidden.
type PasskeyQuestion struct {
	// Options are those of navigator.credentials, as JSON.
	Options string
	// State comes back with the answer.
	State string
}

// VerifyProblem says why the last attempt did not succeed.
type VerifyProblem string

// Why it did not succeed.
const (
	VerifyRefused        VerifyProblem = "refused"
	VerifyThrottled      VerifyProblem = "throttled"
	VerifyPasskeyRefused VerifyProblem = "passkey"
	VerifyExpired        VerifyProblem = "expired"
)

// Verify asks for more than was proven: POST /login/verify with csrf, flow, first,
// method ("totp" or "recovery") and code; POST /login/verify/passkey with csrf,
// flow, first, state and response; POST /login/verify/skip with csrf and flow.
type Verify struct {
	Layout
	Flow string
	// First is the sealed first factor of a sign-in; "" for a session that is to
	// become stronger.
	First string
	// Client is the name of the client that waits, or "".
	Client string
	Name   string
	// Passkey, TOTP and Recovery are the ways that the person has.
	Passkey        *PasskeyQuestion
	TOTP, Recovery bool
	// Skippable: what waits goes on without.
	Skippable bool
	// OfAccount: what waits is a page of the account.
	OfAccount  bool
	Problem    VerifyProblem
	RetryAfter time.Duration
}

func (Verify) template() string { return "verify" }

// OfferPasskey asks, once, whether to make a passkey after a sign-in by password:
// POST /login/passkey/new with csrf, flow and decision "create", with state and
// response, or "not-now".
type OfferPasskey struct {
	Layout
	Flow    string
	Passkey PasskeyQuestion
	// Silent asks first without disturbing anybody, where the browser can.
	Silent PasskeyQuestion
}

func (OfferPasskey) template() string { return "offer_passkey" }
