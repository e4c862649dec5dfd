package templates

// Problem names a case that the page can explain better than its status does.
type Problem string

// The cases. Without one the status decides the words.
const (
	// ProblemClient: the client is not known, so nobody is redirected.
	ProblemClient Problem = "client"
	// ProblemRedirectURI: the redirect URI is not one of the client's.
	ProblemRedirectURI Problem = "redirect_uri"
	// ProblemRequest: the client is known, its request is not acceptable.
	ProblemRequest Problem = "request"
	// ProblemLink: a one-time link was used, is too old or was replaced.
	ProblemLink Problem = "link"
	// ProblemExpired: a paused sign-in or a form came too late.
	ProblemExpired Problem = "expired"
	// ProblemBrowser: the form or the paused sign-in belongs to another browser.
	ProblemBrowser Problem = "browser"
	// ProblemBanned: the address is blocked.
	ProblemBanned Problem = "banned"
	// ProblemNoTenant: whoever signed in is a member of no tenant.
	ProblemNoTenant Problem = "no_tenant"
	// ProblemRegistration: nobody makes an account for themselves there.
	ProblemRegistration Problem = "registration"
)

// Error says what went wrong and what to do, and nothing of the inside.
type Error struct {
	Layout
	// Status is the HTTP status that goes with the page.
	Status  int
	Problem Problem
	// Code is the OAuth error code (RFC 6749 §4.1.2.1), or "". Description says
	// in English words what was wrong, such as which parameter, to whoever builds
	// the client; it is cut at 300 characters.
	Code, Description string
	// RequestID finds the request in the log.
	RequestID string
}

func (Error) template() string { return "error" }

// Home is the issuer's own address in a browser.
type Home struct {
	Layout
	// Discovery is the address of the discovery document.
	Discovery string
}

func (Home) template() string { return "home" }
