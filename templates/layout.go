package templates

import "github.com/gatehouse/gatehouse/authz"

// Layout is what every page has in common; each page struct embeds it.
type Layout struct {
	// Language is the tag of one of [Languages]; anything else is English.
	Language string
	// Here is the path and query of the page, to which the choice of another
	// language leads back; without it there is no choice. It is POST /language with
	// csrf, language and back.
	Here string
	// Host is the issuer's host (with a port that is not the default), as the
	// foot of the page shows it.
	Host string
	// CSRF is the token that every form sends back as the field "csrf".
	CSRF string
	// SignedInAs is the name of who is signed in, or "".
	SignedInAs string
	// Brand is that of the tenant that the page is for; nil for the house.
	Brand *Brand
	// Operator shows the way to the console.
	Operator bool
}

// Look is the brand that the page wears; nil for that of the house, which a tenant has
// that chose neither colour nor logo.
func (l Layout) Look() *Brand {
	if l.Brand == nil || l.Brand.Accent == "" && l.Brand.Logo == "" {
		return nil
	}
	return l.Brand
}

func (l Layout) language() string { return l.Language }

// ScopeWords is what the scope registry says about a scope to the person who
// is asked for it. A scope without a Title is shown by its Name.
type ScopeWords struct {
	Name        authz.Scope
	Title       string
	Description string
}

// DroppedScope is a scope that was asked for and not granted.
type DroppedScope struct {
	ScopeWords
	Reason authz.Reason
	// Detail is as in [authz.Outcome].
	Detail string
}

// Client is an OAuth client as its person sees it.
type Client struct {
	Name string
	// Verified says that the operator vouches for the client (first-party).
	Verified bool
	// Policy and Terms are shown as links when they are absolute https addresses, and
	// not at all otherwise; nothing is fetched from them.
	Policy, Terms string
}
