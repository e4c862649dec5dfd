package templates

// Consent asks a user whether a client may have the scopes: POST /consent with
// csrf, flow and decision ("accept" or "deny"). "Not you?" is POST /login/switch
// with csrf and flow. What is granted stands in the flow, never in the form.
type Consent struct {
	Layout
	Flow   string
	Client Client
	// RedirectHost is where the answer goes: the host of the redirect URI, or
	// its scheme for a native app.
	RedirectHost string
	// Site is the host that a client describes itself at; "" for one that is registered.
	Site string
	// OnDevice says that the answer goes to a loopback address or a scheme, which any
	// app on the device can claim (RFC 8252 §8.6).
	OnDevice bool
	// Impersonable warns that the client is not known to be who it says: public and
	// OnDevice, or registered by itself.
	Impersonable bool
	Tenant       string
	// Name is how the user is addressed, Username what they signed in with.
	Name, Username string
	Scopes         []ScopeWords
	Dropped        []DroppedScope
	// Details are what is asked for beyond scopes (RFC 9396).
	Details []Detail
}

// Detail is one authorization detail: its title, the name of the resource server that
// it is for, and what it says, member by member.
type Detail struct {
	Title, Resource string
	Members         []Field
}

func (Consent) template() string { return "consent" }

// FormPost carries an authorization response to the client (OAuth 2.0 Form Post
// Response Mode §2). It sends no csrf: the form leaves the house.
type FormPost struct {
	Layout
	Client string
	// Action is the redirect URI, http or https and validated by the caller.
	Action string
	// Fields are sent in this order.
	Fields []Field
}

// Field is one parameter of the response.
type Field struct{ Name, Value string }

func (FormPost) template() string { return "form_post" }
