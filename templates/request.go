package templates

import "time"

// Requests lists the applications that ask for a sign-in (OpenID CIBA): POST
// /account/requests with csrf, flow and decision ("accept" or "deny"). What is granted
// stands in the flow, never in the form.
type Requests struct {
	Layout
	Waiting []Request
	// Problem: what was answered waits no longer.
	Problem bool
	// Answered names the client of what was just answered, Approved how; "" for none.
	Answered string
	Approved bool
	// Name and Username are of whoever is signed in.
	Name, Username string
}

// Request is one application that asks.
type Request struct {
	CSRF, Flow string
	Client     Client
	// Message is what the application shows too, or "".
	Message string
	// Address is where the application asked from.
	Address     string
	RequestedAt time.Time
	Tenant      string
	Scopes      []ScopeWords
	Dropped     []DroppedScope
}

func (Requests) template() string { return "requests" }
