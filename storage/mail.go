package storage

import (
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// Letter names what a mail says.
type Letter string

// The letters that carry a link.
const (
	LetterVerifyEmail   Letter = "verify_email"
	LetterResetPassword Letter = "reset_password"
	LetterSignIn        Letter = "sign_in"
	LetterSetUp         Letter = "set_up"
	LetterInvitation    Letter = "invitation"
	LetterRegister      Letter = "register"
	// LetterConfirmEmail asks the new address, LetterEmailChanged tells the old one
	// and offers to undo it.
	LetterConfirmEmail Letter = "confirm_email"
	LetterEmailChanged Letter = "email_changed"
)

// The letters that tell of a change.
const (
	// LetterSecondFactor answers who asked for a link to sign in and has a second
	// factor, beside which a link is worth too little.
	LetterSecondFactor Letter = "second_factor"
	// LetterAccountExists answers who asked for an account and has one.
	LetterAccountExists        Letter = "account_exists"
	LetterEmailChangeAsked     Letter = "email_change_asked"
	LetterEmailRestored        Letter = "email_restored"
	LetterNewDevice            Letter = "new_device"
	LetterPasswordChanged      Letter = "password_changed"
	LetterAuthenticatorAdded   Letter = "authenticator_added"
	LetterAuthenticatorRemoved Letter = "authenticator_removed"
	LetterRecoveryCodesMade    Letter = "recovery_codes_made"
	// LetterSignInRequest says that an application asks for a sign-in.
	LetterSignInRequest Letter = "sign_in_request"
)

// Mail is a mail to be written and sent: the facts. The words are the templates', and
// the secret of the link is derived when it is written.
type Mail struct {
	Letter Letter
	// To is a bare address, Name what the letter calls its reader.
	To, Name string
	// Language is a tag (BCP 47), or "" for the usual one.
	Language string `json:",omitempty"`
	// Link is the one-time link that the letter carries, or zero, and Until when it ends.
	Link  authz.LinkID `json:",omitzero"`
	Until time.Time    `json:",omitzero"`
	// At is when it happened, Address and Device where, as far as that is known.
	At      time.Time  `json:",omitzero"`
	Address netip.Addr `json:",omitzero"`
	Device  string     `json:",omitempty"`
	// Subject is what the letter is about: the tenant of an invitation, the new
	// address of a change, the name of a passkey.
	Subject string `json:",omitempty"`
}

// Kind implements [Job].
func (Mail) Kind() string { return "mail" }

// RecoveryRequest is what somebody who cannot sign in asked for. Whether there is such an account
// is found out behind the answer, so that the answer cannot tell.
type RecoveryRequest struct {
	// Identifier is what was typed as user name or e-mail address.
	Identifier string
	// Purpose is LinkResetPassword or LinkSignIn.
	Purpose  LinkPurpose
	Flow     string `json:",omitempty"`
	Language string `json:",omitempty"`
}

// Kind implements [Job].
func (RecoveryRequest) Kind() string { return "recover" }
