package templates

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

var noon = time.Date(2026, 3, 14, 12, 5, 0, 0, time.UTC)

func tenantID(n byte) authz.TenantID { return authz.TenantID{15: n} }

var (
	sampleLayout = Layout{Host: "id.example.com", CSRF: "csrf-token-value", Here: "/login?flow=sealed"}
	sampleDesk   = Layout{Host: "id.example.com", CSRF: "csrf-token-value", SignedInAs: "Augusta Ada King-Noel, Countess of Lovelace", Operator: true}
	sampleScopes = []ScopeWords{
		{Name: "profile", Title: "See your profile", Description: "Your name, username and picture."},
		{Name: "agents:read", Title: "List your agents", Description: "Which agents exist and what they are doing."},
		{Name: "tools:execute", Title: "Run tools"},
		{Name: "reports:export"},
	}
	sampleDropped = []DroppedScope{
		{ScopeWords: ScopeWords{Name: "billing", Title: "See invoices"}, Reason: authz.DroppedUser},
		{ScopeWords: ScopeWords{Name: "keys:rotate"}, Reason: authz.DroppedACR, Detail: "phr"},
	}
	sampleClient = Client{
		Name: "Northwind Reports", Policy: "https://northwind.example/privacy", Terms: "https://northwind.example/terms",
	}
)

// samples has at least one page of each struct, with the variants that a
// person meets.
func samples() map[string]Page {
	signIn := SignIn{Layout: sampleLayout, Flow: "sealed", Client: "Northwind Reports", Username: "ada"}
	signIn.Brand = &Brand{Name: "Acme"}
	refused, throttled, busy, expired, again := signIn, signIn, signIn, signIn, signIn
	refused.Problem = SignInRefused
	throttled.Problem, throttled.RetryAfter = SignInThrottled, 29500*time.Millisecond
	busy.Problem, busy.RetryAfter = SignInBusy, time.Second
	expired.Problem = SignInExpired
	again.Reauthenticate = true

	verified := sampleClient
	verified.Verified = true
	consent := Consent{
		Layout: sampleLayout, Flow: "sealed", Client: verified, RedirectHost: "app.northwind.example", Tenant: "Acme",
		Name: "Ada Lovelace", Username: "ada", Scopes: sampleScopes, Dropped: sampleDropped,
	}
	impostor := consent
	impostor.Client = Client{Name: "Pocket Reader"}
	impostor.Impersonable, impostor.RedirectHost, impostor.Name = true, "127.0.0.1", ""
	agent := impostor
	agent.Site, agent.OnDevice = "agent.example", true
	agentOfASite := agent
	agentOfASite.OnDevice, agentOfASite.RedirectHost = false, "agent.example"

	demo := Demo{
		Layout: Layout{Host: "localhost:8080", CSRF: "demo-csrf"},
		Person: &DemoPerson{Name: "Ada Lovelace", Username: "ada", Email: "ada@example.com"}, Granted: sampleScopes, Dropped: []ScopeWords{{Name: "billing", Title: "See invoices"}},
		Tokens: []DemoToken{
			{Kind: "id", Header: "{\n  \"alg\": \"ES256\"\n}", Claims: "{\n  \"iss\": \"http://localhost:8080\",\n  \"sub\": \"0195\"\n}"},
			{Kind: "access", Header: "{\n  \"typ\": \"at+jwt\"\n}", Claims: "{\n  \"scope\": \"openid agents:read\"\n}"},
		},
		Answer: &DemoAnswer{
			Call: "too-few", Method: "GET", Path: "/api/billing", Status: 403, StatusText: "Forbidden",
			Challenge: `Bearer error="insufficient_scope", scope="billing"`, Body: `{"error": "insufficient_scope"}`,
		},
	}
	demoOut := Demo{
		Layout:   demo.Layout,
		Accounts: []DemoAccount{{"ada", "correct horse battery", "owner"}, {"grace", "", "viewer"}},
	}
	demoGone, demoKept, demoDenied := demoOut, demoOut, demoOut
	demoGone.Refused = &DemoAnswer{
		Call: "alive", Method: "GET", Path: "/api/agents", Status: 401, StatusText: "Unauthorized",
		Challenge: `Bearer error="invalid_token"`, Body: `{"error": "invalid_token"}`,
	}
	demoKept.Refused = &DemoAnswer{Call: "alive", Method: "GET", Path: "/api/me", Status: 200, StatusText: "OK", Body: `{}`}
	demoDenied.Failure = &DemoFailure{Problem: DemoDenied, Code: "access_denied", Description: "The resource owner denied the request."}

	question := PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "state-value"}
	signInPasskey, signInPasskeyRefused := signIn, signIn
	signInPasskey.Passkey, signInPasskeyRefused.Passkey, signInPasskeyRefused.Problem = &question, &question, SignInPasskey
	verify := Verify{Layout: sampleLayout, Flow: "sealed", Client: "Northwind Reports", Name: "Ada Lovelace", Passkey: &question, TOTP: true, Recovery: true, Skippable: true}
	verifyAccount := Verify{Layout: sampleLayout, Flow: "account:passkeys", OfAccount: true, Name: "Ada Lovelace", TOTP: true}
	verifyRefused := Verify{Layout: sampleLayout, First: "first", Name: "ada", TOTP: true, Problem: VerifyThrottled, RetryAfter: time.Minute}
	passkeys := Passkeys{
		Layout: sampleDesk, Notice: PasskeyAdded, Add: &question,
		Passkeys: []AccountPasskey{
			{ID: authz.PasskeyID{15: 1}, Name: "My phone", Model: "Google Password Manager", Icon: "vault", Synced: true, CreatedAt: noon, LastUsedAt: noon},
			{ID: authz.PasskeyID{15: 2}, Name: "Desk key", Model: "YubiKey 5", Icon: "key", Suspect: true, CreatedAt: noon},
			{ID: authz.PasskeyID{15: 3}, Name: "Laptop", Model: "Windows Hello", Icon: "computer", CreatedAt: noon},
		},
	}
	passkeysAgain := passkeys
	passkeysAgain.Add, passkeysAgain.Notice, passkeysAgain.Again = nil, LastWayIn, "/login?flow=account%3Apasskeys"
	authenticatorApp := AuthenticatorApp{Layout: sampleDesk, Enrol: &Enrolment{Secret: "ABCD EFGH", Path: "M4 4h1v1h-1z", Size: 41, State: "state-value"}}

	return map[string]Page{
		"sign in passkey":         signInPasskey,
		"sign in passkey refused": signInPasskeyRefused,
		"offer passkey":           OfferPasskey{Layout: sampleLayout, Flow: "sealed", Passkey: question, Silent: question},
		"verify":                  verify,
		"verify throttled":        verifyRefused,
		"verify account":          verifyAccount,
		"passkeys":                passkeys,
		"passkeys again":          passkeysAgain,
		"passkeys none":           Passkeys{Layout: sampleDesk, Add: &question},
		"app":                     authenticatorApp,
		"app set up":              AuthenticatorApp{Layout: sampleDesk, Notice: AppSetUp, SetUpAt: noon, LastUsedAt: noon},
		"recovery codes":          RecoveryCodes{Layout: sampleDesk, Codes: []string{"0123-4567-89ab-cdef", "ghjk-mnpq-rstv-wxyz"}},
		"recovery codes left":     RecoveryCodes{Layout: sampleDesk, Left: 7, MadeAt: noon, Useful: true},
		"recovery codes none":     RecoveryCodes{Layout: sampleDesk},
		"sign in":                 signIn,
		"sign in plain":           SignIn{Layout: sampleLayout},
		"sign in refused":         refused,
		"sign in throttle":        throttled,
		"sign in busy":            busy,
		"sign in expired":         expired,
		"sign in again":           again,
		"choose tenant": ChooseTenant{
			Layout: Layout{Host: "id.example.com", CSRF: "csrf-token-value", SignedInAs: "ada"}, Flow: "sealed", Client: "Northwind Reports",
			Tenants: []Tenant{{ID: tenantID(1), Name: "Acme", Default: true}, {ID: tenantID(2), Name: "Umbrella Research"}, {ID: tenantID(3), Name: "شركة المثال"}},
		},
		"consent":          consent,
		"consent impostor": impostor, "consent agent": agent, "consent agent of a site": agentOfASite,
		"consent details": Consent{
			Layout: sampleLayout, Flow: "sealed", Client: sampleClient, RedirectHost: "app.northwind.example", Name: "Ada Lovelace", Username: "ada",
			Details: []Detail{{Title: "Pay", Resource: "Bank", Members: []Field{{"amount", "12"}, {"to", "<b>Bob</b>"}}}},
		},
		"confirm sign out": ConfirmSignOut{Layout: sampleDesk, Flow: "sealed", Client: "Northwind Reports"},
		"signed out":       SignedOut{Layout: sampleLayout},
		"signed out, told": SignedOut{
			Layout: sampleLayout, Frames: []string{"https://app.northwind.example/out?iss=https%3A%2F%2Fid.example.com&sid=1"},
			Back: "https://app.northwind.example/bye", Client: "Northwind Reports",
		},
		"form post": FormPost{
			Layout: Layout{Host: "id.example.com", CSRF: "csrf-token-value"}, Client: "Northwind Reports", Action: "https://app.northwind.example/cb?a=1&b=2",
			Fields: []Field{{"code", "gth_ac_abc"}, {"state", "xyz"}, {"iss", "https://id.example.com"}},
		},
		"device":         Device{Layout: sampleLayout},
		"device refused": Device{Layout: sampleLayout, UserCode: "WDJB-MJHT", Problem: DeviceCodeUnknown},
		"device throttle": Device{
			Layout: sampleLayout, UserCode: "WDJB-MJHT", Problem: DeviceThrottled, RetryAfter: time.Minute,
		},
		"device confirm": DeviceConfirm{
			Layout: sampleLayout, UserCode: "WDJB-MJHT", Client: sampleClient, Address: "203.0.113.7", RequestedAt: noon,
			Tenant: "Acme", Name: "Ada Lovelace", Username: "ada", Scopes: sampleScopes, Dropped: sampleDropped,
		},
		"requests": Requests{
			Layout: sampleDesk, Name: "Ada Lovelace", Username: "ada", Answered: "Northwind Reports", Approved: true,
			Waiting: []Request{
				{CSRF: "csrf-token-value", Flow: "sealed", Client: sampleClient, Message: "W4SCT", Address: "203.0.113.7", RequestedAt: noon, Tenant: "Acme", Scopes: sampleScopes, Dropped: sampleDropped},
				{CSRF: "csrf-token-value", Flow: "sealed too", RequestedAt: noon},
			},
		},
		"requests gone": Requests{Layout: sampleDesk, Problem: true},
		"device done":   DeviceDone{Layout: sampleLayout, Client: "Living Room TV", Approved: true},
		"device denied": DeviceDone{Layout: sampleLayout, Client: "Living Room TV"},
		"error": Error{
			Layout: sampleLayout, Status: 400, Problem: ProblemRedirectURI, Code: "invalid_request",
			Description: "The redirect_uri is not registered for this client.", RequestID: "0195-7c1e",
		},
		"error missing": Error{Layout: sampleLayout, Status: 404, RequestID: "0195-7c1e"},
		"home":          Home{Layout: Layout{Host: "id.example.com"}, Discovery: "https://id.example.com/.well-known/openid-configuration"},
		"home inside":   Home{Layout: sampleDesk, Discovery: "https://id.example.com/.well-known/openid-configuration"},
		"account": Account{
			Layout: sampleDesk, Notice: SessionRevoked, Username: "ada", DisplayName: "Ada Lovelace", Email: "ada@example.com",
			Role: authz.RoleOwner, Place: AccountPlace{Tenant: "Acme", Project: "Website"}, SeveralPlaces: true,
			Ways: AccountWays{Password: true, Passkeys: 2, RecoveryCodes: 7},
			Sessions: []AccountSession{
				{ID: authz.SessionID{15: 1}, Browser: "Firefox", System: "Linux", Address: "203.0.113.7", SignedInAt: noon, LastSeenAt: noon, Current: true},
				{ID: authz.SessionID{15: 2}, Browser: "Safari", System: "iPhone", Address: "2001:db8::17", SignedInAt: noon, LastSeenAt: noon},
				{ID: authz.SessionID{15: 3}, SignedInAt: noon},
			},
			Applications: []AccountApplication{
				{Client: "northwind", Name: "Northwind Reports", Tenant: tenantID(1), TenantName: "Acme", Scopes: sampleScopes, Since: noon},
				{Client: "tv", Since: noon},
			},
		},
		"reference": Reference{Layout: sampleDesk, Document: "/api/v1/openapi.json", Nouns: []ReferenceNoun{{Name: "users", Operations: []ReferenceOperation{{
			ID: "getUser", Method: "GET", Path: "/api/v1/users/{user}", Summary: "Show a user", Scopes: []string{"admin", "users:manage"},
			Values: []ReferenceValue{{Name: "user", Place: "path", Type: "string", Words: "The id, the user name or the e-mail address", Required: true}},
		}}}}},
		"profile":               Profile{Layout: sampleDesk, Name: "Ada Lovelace", Username: "ada", Chosen: "de"},
		"profile picture unfit": Profile{Layout: sampleDesk, Username: "ada", Avatar: "/files/a/b", Problem: ProfilePictureUnfit},
		"profile unfit":         Profile{Layout: sampleDesk, Username: "ada", Problem: ProfileNameUnfit},
		"profile of a caller":   Profile{Layout: sampleDesk, Username: "ada", Phone: "+44201234567", PhoneVerified: true, Address: Address{Street: "12 St James's Square", Locality: "London"}},
		"profile phone unfit":   Profile{Layout: sampleDesk, Username: "ada", Phone: "020 1234", Problem: ProfilePhoneUnfit},
		"profile address unfit": Profile{Layout: sampleDesk, Username: "ada", Address: Address{Region: "x"}, Problem: ProfileAddressUnfit},
		"password":              ChangePassword{Layout: sampleDesk, Username: "ada", Least: 10},
		"password short":        ChangePassword{Layout: sampleDesk, Username: "ada", Least: 10, Problem: PasswordShort},
		"email":                 ChangeEmail{Layout: sampleDesk, Now: "ada@example.com", Verified: true},
		"email unfit":           ChangeEmail{Layout: sampleDesk, Now: "ada@example.com", New: "ada", Problem: EmailUnfit},
		"email changed lately":  ChangeEmail{Layout: sampleDesk, Now: "ada@example.com", New: "ada@example.net", Problem: EmailChangedLately},
		"email without mail":    ChangeEmail{Layout: sampleDesk, Now: "ada@example.com", NoMail: true},
		"email again":           ChangeEmail{Layout: sampleDesk, Now: "ada@example.com", Again: "/login?flow=account%3Aemail"},
		"password again":        ChangePassword{Layout: sampleDesk, Username: "ada", Again: "/login?flow=account%3Apassword"},
		"tenants": AccountTenants{Layout: sampleDesk, Places: []AccountPlace{
			{TenantID: tenantID(1), Tenant: "Acme", Default: true}, {TenantID: tenantID(1), Tenant: "Acme", ProjectID: authz.ProjectID{15: 1}, Project: "Website", Current: true},
			{TenantID: tenantID(2), Tenant: "Umbrella Research"},
		}},
		"data":             AccountData{Layout: sampleDesk, Username: "ada"},
		"data last owner":  AccountData{Layout: sampleDesk, Username: "ada", Problem: DeleteLastOwner},
		"forgot":           Forgot{Layout: sampleLayout, Flow: "sealed", Username: "ada"},
		"forgot sent":      Forgot{Layout: sampleLayout, Flow: "sealed", Sent: true},
		"forgot throttled": Forgot{Layout: sampleLayout, Throttled: true, RetryAfter: time.Minute},
		"register":         Register{Layout: sampleLayout, Flow: "sealed", Client: "Northwind Reports", Tenant: "Acme", Email: "ada@example.com"},
		"register domain":  Register{Layout: sampleLayout, TenantSlug: "acme", Tenant: "Acme", Email: "ada@example.net", Problem: RegisterDomain},
		"register sent":    Register{Layout: sampleLayout, Flow: "sealed", Tenant: "Acme", Sent: true},
		"link registers":   Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "registration", Email: "ada@example.com", Tenant: "Acme", MinPassword: 10, Problem: LinkFull},
		"link reset":       Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "reset_password", Name: "Ada Lovelace", Username: "ada", Email: "ada@example.com", MinPassword: 10},
		"link weak": Link{
			Layout: sampleLayout, Token: "gth_ol_x", Purpose: "set_up", Username: "ada", MinPassword: 10, Problem: LinkWeak, Weak: WeakPassword{PasswordShort, 10},
		},
		"link sign in":    Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "sign_in", Name: "Ada Lovelace", Username: "ada"},
		"link verify":     Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "verify_email", Username: "ada", Email: "ada@example.com"},
		"link change":     Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "change_email", Username: "ada", Email: "ada@example.com", Problem: LinkTaken},
		"link undo":       Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "undo_email", Username: "ada", Email: "ada@example.com"},
		"link invitation": Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "invitation", Email: "ada@example.com", Tenant: "Acme", MinPassword: 10},
		"link set up": Link{
			Layout: sampleLayout, Token: "gth_ol_x", Purpose: "set_up", Name: "Ada Lovelace", Username: "ada", MinPassword: 10,
			Passkey: &PasskeyQuestion{Options: "{}", State: "sealed"}, Problem: LinkPasskeyModel,
		},
		"link begin": Link{
			Layout: sampleLayout, Token: "gth_ol_x", Purpose: "invitation", Email: "ada@example.com", Tenant: "Acme", MinPassword: 10,
			Passkey: &PasskeyQuestion{Options: "{}", State: "sealed"},
		},
		"link join":        Link{Layout: sampleDesk, Token: "gth_ol_x", Purpose: "invitation", Email: "ada@example.com", Tenant: "Acme", Known: true, SignedIn: true},
		"link join later":  Link{Layout: sampleLayout, Token: "gth_ol_x", Purpose: "invitation", Email: "ada@example.com", Tenant: "Acme", Known: true},
		"link done":        LinkDone{Layout: sampleLayout, Purpose: "reset_password"},
		"link done undone": LinkDone{Layout: sampleLayout, Purpose: "undo_email", Email: "ada@example.com"},
		"mailbox": Mailbox{Layout: sampleLayout, Letters: []MailboxLetter{
			{To: "ada@example.com", Subject: "Choose a new password", Date: "Sat, 14 Mar 2026 12:05:00 +0000", Text: "Hello Ada,\n…", Link: "https://id.example.com/link?token=gth_ol_x"},
			{To: "ada@example.com", Subject: "Your password was changed"},
		}},
		"console": Console{
			Layout: sampleDesk, Counts: Counts{Users: 1284, Tenants: 12, Clients: 9, Sessions: 342},
			SignIns: []ConsoleSignIn{
				{At: noon, LastSeenAt: noon, Username: "ada", Tenant: "Acme", Address: "203.0.113.7"},
				{At: noon, Username: "root", Address: "198.51.100.23"},
			},
			Clients: []ConsoleClient{
				{ID: "northwind", Name: "Northwind Reports", Kind: "web", CreatedAt: noon},
				{ID: "0195-old", Name: "Old importer", Kind: "service", CreatedAt: noon, Disabled: true},
			},
			Keys: []ConsoleKey{
				{ID: "k3", Algorithm: "ES256", State: KeyNext, CreatedAt: noon},
				{ID: "k2", Algorithm: "ES256", State: KeyCurrent, CreatedAt: noon},
				{ID: "k1", Algorithm: "RS256", State: KeyRetired, CreatedAt: noon, EndsAt: noon},
			},
		},
		"demo":        demo,
		"demo out":    demoOut,
		"demo gone":   demoGone,
		"demo kept":   demoKept,
		"demo denied": demoDenied,
	}
}
