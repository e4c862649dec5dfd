package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// device is an authenticator with one passkey for the house.
type device struct {
	home virtualwebauthn.RelyingParty
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

func newDevice(h *webtest.House) *device {
	return &device{
		virtualwebauthn.RelyingParty{ID: "localhost", Origin: h.URL},
		virtualwebauthn.NewAuthenticator(), newKey(),
	}
}

// answer is the form of a page as its script would send it.
func (d *device) answer(t *testing.T, p *webtest.Page, button string) webtest.Form {
	t.Helper()
	f := p.Form(t, button, nil)
	doc, err := html.Parse(strings.NewReader(string(p.Body)))
	if err != nil {
		t.Fatal(err)
	}
	var response string
	for n := range doc.Descendants() {
		if n.Data != "form" || attributeOf(n, "action") != f.Action || !slices.Contains(strings.Fields(attributeOf(n, "class")), "passkey") {
			continue
		}
		if options := attributeOf(n, "data-create"); options != "" {
			parsed, err := virtualwebauthn.ParseAttestationOptions(options)
			if err != nil {
				t.Fatal(err)
			}
			d.Options.UserHandle = []byte(parsed.UserID)
			response = virtualwebauthn.CreateAttestationResponse(d.home, d.Authenticator, d.key, *parsed)
		} else {
			parsed, err := virtualwebauthn.ParseAssertionOptions(attributeOf(n, "data-get"))
			if err != nil {
				t.Fatal(err)
			}
			response = virtualwebauthn.CreateAssertionResponse(d.home, d.Authenticator, d.key, *parsed)
		}
	}
	f.Values.Set("response", response)
	return f
}

func (d *device) press(b *webtest.Browser, p *webtest.Page, button string) *webtest.Page {
	b.T.Helper()
	f := d.answer(b.T.(*testing.T), p, button)
	return b.Post(f.Action, f.Values)
}

// withPasskey is ann, signed in by password, with a passkey on a device.
func withPasskey(t *testing.T) (*webtest.House, *webtest.Browser, *device) {
	t.Helper()
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.User("ann")
	h.Client("web")
	b, d := signedIn(h, "ann"), newDevice(h)
	if p := d.press(b, b.Get("/account/passkeys"), "add-passkey"); !strings.Contains(string(p.Body), "The passkey was added") {
		t.Fatalf("no passkey was added: %s", p.Body)
	}
	return h, b, d
}

func TestH1_PasskeySignInBeginsANewSession(t *testing.T) {
	t.Parallel()
	h, b, d := withPasskey(t)
	before := cookie(t, h, b, sessionCookie)
	thief := copyOf(t, h, b)
	p := d.press(b, b.Get("/login?flow=account%3Apasskeys"), "use-passkey")
	if after := cookie(t, h, b, sessionCookie); after == before || p.Request.URL.Path != "/account/passkeys" {
		t.Errorf("at %s, the cookie changed: %v", p.Request.URL, after != before)
	}
	if isSignedIn(thief) {
		t.Error("the former session is alive")
	}
	stranger := h.Browser()
	planted := cookie(t, h, stranger, sessionCookie)
	if p := d.press(stranger, stranger.Get("/login"), "use-passkey"); p.Request.URL.Path != "/account" || cookie(t, h, stranger, sessionCookie) == planted {
		t.Errorf("a sign-in by passkey ends at %s", p.Request.URL)
	}
}

// A step-up leaves the session its sid, and the former cookie is worth nothing.
func TestH1_H3_StepUpReplacesTheCookie(t *testing.T) {
	t.Parallel()
	h, b, d := withPasskey(t)
	before := cookie(t, h, b, sessionCookie)
	thief := copyOf(t, h, b)
	proof := webtest.NewProof()
	tokens := h.Exchange("web", b.Authorize(proof, "web", "ann", nil).Get("code"), proof)
	d.press(b, b.Get("/login/verify?flow=account%3Apasskeys"), "use-passkey")
	if after := cookie(t, h, b, sessionCookie); after == before || after == "" {
		t.Error("the cookie is the same after the step-up")
	}
	if isSignedIn(thief) || !isSignedIn(b) {
		t.Error("the former cookie is alive, or the new one is dead")
	}
	again := h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}})
	if again.Status != http.StatusOK {
		t.Errorf("a step-up ended the tokens of the session: %d %s", again.Status, again.Raw)
	}
	if b.Post("/logout", url.Values{"csrf": {csrfOf(t, b)}}); isSignedIn(b) {
		t.Error("still signed in after the sign-out")
	}
}

// Whose sign-in is too weak for the console, and who has a passkey, is asked for it and gets there.
func TestConsole_StepsUp(t *testing.T) {
	t.Parallel()
	h, b, d := withPasskey(t)
	h.World.Exec(`update platform.scopes set needs_acr = 'phr' where name = 'admin'`)
	if p := b.Get("/console"); p.StatusCode != http.StatusForbidden {
		t.Errorf("no administrator: at %s with %d", p.Request.URL, p.StatusCode)
	}
	h.World.Exec(`update platform.users set role = 'owner' where username = 'ann'`)
	p := b.Get("/console")
	if p.Request.URL.Path != "/login/verify" {
		t.Fatalf("an owner with a password: at %s with %d", p.Request.URL, p.StatusCode)
	}
	if p = d.press(b, p, "use-passkey"); p.Request.URL.Path != "/console" || p.StatusCode != http.StatusOK {
		t.Errorf("with the passkey: at %s with %d", p.Request.URL, p.StatusCode)
	}
}

func TestH9_FactorChangeInOneBrowserEndsTheOther(t *testing.T) {
	t.Parallel()
	h, b, d := withPasskey(t)
	other := signedIn(h, "ann")
	d.press(b, b.Get("/login/verify?flow=account%3Apasskeys"), "use-passkey")
	id := b.Get("/account/passkeys").Form(t, "add-passkey", nil) // the page is open for changes
	if id.Action != "/account/passkeys" {
		t.Fatal("the page is closed")
	}
	b.Post("/account/passkeys/remove", url.Values{"csrf": {csrfOf(t, b)}, "passkey_id": {passkeyID(h)}})
	if !isSignedIn(b) || isSignedIn(other) {
		t.Error("the other browser is signed in after the passkey was removed, or this one is not")
	}
}

func passkeyID(h *webtest.House) string {
	h.T.Helper()
	var id string
	h.World.Get(`select id::text from platform.webauthn_credentials limit 1`, nil, &id)
	return id
}

// Whoever calls the addresses directly is sent to prove who they are, and nothing
// has changed.
func TestJ9_ChangesNeedAFreshAndStrongSignIn(t *testing.T) {
	t.Parallel()
	h, b, d := withPasskey(t)
	state := func() string {
		return h.World.Text(`select id, name from platform.webauthn_credentials`) + h.World.Text(`select user_id from platform.totp_secrets`) +
			h.World.Text(`select code_hash from platform.recovery_codes`)
	}
	before := state()
	refused := func(b *webtest.Browser, what, leadsTo string) {
		t.Helper()
		for path, form := range map[string]url.Values{
			"/account/passkeys":                  {"state": {"x"}, "response": {"{}"}},
			"/account/passkeys/rename":           {"passkey_id": {passkeyID(h)}, "name": {"taken over"}},
			"/account/passkeys/remove":           {"passkey_id": {passkeyID(h)}},
			"/account/authenticator-app":         {"state": {"x"}, "code": {"000000"}},
			"/account/authenticator-app/remove":  {},
			"/account/recovery-codes":            {},
			"/login/passkey/new?decision=create": {"decision": {"create"}, "state": {"x"}, "response": {"{}"}},
		} {
			form.Set("csrf", csrfOf(t, b))
			p := b.PostRaw(path, form, nil)
			if location := p.Header.Get("Location"); !strings.HasPrefix(location, leadsTo) && !strings.HasPrefix(path, "/login/") {
				t.Errorf("%s, %s: %d to %q", what, path, p.StatusCode, location)
			}
			if state() != before {
				t.Fatalf("%s, %s changed something", what, path)
			}
		}
	}
	refused(b, "password alone", "/login/verify?")
	d.press(b, b.Get("/login?flow=account%3Apasskeys"), "use-passkey")
	h.Advance(5*time.Minute + time.Second)
	refused(b, "six minutes ago", "/login?")
	// Whatever opens a session without a method of the user's own.
	h.World.Exec(`update platform.user_sessions set amr = '{mail}', auth_time = $1`, h.Now())
	refused(b, "a link just now", "/login?")
	stranger := h.Browser()
	stranger.Get("/login")
	refused(stranger, "nobody", "/login")
	// With a fresh passkey the same call does it, and the owner is told.
	d.press(b, b.Get("/login?flow=account%3Apasskeys"), "use-passkey")
	b.Post("/account/passkeys/remove", url.Values{"csrf": {csrfOf(t, b)}, "passkey_id": {passkeyID(h)}})
	if state() == before {
		t.Error("a fresh passkey does not open the page either")
	}
	if jobs := h.World.Text(`select args from river.river_job where kind = 'mail'`); !strings.Contains(jobs, "authenticator_removed") || !strings.Contains(jobs, "authenticator_added") {
		t.Errorf("the owner was told %s", jobs)
	}
}

func TestH10_StepUpIsNoFreshSignIn(t *testing.T) {
	t.Parallel()
	h, b, d := withPasskey(t)
	h.Advance(10 * time.Minute)
	d.press(b, b.Get("/login/verify?flow=account%3Apasskeys"), "use-passkey")
	if p := b.Get("/account/passkeys"); !strings.Contains(string(p.Body), `id="prove-again"`) {
		t.Error("a step-up makes a sign-in of ten minutes ago fresh")
	}
	// Nor does it answer prompt=login.
	p := b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"login"}}))
	flow := p.Request.URL.Query().Get("flow")
	if p = b.Get("/login/verify?" + url.Values{"flow": {flow}}.Encode()); !strings.Contains(string(p.Body), `id="sign-in"`) {
		t.Errorf("prompt=login is answered by %s", p.Request.URL.Path)
	}
	if p = d.press(b, p, "use-passkey"); p.Left == nil && !strings.Contains(string(p.Body), `id="accept"`) {
		t.Errorf("a passkey does not answer prompt=login: %s", p.Body)
	}
}

func TestJ10_LastPasskeyStaysWhereThereIsNoPassword(t *testing.T) {
	t.Parallel()
	h, b, d := withPasskey(t)
	h.World.Exec(`update platform.users set password_hash = '!'`)
	d.press(b, b.Get("/login?flow=account%3Apasskeys"), "use-passkey")
	p := b.Post("/account/passkeys/remove", url.Values{"csrf": {csrfOf(t, b)}, "passkey_id": {passkeyID(h)}})
	if !strings.Contains(string(p.Body), "This is your only way to sign in") {
		t.Errorf("the last way in: %s", p.Body)
	}
}

// The question asked of a passkey is the same for everybody.
func TestI6_J11_PasskeyPageTellsNothing(t *testing.T) {
	t.Parallel()
	h, _, d := withPasskey(t)
	var answers []string
	for _, hint := range []string{"ann", "nobody"} {
		p := h.Browser().Get("/login")
		for _, secret := range []string{"allowCredentials", passkeyID(h), hint + "@"} {
			if strings.Contains(string(p.Body), secret) {
				t.Errorf("the sign-in page has %q in it", secret)
			}
		}
		// A passkey of nobody, and ann's that is signed by another key.
		b, forged := h.Browser(), newDevice(h)
		forged.Options.UserHandle = d.Options.UserHandle
		if hint == "ann" {
			forged.key.ID = d.key.ID
		}
		f := forged.answer(t, b.Get("/login"), "use-passkey")
		refused := b.PostRaw(f.Action, f.Values, nil)
		answers = append(answers, refused.Status+problemOf(t, refused))
	}
	if answers[0] != answers[1] {
		t.Errorf("known and unknown passkeys are refused differently: %q", answers)
	}
}

func problemOf(t *testing.T, p *webtest.Page) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(p.Body), `id="problem"`)
	text, _, _ := strings.Cut(rest, "</p>")
	return text
}

// withApp gives ann an authenticator app and returns what it shows.
func withApp(t *testing.T, h *webtest.House, b *webtest.Browser) (code func() string) {
	t.Helper()
	p := b.Get("/account/authenticator-app")
	_, rest, _ := strings.Cut(string(p.Body), `id="secret">`)
	secret, _, _ := strings.Cut(rest, "<")
	code = func() string {
		text, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), h.Now())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if p = b.Press(p, "set-up-app", url.Values{"code": {code()}}); !strings.Contains(string(p.Body), "is set up") {
		t.Fatalf("no app was set up: %s", p.Body)
	}
	h.Advance(time.Minute)
	return code
}

func TestSecondFactor_BeforeAnySession(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	code := withApp(t, h, signedIn(h, "ann"))
	b := h.Browser()
	p := b.SignIn(b.Get(webtest.NewProof().Authorization("web", nil)), "ann")
	if cookie(t, h, b, sessionCookie) != "" || p.Request.URL.Path != "/login/verify" {
		t.Fatalf("after the password: %s", p.Request.URL)
	}
	// Neither going around the step nor another browser gets past it.
	for _, path := range []string{"/account", "/oauth2/authorize?flow=" + p.Request.URL.Query().Get("flow"), "/login/tenant"} {
		if isIn := b.Get(path); !strings.Contains(string(isIn.Body), `id="sign-in"`) {
			t.Errorf("%s is open after the password alone", path)
		}
	}
	other := h.Browser()
	if stolen := other.Get(p.Request.URL.RequestURI()); !strings.Contains(string(stolen.Body), `id="sign-in"`) && stolen.StatusCode != http.StatusBadRequest {
		t.Errorf("the step in another browser: %d", stolen.StatusCode)
	}
	p = b.Press(p, "verify", url.Values{"code": {"000000"}})
	if p.StatusCode != http.StatusUnauthorized || !strings.Contains(string(p.Body), "did not match") {
		t.Errorf("a wrong code: %d", p.StatusCode)
	}
	used := code()
	p = b.Press(p, "verify", url.Values{"code": {used}})
	if !strings.Contains(string(p.Body), `id="accept"`) {
		t.Fatalf("after the code: %s", p.Body)
	}
	again := h.Browser()
	if p = again.Press(again.SignIn(again.Get("/login"), "ann"), "verify", url.Values{"code": {used}}); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("the same code in another browser: %d", p.StatusCode)
	}
}

// However a guess comes in, it is counted by one counter.
func TestI5_SecondFactorSharesTheLimit(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	withApp(t, h, signedIn(h, "ann"))
	b := h.Browser()
	p := b.SignIn(b.Get("/login"), "ann")
	step := p.Form(t, "verify", url.Values{"code": {"000000"}})
	judged := 0
	for _, door := range []func() int{
		func() int { return b.PostRaw(step.Action, step.Values, nil).StatusCode },
		func() int {
			wrong := h.Browser()
			return wrong.Press(wrong.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {"wrong"}}).StatusCode
		},
	} {
		for range 3 {
			if door() == http.StatusUnauthorized {
				judged++
			}
		}
	}
	if judged != 5 {
		t.Errorf("%d guesses through two doors were judged, of five", judged)
	}
	// And the right password is not judged either.
	if p := h.Browser(); p.SignIn(p.Get("/login"), "ann").StatusCode != http.StatusTooManyRequests {
		t.Error("the password is judged on")
	}
}

func TestWellKnownDocuments(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.AtLocalhost)
	b := h.Browser()
	for path, want := range map[string]string{
		"/.well-known/webauthn":          `{"origins":["` + h.URL + `"]}`,
		"/.well-known/passkey-endpoints": `{"enroll":"` + h.URL + `/account/passkeys","manage":"` + h.URL + `/account/passkeys"}`,
	} {
		p := get(b, h.URL+path, nil)
		if string(p.Body) != want || p.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s", path, p.Body)
		}
	}
	if p := b.Get("/.well-known/change-password"); !strings.Contains(string(p.Body), `id="sign-in"`) {
		t.Errorf("change-password: %s", p.Request.URL)
	}
}

// newKey is a key whose coordinates have all of their 32 bytes: of one in a hundred
// the software authenticator leaves a leading zero out, and a real one never does.
func newKey() virtualwebauthn.Credential {
	const whole = 77 // bytes of a COSE key on P-256
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == whole {
			return key
		}
	}
}
