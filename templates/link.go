package templates

import "time"

// Forgot offers a link by mail to who cannot sign in: POST /login/forgot with csrf,
// flow, username and purpose ("reset_password" or "sign_in").
type Forgot struct {
	Layout
	Flow     string
	Username string
	// Sent is the one answer to every name, known or not.
	Sent bool
	// Throttled says that nothing was sent, for RetryAfter.
	Throttled  bool
	RetryAfter time.Duration
}

func (Forgot) template() string { return "forgot" }

// LinkProblem says why a link was not spent.
type LinkProblem string

// Why it was not. [LinkWeak] comes with what is weak.
const (
	LinkWeak     LinkProblem = "weak"
	LinkName     LinkProblem = "name"
	LinkUsername LinkProblem = "username"
	LinkTaken    LinkProblem = "taken"
	LinkBusy     LinkProblem = "busy"
	// The passkey was not made: the question was too old, the answer was not accepted, or
	// the tenant does not accept this model.
	LinkExpired      LinkProblem = "expired"
	LinkPasskey      LinkProblem = "passkey"
	LinkPasskeyModel LinkProblem = "passkey-model"
	// LinkFull: the tenant has as many users as it may.
	LinkFull LinkProblem = "full"
)

// WeakPassword is why a password cannot be had, and the fewest characters.
type WeakPassword struct {
	Problem PasswordProblem
	Least   int
}

// Link asks before a one-time link is spent, because mail scanners open links: POST
// /link with csrf, token and, where the purpose wants them, username, display_name
// and password, or, by script, state and response in place of the password.
type Link struct {
	Layout
	Token string
	// Purpose is what the link does, by its name in storage.
	Purpose string
	// Name and Username are whose link it is; both are "" for an invitation or a
	// registration of somebody who has no account, and what was typed when it comes again.
	Name, Username string
	Email          string
	// Tenant is where an invitation or a registration leads.
	Tenant string
	// Known says that the invited address has an account, SignedIn that it is the one
	// that is signed in.
	Known, SignedIn bool
	MinPassword     int
	// Passkey is offered before the password where an account begins; nil elsewhere.
	Passkey *PasskeyQuestion
	Problem LinkProblem
	Weak    WeakPassword
}

func (Link) template() string { return "link" }

// LinkDone says what a link has done.
type LinkDone struct {
	Layout
	Purpose string
	Email   string
	Tenant  string
}

func (LinkDone) template() string { return "link_done" }

// Mailbox shows the mails that a development server would have sent.
type Mailbox struct {
	Layout
	Letters []MailboxLetter
}

// MailboxLetter is one mail. Link is the address in it that leads on, or "".
type MailboxLetter struct{ To, Subject, Date, Text, Link string }

func (Mailbox) template() string { return "mailbox" }

func (Mailbox) language() string { return "en" }
