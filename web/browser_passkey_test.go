package web_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/pquerna/otp/totp"

	"github.com/gatehouse/gatehouse/web/webtest"
	"github.com/gatehouse/gatehouse/web/webtest/chrome"
)

func passkeyWalk(t *testing.T) (*walk, *chrome.Tab, func()) {
	t.Helper()
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.User("ann")
	b := chrome.Start(t).Tab(t)
	w := newWalk(t, h, b)
	return w, b, func() { b.IsQuiet(parse(t, h.URL).Host, parse(t, w.app.URL).Host) }
}

func TestBrowser_Passkey(t *testing.T) {
	w, b, quiet := passkeyWalk(t)
	key := b.PlugIn()
	b.Touch(key, false)

	// Sign in by password; what could make a passkey is asked whether it should, once.
	b.Open(w.URL + "/login")
	w.signIn()
	b.See("#create-passkey")
	b.Inspect("offer-passkey")
	b.Click("#not-now")
	b.Arrives("/account")
	b.Open(w.URL + "/account/passkeys")
	b.Touch(key, true)
	b.Fill("#passkey-name", "My laptop")
	b.Inspect("passkeys-none")
	b.Click("#add-passkey")
	b.See(".note.good")
	if list := b.Text(".rows"); !strings.Contains(list, "My laptop") {
		t.Fatalf("the passkeys are %q", list)
	}
	b.Inspect("passkeys")

	// Sign out, and in again from the autofill of the username field.
	b.Click("#sign-out")
	b.Arrives("/logout")
	b.Open(w.URL + "/login")
	b.Arrives("/account")
	if acr, amr := sessionOf(w, "ann"); acr != "phr" || amr != "{hwk,user,mfa}" {
		t.Errorf("the session is %s, %s", acr, amr)
	}

	// Without autofill there is a button; before it is pressed nothing happens.
	b.Click("#sign-out")
	b.Arrives("/logout")
	b.Touch(key, false)
	b.Open(w.URL + "/login")
	b.See("#use-passkey")
	b.Inspect("sign-in-passkey")
	b.Fill("#username", "ann")
	b.Fill("#password", webtest.Password)
	b.Click("#sign-in")
	b.Arrives("/account") // no offer: there is a passkey already

	// A scope that needs more asks for just that step, with the passkey at hand.
	w.World.Exec(`update platform.scopes set needs_acr = 'phr' where name = 'agents:read'`)
	eventuallyAsks(w, b)
	b.Inspect("verify")
	b.Touch(key, true)
	b.Click("#use-passkey")
	b.See("#accept")
	if acr, amr := sessionOf(w, "ann"); acr != "phr" || amr != "{pwd,hwk,user,mfa}" {
		t.Errorf("after the step the session is %s, %s", acr, amr)
	}
	b.Click("#accept")
	w.landed()

	// Removing it takes a sign-in that is not older than five minutes.
	w.Advance(6 * time.Minute)
	b.Open(w.URL + "/account/passkeys")
	b.Touch(key, false)
	b.Click("#prove-again")
	b.See("#use-passkey")
	b.Touch(key, true)
	b.Click("#use-passkey")
	b.See(".remove-passkey")
	b.Click(".remove-passkey")
	b.See(".note.good")
	if list := b.Text(".rows"); !strings.Contains(list, "No passkeys yet") {
		t.Errorf("the passkeys are %q", list)
	}
	quiet()
}

// eventuallyAsks opens the application's request until every replica knows that a
// scope needs more.
func eventuallyAsks(w *walk, b *chrome.Tab) {
	b.T.Helper()
	for range 50 {
		b.Open(w.request(url.Values{"scope": {"openid agents:read"}}))
		if b.Location().Path == "/login/verify" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.Fail(errors.New("the step-up is never asked for"))
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
	b.Open(w.URL + "/login")
	w.signIn()
	b.Arrives("/account")
	b.Open(w.URL + "/account/authenticator-app")
	b.Inspect("authenticator-app")
	secret := strings.ReplaceAll(b.Text("#secret"), " ", "")
	code := func() string {
		code, err := totp.GenerateCode(secret, w.Now())
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	b.Fill("#code", code())
	b.Click("#set-up-app")
	b.See(".note.good")
	b.Open(w.URL + "/account/recovery-codes")
	// The session was begun by password alone, and there is more now.
	b.Click("#prove-again")
	w.Advance(time.Minute)
	b.Fill("#code", code())
	b.Click("#verify")
	b.See("#make-codes")
	b.Click("#make-codes")
	b.See("#codes")
	b.Inspect("recovery-codes")
	codes := strings.Fields(b.Text("#codes"))
	if len(codes) != 10 {
		t.Fatalf("the codes are %q", codes)
	}

	for i, prove := range []func(){
		func() { w.Advance(time.Minute); b.Fill("#code", code()); b.Click("#verify") },
		func() { b.Click("summary"); b.Fill("#recovery-code", codes[3]); b.Click("#use-recovery-code") },
	} {
		b.Click("#sign-out")
		b.Arrives("/logout")
		b.Open(w.request(nil))
		w.signIn()
		b.See("#verify")
		b.Inspect("verify-code")
		prove()
		if i == 0 {
			b.Click("#accept")
		}
		w.landed()
		if acr, amr := sessionOf(w, "ann"); acr != "aal2" || amr != []string{"{pwd,otp,mfa}", "{pwd,mfa}"}[i] {
			t.Errorf("the session is %s, %s", acr, amr)
		}
		b.Open(w.URL + "/account")
	}
	quiet()
}

// Who is set up or invited begins with a passkey; without scripts, with a password.
func TestBrowser_FirstPasskey(t *testing.T) {
	w, b, quiet := passkeyWalk(t)
	setUp, invited, plain := setUpLink(t, w.House, "eve"), invitation(t, w.House, "new@example.com"), setUpLink(t, w.House, "paul")
	key := b.PlugIn()
	b.Open(setUp)
	b.See("#create-passkey")
	b.Inspect("link-set-up-passkey")
	b.Click("#create-passkey")
	b.See("#done")
	b.Inspect("link-set-up-done")
	b.Click(`a[href="/login"]`)
	b.Arrives("/account") // from the autofill
	if acr, amr := sessionOf(w, "eve"); acr != "phr" || amr != "{hwk,user,mfa}" {
		t.Errorf("the session is %s, %s", acr, amr)
	}
	b.Click("#sign-out")
	b.Arrives("/logout")

	b.Touch(key, false)
	b.Open(invited)
	b.See("#create-passkey")
	b.Inspect("link-invitation-passkey")
	b.Touch(key, true)
	b.Click("#create-passkey") // no name yet: nothing is made
	if at := b.Focused(); at != "username" {
		t.Errorf("without a name the keyboard is at %s", at)
	}
	b.Fill("#username", "newcomer")
	b.Fill("#display-name", "New Comer")
	b.Click("#create-passkey")
	b.See("#done")
	if made := w.World.Text(`select u.username, u.display_name from platform.users u join platform.webauthn_credentials c on c.user_id = u.id
		where u.email = 'new@example.com'`); !strings.Contains(made, "newcomer") || !strings.Contains(made, "New Comer") {
		t.Errorf("made is %q", made)
	}

	b.Scripts(false)
	b.Open(plain)
	b.Fill("#password", anotherPassword)
	b.Click("#spend")
	b.See("#done")
	b.Open(w.URL + "/login")
	b.Fill("#username", "paul")
	b.Fill("#password", anotherPassword)
	b.Click("#sign-in")
	b.Arrives("/account")
	quiet()
}

// After a sign-in by password a passkey is made without asking, where the browser can. A virtual authenticator has
// no password manager that would agree to that, so the page is told that there is one, and its question is put to
// the authenticator as an ordinary one: the page's script and the server are real, the browser's consent is not.
func TestBrowser_PasskeyWithoutAsking(t *testing.T) {
	w, b, quiet := passkeyWalk(t)
	b.PlugIn()
	chrome.Command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		PublicKeyCredential.getClientCapabilities = async () => ({conditionalCreate: true, conditionalGet: false});
		const create = navigator.credentials.create.bind(navigator.credentials);
		navigator.credentials.create = ({mediation, ...request}) => mediation === "conditional" ? create(request) : new Promise(() => {});
	`})
	b.Open(w.request(nil))
	w.signIn()
	b.See("#accept") // nothing was asked on the way
	b.Click("#accept")
	w.landed()
	if made := w.World.Text(`select u.username from platform.webauthn_credentials c join platform.users u on u.id = c.user_id`); !strings.Contains(made, "ann") {
		t.Errorf("the passkeys are %q", made)
	}
	quiet()
}
