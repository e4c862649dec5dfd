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
	Dropped []DroppedScope
	Tokens  []DemoToken
	// Answer is what the protected API said last, or nil.
	Answer *DemoAnswer
	// Refused is what the API said to the old access token right after the
	// sign-out, or nil.
	Refused *DemoAnswer
	// Failure is the error with which a sign-in came back, or nil.
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

// DemoFailure is an authorization error response (RFC 6749 §4.1.2.1).
type DemoFailure struct{ Code, Description string }

func (Demo) template() string { return "demo" }
