package templates

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// SignInProblem says why the last attempt did not succeed.
type SignInProblem string

// Why a sign-in did not succeed. [SignInRefused] is the one answer to an
// unknown name, a wrong password and a disabled account.
const (
	SignInRefused   SignInProblem = "refused"
	SignInThrottled SignInProblem = "throttled"
	SignInBusy      SignInProblem = "busy"
	SignInExpired   SignInProblem = "expired"
	SignInPasskey   SignInProblem = "passkey"
)

// SignIn asks for name and password: POST /login with csrf, flow, username,
// password, remember ("on") and passkeys ("on" when the browser could make one);
// or, by script, for a passkey: POST /login/passkey with csrf, flow, remember,
// state and response.
type SignIn struct {
	Layout
	// Flow is the sealed authorization request that waits, or "".
	Flow string
	// Client is the name of the client that waits, or "".
	Client string
	// Username fills the field in, from login_hint or the last attempt.
	Username string
	// Reauthenticate asks the one who is signed in again; Username is fixed.
	Reauthenticate bool
	// Passkey is nil where there are none.
	Passkey *PasskeyQuestion
	Problem SignInProblem
	// Recoverable shows the way to a link by mail.
	Recoverable bool
	// Registering shows the way to an account of one's own.
	Registering bool
	// RetryAfter is how long [SignInThrottled] and [SignInBusy] last, if known.
	RetryAfter time.Duration
}

func (SignIn) template() string { return "sign_in" }

// ChooseTenant asks a member of several tenants for which one the sign-in is:
// POST /login/tenant with csrf, flow, tenant_id and make_default ("on").
type ChooseTenant struct {
	Layout
	Flow    string
	Client  string
	Tenants []Tenant
}

// Tenant is one choice of [ChooseTenant]; Logo is the path of a picture, or "".
type Tenant struct {
	ID      authz.TenantID
	Name    string
	Logo    string
	Default bool
}

func (ChooseTenant) template() string { return "choose_tenant" }

// ConfirmSignOut asks before a sign-out that somebody else may have caused
// (OpenID Connect RP-Initiated Logout §2, no valid id_token_hint): POST
// /oauth2/logout with csrf, flow and decision ("sign-out" or "stay").
type ConfirmSignOut struct {
	Layout
	// Flow is the sealed logout request.
	Flow string
	// Client is the name of the client that asks, or "".
	Client string
}

func (ConfirmSignOut) template() string { return "confirm_sign_out" }

// SignedOut ends a sign-out that leads to no client, or that others are told of first.
type SignedOut struct {
	Layout
	// Frames are pages of clients that the browser loads, unseen, to tell them.
	Frames []string
	// Back is where the person goes on to, and Client its name; "" for nowhere.
	Back, Client string
}

func (SignedOut) template() string { return "signed_out" }
