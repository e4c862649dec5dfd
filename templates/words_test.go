package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// one is the element with the id, which scripts and other packages rely on.
func one(t *testing.T, page Page, id string) map[string]string {
	t.Helper()
	for _, n := range elements(document(t, page)) {
		if attr(n, "id") == id {
			got := map[string]string{"": n.Data}
			for _, a := range n.Attr {
				got[a.Key] = a.Val
			}
			return got
		}
	}
	t.Fatalf("no element with id %q", id)
	return nil
}

func TestFixedIDs(t *testing.T) {
	all := samples()
	for _, c := range []struct {
		page, id string
		want     map[string]string
	}{
		{"sign in", "username", map[string]string{"name": "username", "value": "ada", "autocomplete": "username webauthn", "autocapitalize": "none", "spellcheck": "false"}},
		{"sign in", "password", map[string]string{"name": "password", "type": "password", "autocomplete": "current-password"}},
		{"sign in", "remember", map[string]string{"name": "remember", "type": "checkbox", "value": "on"}},
		{"sign in", "sign-in", map[string]string{"": "button"}},
		{"sign in refused", "username", map[string]string{"aria-describedby": "problem"}},
		{"sign in refused", "problem", map[string]string{"role": "alert"}},
		{"sign in again", "username", map[string]string{"value": "ada", "readonly": ""}},
		{"sign in passkey", "use-passkey", map[string]string{"": "button"}},
		{"sign in passkey", "passkeys", map[string]string{"name": "passkeys", "type": "hidden"}},
		{"verify", "code", map[string]string{"name": "code", "autocomplete": "one-time-code", "inputmode": "numeric"}},
		{"verify", "recovery-code", map[string]string{"name": "code"}},
		{"verify", "use-passkey", map[string]string{"": "button"}},
		{"verify", "skip", map[string]string{"": "button"}},
		{"offer passkey", "not-now", map[string]string{"": "button"}},
		{"passkeys", "add-passkey", map[string]string{"": "button"}},
		{"app", "set-up-app", map[string]string{"": "button"}},
		{"recovery codes left", "make-codes", map[string]string{"": "button"}},
		{"choose tenant", "make-default", map[string]string{"name": "make_default", "type": "checkbox"}},
		{"consent", "accept", map[string]string{"": "button", "name": "decision", "value": "accept"}},
		{"consent", "deny", map[string]string{"": "button", "name": "decision", "value": "deny"}},
		{"consent", "switch-account", map[string]string{"": "button"}},
		{"confirm sign out", "confirm-sign-out", map[string]string{"name": "decision", "value": "sign-out"}},
		{"confirm sign out", "stay", map[string]string{"name": "decision", "value": "stay"}},
		{"device", "user_code", map[string]string{"name": "user_code"}},
		{"device confirm", "accept", map[string]string{"name": "decision", "value": "accept"}},
		{"device confirm", "deny", map[string]string{"name": "decision", "value": "deny"}},
		{"account", "sign-out", map[string]string{"": "button"}},
		{"account", "revoke-others", map[string]string{"": "button"}},
		{"demo out", "sign-in", map[string]string{"": "a", "href": "/sign-in"}},
		{"demo", "call-enough", map[string]string{"name": "call", "value": "enough"}},
		{"demo", "call-too-few", map[string]string{"name": "call", "value": "too-few"}},
		{"demo", "call-alive", map[string]string{"name": "call", "value": "alive"}},
		{"demo", "sign-out", map[string]string{"": "button"}},
	} {
		got := one(t, all[c.page], c.id)
		for name, want := range c.want {
			if v, found := got[name]; !found || v != want {
				t.Errorf("%s: #%s %s=%q, want %q", c.page, c.id, name, v, want)
			}
		}
	}
}

// TestWords checks what a person is told, on the parsed page.
func TestWords(t *testing.T) {
	all := samples()
	for _, c := range []struct {
		page      string
		want, not []string
	}{
		{"sign in", []string{"to continue to Northwind Reports at Acme"}, []string{"did not match", "again to continue"}},
		{"sign in refused", []string{"Error: Sign in", "did not match"}, nil},
		{"sign in throttle", []string{"Too many attempts. Please try again in 30 seconds."}, nil},
		{"sign in busy", []string{"Please try again in 1 second."}, nil},
		{"sign in again", []string{"Please sign in again to continue", "Not you?"}, []string{"Keep me signed in"}},
		{"choose tenant", []string{"Umbrella Research", "Make this my default"}, nil},
		{"consent", []string{"Northwind Reports", "Run by this operator", "app.northwind.example", "Ada Lovelace (ada) at Acme", "Not you?", "List your agents agents:read", "reports:export", "Asked for, but not included (2)", "Neither your role nor one of your groups holds it.", "It needs a stronger sign-in (phr)."}, []string{"impostor"}},
		{"consent agent", []string{"Any program on your device can use the name of", "agent.example"}, []string{"cannot tell this app"}},
		{"consent agent of a site", []string{"Nobody here knows this app", "agent.example"}, []string{"on your device"}},
		{"consent impostor", []string{"Not run by this operator", "Gatehouse cannot tell this app from an impostor on your device", "127.0.0.1"}, []string{"Website"}},
		{"error", []string{"return address is not registered", "invalid_request", "The redirect_uri is not registered for this client.", "0195-7c1e"}, nil},
		{"error missing", []string{"There is no such page", "404"}, nil},
		{"account", []string{"That session has ended", "Owner", "This device", "Safari on iPhone", "14 Mar 2026, 12:05 UTC", "Northwind Reports at Acme", "See your profile"}, nil},
		{"console", []string{"1284 ", "Signs now", "Disabled", "198.51.100.23"}, nil},
		{"device confirm", []string{"WDJB-MJHT", "203.0.113.7", "Does your own device show this code?"}, nil},
		{"demo", []string{"Hello, Ada Lovelace", "ada@example.com", "403 Forbidden", `scope="billing"`, "not included (1)", "not why the rest is missing"}, []string{"Accounts to try", "Neither your role"}},
		{"demo gone", []string{"You are signed out, and so is your token", "401 Unauthorized"}, []string{"Accounts to try"}},
		{"demo kept", []string{"You are signed out here", "This is what the API said", "200 OK"}, []string{"so is your token"}},
		{"demo out", []string{"See a sign-in from both sides", "Accounts to try"}, []string{"Sign out"}},
		{"demo denied", []string{"learned nothing about you"}, nil},
	} {
		got := text(document(t, all[c.page])) + " "
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", c.page, want, got)
			}
		}
		for _, not := range c.not {
			if strings.Contains(got, not) {
				t.Errorf("%s: %q is in %q", c.page, not, got)
			}
		}
	}
}

// TestEveryCaseHasItsWords: the templates compare with the texts of Go
// constants; a case that falls through to another one's words is a misspelling.
func TestEveryCaseHasItsWords(t *testing.T) {
	distinct := func(kind string, pages []Page) {
		t.Helper()
		seen := map[string]int{}
		for i, page := range pages {
			words := text(elements(document(t, page), "main")[0])
			if j, found := seen[words]; found {
				t.Errorf("%s: case %d reads like case %d: %s", kind, i, j, words)
			}
			seen[words] = i
		}
	}
	var pages []Page
	for _, p := range []SignInProblem{"", SignInRefused, SignInThrottled, SignInBusy, SignInExpired, SignInPasskey} {
		pages = append(pages, SignIn{Problem: p})
	}
	distinct("sign in", pages)

	pages = nil
	for _, p := range []Problem{"", ProblemClient, ProblemRedirectURI, ProblemRequest, ProblemExpired, ProblemLink, ProblemBrowser, ProblemBanned, ProblemNoTenant} {
		pages = append(pages, Error{Status: 400, Problem: p})
	}
	for _, status := range []int{403, 404, 405, 413, 429, 500, 503} {
		pages = append(pages, Error{Status: status})
	}
	distinct("error", pages)

	pages = nil
	for _, p := range []DeviceProblem{"", DeviceCodeUnknown, DeviceThrottled} {
		pages = append(pages, Device{Problem: p})
	}
	distinct("device", pages)

	pages = []Page{Account{Notice: "something else"}}
	for _, n := range []AccountNotice{"", SessionRevoked, OtherSessionsRevoked, ApplicationWithdrawn, DefaultPlaceChanged, PlaceChanged, ProfileChanged, PasswordChanged, EmailAsked} {
		pages = append(pages, Account{Notice: n})
	}
	distinct("account", pages)

	pages = nil
	for _, p := range []VerifyProblem{"", VerifyRefused, VerifyThrottled, VerifyPasskeyRefused, VerifyExpired} {
		pages = append(pages, Verify{Problem: p})
	}
	distinct("verify", pages)

	pages = nil
	for _, n := range []AuthenticatorNotice{
		"", PasskeyAdded, PasskeyRenamed, PasskeyRemoved, AppSetUp, AppRemoved, PasskeyNotAccepted, PasskeyExists,
		PasskeyModelRefused, PasskeysTooMany, LastWayIn, AppCodeWrong, AuthenticatorExpired,
	} {
		pages = append(pages, Passkeys{Notice: n})
	}
	distinct("authenticator", pages)

	pages = nil
	for _, p := range []PasswordProblem{"", PasswordLong, PasswordShort, PasswordCommon, PasswordRepeats, PasswordPersonal, PasswordBusy} {
		pages = append(pages, ChangePassword{Problem: p, Least: 10})
	}
	distinct("password", pages)

	pages = nil
	for _, p := range []DeleteProblem{"", DeleteUnconfirmed, DeleteLastOwner} {
		pages = append(pages, AccountData{Problem: p})
	}
	distinct("data", pages)

	pages = nil
	for _, s := range []KeyState{KeyNext, KeyCurrent, KeyRetired} {
		pages = append(pages, Console{Keys: []ConsoleKey{{State: s}}})
	}
	distinct("console", pages)

	pages = nil
	for _, p := range []DemoProblem{DemoDenied, DemoRefused, DemoForeign, DemoUntrusted, DemoUnreachable, DemoSilent, DemoEnded, DemoForm} {
		pages = append(pages, Demo{Failure: &DemoFailure{Problem: p}})
	}
	distinct("demo", pages)

	for _, reason := range []authz.Reason{authz.DroppedClient, authz.DroppedUser, authz.DroppedOwner, authz.DroppedACR, authz.DroppedNoUser, authz.DroppedTarget} {
		page := render(t, Consent{Dropped: []DroppedScope{{Reason: reason}}})
		if strings.Contains(page, string(reason)+"</span>") {
			t.Errorf("%q has no words for people", reason)
		}
	}
}

func TestI6_RefusalSaysNothingOfTheAccount(t *testing.T) {
	a := render(t, SignIn{Problem: SignInRefused, Username: "known"})
	b := render(t, SignIn{Problem: SignInRefused, Username: "other"})
	if a != strings.Replace(b, "other", "known", 1) {
		t.Error("two refusals differ in more than the name that was typed")
	}
}

func TestSecondsRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, time.Minute: 60} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%v) = %d, want %d", d, got, want)
		}
	}
}
