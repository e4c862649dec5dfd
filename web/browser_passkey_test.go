package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// plugIn gives a tab an authenticator: one that is built in and verifies its user.
func (b *tab) plugIn() webauthn.AuthenticatorID {
	b.t.Helper()
	command(b, webauthn.Enable, webauthn.EnableParams{})
	added, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		b.fail(err)
	}
	return added.AuthenticatorID
}

// touch says whether the user touches the authenticator when it asks.
func (b *tab) touch(id webauthn.AuthenticatorID, yes bool) {
	b.t.Helper()
	command(b, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: id, Enabled: yes})
}

// arrives waits until the tab is at a path.
func (b *tab) arrives(path string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		switch at := b.location(); {
		case at.Path == path:
			return
		case time.Now().After(deadline):
			b.fail(errNever(path + ", but " + at.String()))
		}
	}
}

type errNever string

func (e errNever) Error() string { return "never came to " + string(e) }

func passkeyWalk(t *testing.T) (*walk, *tab, func()) {
	t.Helper()
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.User("ann")
	b := newTab(t, startChromium(t))
	w := newWalk(t, h, b)
	return w, b, func() { b.isQuiet(parse(t, h.URL).Host, parse(t, w.app.URL).Host) }
}

func TestBrowser_Passkey(t *testing.T) {
	w, b, quiet := passkeyWalk(t)
	key := b.plugIn()
	b.touch(key, false)

	// Sign in by password; what could make a passkey is asked whether it should, once.
	b.open(w.URL + "/login")
	w.signIn()
	b.see("#create-passkey")
	b.inspect("offer-passkey")
	b.click("#not-now")
	b.arrives("/account")
	b.open(w.URL + "/account/passkeys")
	b.touch(key, true)
	b.fill("#passkey-name", "My laptop")
	b.inspect("passkeys-none")
	b.click("#add-passkey")
	b.see(".note.good")
	if list := b.text(".rows"); !strings.Contains(list, "My laptop") {
		t.Fatalf("the passkeys are %q", list)
	}
	b.inspect("passkeys")

	// Sign out, and in again from the autofill of the username field.
	b.click("#sign-out")
	b.arrives("/logout")
	b.open(w.URL + "/login")
	b.arrives("/account")
	if acr, amr := sessionOf(w, "ann"); acr != "phr" || amr != "{hwk,user,mfa}" {
		t.Errorf("the session is %s, %s", acr, amr)
	}

	// Without autofill there is a button; before it is pressed nothing happens.
	b.click("#sign-out")
	b.arrives("/logout")
	b.touch(key, false)
	b.open(w.URL + "/login")
	b.see("#use-passkey")
	b.inspect("sign-in-passkey")
	b.fill("#username", "ann")
	b.fill("#password", webtest.Password)
	b.click("#sign-in")
	b.arrives("/account") // no offer: there is a passkey already

	// A scope that needs more asks for just that step, with the passkey at hand.
	w.World.Exec(`update platform.scopes set needs_acr = 'phr' where name = 'agents:read'`)
	eventuallyAsks(w, b)
	b.inspect("verify")
	b.touch(key, true)
	b.click("#use-passkey")
	b.see("#accept")
	if acr, amr := sessionOf(w, "ann"); acr != "phr" || amr != "{pwd,hwk,user,mfa}" {
		t.Errorf("after the step the session is %s, %s", acr, amr)
	}
	b.click("#accept")
	w.landed()

	// Removing it takes a sign-in that is not older than five minutes.
	w.Advance(6 * time.Minute)
	b.open(w.URL + "/account/passkeys")
	b.touch(key, false)
	b.click("#prove-again")
	b.see("#use-passkey")
	b.touch(key, true)
	b.click("#use-passkey")
	b.see(".remove-passkey")
	b.click(".remove-passkey")
	b.see(".note.good")
	if list := b.text(".rows"); !strings.Contains(list, "No passkeys yet") {
		t.Errorf("the passkeys are %q", list)
	}
	quiet()
}

// eventuallyAsks opens the application's request until every replica knows that a
// scope needs more.
func eventuallyAsks(w *walk, b *tab) {
	b.t.Helper()
	for range 50 {
		b.open(w.request(url.Values{"scope": {"openid agents:read"}}))
		if b.location().Path == "/login/verify" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.fail(errNever("the step-up"))
}

// sessionOf is how strongly and by what means somebody signed in last.
func sessionOf(w *walk, username string) (acr, amr string) {
	w.T.Helper()
	w.World.Get(`select s.acr, s.amr::text from platform.user_sessions s join platform.users u on u.id = s.user_id
		where u.username = $1 and s.revoked_at is null order by s.created_at desc limit 1`, []any{username}, &acr, &amr)
	return acr, amr
}

func TestBrowser_AuthenticatorAppAndRecoveryCode(t *testing.T) {
	w, b, quiet := passkeyWalk(t)
	b.open(w.URL + "/login")
	w.signIn()
	b.arrives("/account")
	b.open(w.URL + "/account/authenticator-app")
	b.inspect("authenticator-app")
	secret := strings.ReplaceAll(b.text("#secret"), " ", "")
	code := func() string {
		code, err := totp.GenerateCode(secret, w.Now())
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	b.fill("#code", code())
	b.click("#set-up-app")
	b.see(".note.good")
	b.open(w.URL + "/account/recovery-codes")
	// The session was begun by password alone, and there is more now.
	b.click("#prove-again")
	w.Advance(time.Minute)
	b.fill("#code", code())
	b.click("#verify")
	b.see("#make-codes")
	b.click("#make-codes")
	b.see("#codes")
	b.inspect("recovery-codes")
	codes := strings.Fields(b.text("#codes"))
	if len(codes) != 10 {
		t.Fatalf("the codes are %q", codes)
	}

	for i, prove := range []func(){
		func() { w.Advance(time.Minute); b.fill("#code", code()); b.click("#verify") },
		func() { b.click("summary"); b.fill("#recovery-code", codes[3]); b.click("#use-recovery-code") },
	} {
		b.click("#sign-out")
		b.arrives("/logout")
		b.open(w.request(nil))
		w.signIn()
		b.see("#verify")
		b.inspect("verify-code")
		prove()
		if i == 0 {
			b.click("#accept")
		}
		w.landed()
		if acr, amr := sessionOf(w, "ann"); acr != "aal2" || amr != []string{"{pwd,otp,mfa}", "{pwd,mfa}"}[i] {
			t.Errorf("the session is %s, %s", acr, amr)
		}
		b.open(w.URL + "/account")
	}
	quiet()
}

// Who is set up or invited begins with a passkey; without scripts, with a password.
func TestBrowser_FirstPasskey(t *testing.T) {
	w, b, quiet := passkeyWalk(t)
	setUp, invited, plain := setUpLink(t, w.House, "eve"), invitation(t, w.House, "new@example.com"), setUpLink(t, w.House, "paul")
	key := b.plugIn()
	b.open(setUp)
	b.see("#create-passkey")
	b.inspect("link-set-up-passkey")
	b.click("#create-passkey")
	b.see("#done")
	b.inspect("link-set-up-done")
	b.click(`a[href="/login"]`)
	b.arrives("/account") // from the autofill
	if acr, amr := sessionOf(w, "eve"); acr != "phr" || amr != "{hwk,user,mfa}" {
		t.Errorf("the session is %s, %s", acr, amr)
	}
	b.click("#sign-out")
	b.arrives("/logout")

	b.touch(key, false)
	b.open(invited)
	b.see("#create-passkey")
	b.inspect("link-invitation-passkey")
	b.touch(key, true)
	b.click("#create-passkey") // no name yet: nothing is made
	if at := b.focused(); at != "username" {
		t.Errorf("without a name the keyboard is at %s", at)
	}
	b.fill("#username", "newcomer")
	b.fill("#display-name", "New Comer")
	b.click("#create-passkey")
	b.see("#done")
	if made := w.World.Text(`select u.username, u.display_name from platform.users u join platform.webauthn_credentials c on c.user_id = u.id
		where u.email = 'new@example.com'`); !strings.Contains(made, "newcomer") || !strings.Contains(made, "New Comer") {
		t.Errorf("made is %q", made)
	}

	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(plain)
	b.fill("#password", anotherPassword)
	b.click("#spend")
	b.see("#done")
	b.open(w.URL + "/login")
	b.fill("#username", "paul")
	b.fill("#password", anotherPassword)
	b.click("#sign-in")
	b.arrives("/account")
	quiet()
}

// After a sign-in by password a passkey is made without asking, where the browser can. A virtual authenticator has
// no password manager that would agree to that, so the page is told that there is one, and its question is put to
// the authenticator as an ordinary one: the page's script and the server are real, the browser's consent is not.
func TestBrowser_PasskeyWithoutAsking(t *testing.T) {
	w, b, quiet := passkeyWalk(t)
	b.plugIn()
	command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		PublicKeyCredential.getClientCapabilities = async () => ({conditionalCreate: true, conditionalGet: false});
		const create = navigator.credentials.create.bind(navigator.credentials);
		navigator.credentials.create = ({mediation, ...request}) => mediation === "conditional" ? create(request) : new Promise(() => {});
	`})
	b.open(w.request(nil))
	w.signIn()
	b.see("#accept") // nothing was asked on the way
	b.click("#accept")
	w.landed()
	if made := w.World.Text(`select u.username from platform.webauthn_credentials c join platform.users u on u.id = c.user_id`); !strings.Contains(made, "ann") {
		t.Errorf("the passkeys are %q", made)
	}
	quiet()
}
