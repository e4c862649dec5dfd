package templates

// Demo is the one page of the demonstration client, which runs beside
// Gatehouse on a port of its own. Sign-in is GET /sign-in. Its forms, each with
// csrf: POST /call with call ("enough", "too-few" or "alive"), POST /sign-out.
type Demo struct {
	Layout
	// Accounts are offered to a newcomer who is not signed in.
	Accounts []DemoAccount
	// Person is who signed in, or nil.
	Person  *DemoPerson
	Granted []ScopeWords
	// Dropped was asked for and is not in the token. An application learns that,
	// and not why.
	Dropped []ScopeWords
	Tokens  []DemoToken
	// Answer is what the protected API said last, or nil.
	Answer *DemoAnswer
	// Refused is what the API said to the old access token right after the
	// sign-out, or nil.
	Refused *DemoAnswer
	// Failure is why what was tried last did not come about, or nil.
	Failure *DemoFailure
}

// DemoAccount is an account of a demonstration deployment. Password is "" when
// it is not for show.
type DemoAccount struct{ Username, Password, Role string }

// DemoPerson is who the ID token speaks of.
type DemoPerson struct{ Name, Username, Email string }

// DemoToken is one decoded token.
type DemoToken struct {
	// Kind is "id" or "access".
	Kind string
	// Header and Claims are indented JSON.
	Header, Claims string
}

// DemoAnswer is one answer of the protected API.
type DemoAnswer struct {
	// Call is as in the form, Method and Path what was asked.
	Call, Method, Path string
	Status             int
	// StatusText is the reason phrase of the status.
	StatusText string
	// Challenge is the WWW-Authenticate header (RFC 6750 §3), or "".
	Challenge string
	Body      string
}

// DemoFailure says what went wrong. Code and Description are those of an error
// response of Gatehouse (RFC 6749 §4.1.2.1, §5.2), or "".
type DemoFailure struct {
	Problem           DemoProblem
	Code, Description string
}

// DemoProblem is a kind of [DemoFailure].
type DemoProblem string

// The kinds of failure.
const (
	// DemoDenied: the person said no on the consent page.
	DemoDenied DemoProblem = "denied"
	// DemoRefused: Gatehouse answered with any other error.
	DemoRefused DemoProblem = "refused"
	// DemoForeign: an answer that this browser does not wait for.
	DemoForeign DemoProblem = "foreign"
	// DemoUntrusted: an answer that does not stand up to the checks of OpenID Connect.
	DemoUntrusted DemoProblem = "untrusted"
	// DemoUnreachable: Gatehouse does not answer.
	DemoUnreachable DemoProblem = "unreachable"
	// DemoSilent: the protected API does not answer.
	DemoSilent DemoProblem = "silent"
	// DemoEnded: the tokens ran out and Gatehouse does not renew them.
	DemoEnded DemoProblem = "ended"
	// DemoForm: a form that this page did not send to this browser.
	DemoForm DemoProblem = "form"
)

func (Demo) template() string { return "demo" }

// The demonstration is for developers.
func (Demo) language() string { return "en" }
