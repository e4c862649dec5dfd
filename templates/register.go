package templates

import "time"

// RegisterProblem says why no mail was sent.
type RegisterProblem string

// Why it was not. None of them tells whether an address has an account.
const (
	RegisterEmail     RegisterProblem = "email"
	RegisterDomain    RegisterProblem = "domain"
	RegisterThrottled RegisterProblem = "throttled"
)

// Register asks who wants an account for their address: POST /register with csrf, flow,
// tenant and email.
type Register struct {
	Layout
	Flow string
	// TenantSlug is the tenant that the address of the page names, or "".
	TenantSlug string
	// Client is the name of the client that waits, or ""; Tenant that of the tenant.
	Client, Tenant string
	Email          string
	// Sent is the one answer to every address, with an account or not.
	Sent    bool
	Problem RegisterProblem
	// RetryAfter is how long [RegisterThrottled] lasts.
	RetryAfter time.Duration
}

func (Register) template() string { return "register" }
