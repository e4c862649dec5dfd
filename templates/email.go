package templates

// EmailProblem says why no letter was sent.
type EmailProblem string

// Why no letter was sent: the text is no address, too many were sent in the last hour, or the
// former address may still take the last change back.
const (
	EmailUnfit         EmailProblem = "unfit"
	EmailTooMany       EmailProblem = "too-many"
	EmailChangedLately EmailProblem = "changed-lately"
)

// ChangeEmail takes another address: POST /account/email with csrf and email, and POST
// /account/email/verify with csrf.
type ChangeEmail struct {
	Layout
	// Now is the address of the account, "" for none; New is what was typed.
	Now, New string
	Verified bool
	// NoMail: no mail can be sent from here, so the operator has to do it.
	NoMail  bool
	Problem EmailProblem
	// Again is where to sign in again first; "" when that was just done.
	Again string
}

func (ChangeEmail) template() string { return "email" }
