package oidc_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	devicePath  = "/oauth2/device_authorization"
)

// newDeviceHouse has two public clients for devices, "tv" and "radio", beside
// what every house has.
func newDeviceHouse(t testing.TB, options ...webtest.Option) *webtest.House {
	t.Helper()
	h := newHouse(t, options...)
	for _, id := range []string{"tv", "radio"} {
		h.Client(id, func(c *storage.Client) {
			c.Name, c.Kind, c.AuthMethod, c.RedirectURIs = "Northwind "+id, storage.ClientNative, storage.AuthMethodNone, nil
			c.GrantTypes = []string{deviceGrant, storage.GrantRefreshToken}
		})
	}
	return h
}

// beginDevice asks for a device code as the client "tv".
func beginDevice(t testing.TB, h *webtest.House, scope string) webtest.Answer {
	t.Helper()
	a := h.Call(devicePath, "tv", "", url.Values{"scope": {scope}})
	if a.Status != http.StatusOK {
		t.Fatalf("device authorization: %d %s", a.Status, a.Raw)
	}
	return a
}

func poll(h *webtest.House, client, deviceCode string) webtest.Answer {
	h.T.Helper()
	return h.Call("/oauth2/token", client, "", url.Values{"grant_type": {deviceGrant}, "device_code": {deviceCode}})
}

// answerDevice walks a person from verification_uri_complete to the end.
func answerDevice(b *webtest.Browser, device webtest.Answer, username, button string) *webtest.Page {
	b.T.Helper()
	p := b.Get(device.Text("verification_uri_complete"))
	if strings.Contains(string(p.Body), `id="sign-in"`) {
		p = b.SignIn(p, username)
	}
	return b.Press(b.Press(p, "continue", nil), button, nil)
}

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	device := beginDevice(t, h, "openid profile offline_access user agents:read admin")
	if !strings.HasPrefix(device.Text("device_code"), "gth_dc_") || device.Text("verification_uri") != h.URL+"/device" ||
		device.JSON["expires_in"] != 600.0 || device.JSON["interval"] != 5.0 || device.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("RFC 8628 §3.2: %s", device.Raw)
	}
	mustRefuse(t, "before the answer", poll(h, "tv", device.Text("device_code")), http.StatusBadRequest, "authorization_pending")

	b := h.Browser()
	typed := b.SignIn(b.Get("/device"), "ann")
	if typed.Request.URL.Path != "/device" {
		t.Fatalf("the sign-in leads to %s", typed.Request.URL)
	}
	// As people type: in small letters, with a space for the dash.
	code := strings.ToLower(strings.Replace(device.Text("user_code"), "-", " ", 1))
	asked := b.Press(typed, "continue", url.Values{"user_code": {code}})
	for _, want := range []string{"Northwind tv", device.Text("user_code"), "127.0.0.1", "Not run by this operator", "Asked for, but not included (1)"} {
		if !strings.Contains(string(asked.Body), want) {
			t.Errorf("the question (status %d) does not say %q:\n%s", asked.StatusCode, want, asked.Body)
		}
	}
	if done := b.Press(asked, "accept", nil); !strings.Contains(string(done.Body), "Your device is connected") {
		t.Fatalf("after the yes: %d\n%s", done.StatusCode, done.Body)
	}

	// Waiting is over: a poll that comes soon is not punished any more.
	tokens := mustGrant(t, "poll after the answer", poll(h, "tv", device.Text("device_code")))
	if got := tokens.Text("scope"); got != "openid profile offline_access user agents:read" || tokens.JSON["expires_in"] != 600.0 {
		t.Errorf("tokens: %s", tokens.Raw)
	}
	if c := claimsOf(t, tokens.Text("id_token")); c["aud"] != "tv" || c["at_hash"] == nil || c["auth_time"] == nil {
		t.Errorf("ID token: %v", c)
	}
	if !isActive(t, h, tokens.Text("access_token")) || userInfo(t, h, tokens.Text("access_token")).Text("preferred_username") != "ann" {
		t.Error("the access token opens nothing")
	}
	again := mustGrant(t, "refresh", h.Call("/oauth2/token", "tv", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}}))

	// The device has a session of its own: it outlives the browser's …
	b.Press(b.Get("/account"), "sign-out", nil)
	if !isActive(t, h, again.Text("access_token")) {
		t.Error("signing out of the browser took the device along")
	}
	// … and the person can end it alone.
	b = h.Browser()
	account := b.SignIn(b.Get("/login"), "ann")
	if !strings.Contains(string(account.Body), "Northwind tv") {
		t.Errorf("the account page does not know the device:\n%s", account.Body)
	}
	var session string
	h.World.Get(`select id::text from platform.user_sessions where user_agent = 'Northwind tv'`, nil, &session)
	csrf := account.Form(t, "sign-out", nil).Values.Get("csrf")
	b.Post("/account/sessions/revoke", url.Values{"csrf": {csrf}, "session_id": {session}})
	if isActive(t, h, again.Text("access_token")) {
		t.Error("the device lives on after its session was ended")
	}
}

// TestDeviceFlow_Revoked: a device that signs itself out is gone from the account
// page too, and takes nothing else along.
func TestDeviceFlow_Revoked(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	b := h.Browser()
	var devices []webtest.Answer
	for range 2 {
		device := beginDevice(t, h, "openid offline_access user")
		answerDevice(b, device, "ann", "accept")
		devices = append(devices, mustGrant(t, "poll", poll(h, "tv", device.Text("device_code"))))
	}
	revoke := func(client string) {
		t.Helper()
		if a := h.Call("/oauth2/revoke", client, "", url.Values{"token": {devices[0].Text("refresh_token")}}); a.Status != http.StatusOK {
			t.Fatalf("revoke: %d %s", a.Status, a.Raw)
		}
	}
	// The page lists devices first, and then applications, of which this is one.
	listed := func() int {
		devices, _, _ := strings.Cut(string(b.Get("/account").Body), "<h2>Apps with access</h2>")
		return strings.Count(devices, "<strong><bdi>Northwind tv</bdi></strong>")
	}
	if revoke("radio"); listed() != 2 {
		t.Error("another client signs the device out")
	}
	if revoke("tv"); listed() != 1 || !isActive(t, h, devices[1].Text("access_token")) || isActive(t, h, devices[0].Text("access_token")) {
		t.Errorf("%d devices are listed after one of two signed out", listed())
	}
}

// TestDeviceFlow_WithoutOfflineAccess: no refresh token that nobody asked for.
func TestDeviceFlow_WithoutOfflineAccess(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	device := beginDevice(t, h, "user")
	answerDevice(h.Browser(), device, "ann", "accept")
	tokens := mustGrant(t, "poll", poll(h, "tv", device.Text("device_code")))
	if tokens.Text("refresh_token") != "" || tokens.Text("id_token") != "" || tokens.Text("scope") != "user" {
		t.Errorf("tokens: %s", tokens.Raw)
	}
}

func TestDeviceFlow_Denied(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	device := beginDevice(t, h, "openid")
	if p := answerDevice(h.Browser(), device, "ann", "deny"); !strings.Contains(string(p.Body), "not connected") {
		t.Errorf("after the no: %s", p.Body)
	}
	for range 2 {
		mustRefuse(t, "poll after the no", poll(h, "tv", device.Text("device_code")), http.StatusBadRequest, "access_denied")
	}
}

// TestDeviceFlow_SlowDown: each hasty poll makes the interval five seconds longer
// (RFC 8628 §3.5).
func TestDeviceFlow_SlowDown(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	code := beginDevice(t, h, "openid").Text("device_code")
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "authorization_pending"}, {time.Second, "slow_down"}, {8 * time.Second, "slow_down"},
		{16 * time.Second, "authorization_pending"}, {16 * time.Second, "authorization_pending"}, {time.Second, "slow_down"},
	} {
		h.Advance(step.after)
		mustRefuse(t, step.after.String()+" later", poll(h, "tv", code), http.StatusBadRequest, step.want)
	}
}

func TestDeviceFlow_Expires(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	waiting, approved := beginDevice(t, h, "openid"), beginDevice(t, h, "openid")
	b := h.Browser()
	answerDevice(b, approved, "ann", "accept")
	asked := b.Press(b.Get(waiting.Text("verification_uri_complete")), "continue", nil)
	h.Advance(10*time.Minute + time.Second)
	for name, device := range map[string]webtest.Answer{"unanswered": waiting, "approved and not fetched": approved} {
		mustRefuse(t, name, poll(h, "tv", device.Text("device_code")), http.StatusBadRequest, "expired_token")
	}
	if p := b.Press(asked, "accept", nil); !strings.Contains(string(p.Body), "That code is not valid") {
		t.Errorf("a yes that came too late: %d\n%s", p.StatusCode, p.Body)
	}
}

// TestL6_ParallelRedemption: an approved device code is worth tokens once.
func TestL6_ParallelRedemption(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t, webtest.Wide)
	replicas := h.Three()
	for range webtest.Rounds(t, 2) {
		device := beginDevice(t, h, "openid offline_access user")
		answerDevice(h.Browser(), device, "ann", "accept")
		won := 0
		for _, a := range atOnce(100, func(i int) webtest.Answer { return poll(replicas[i%3], "tv", device.Text("device_code")) }) {
			if a.Status == http.StatusOK {
				won++
				mustGrant(t, "refresh of the winner", h.Call("/oauth2/token", "tv", "",
					url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}}))
				continue
			}
			mustRefuse(t, "one of a hundred", a, http.StatusBadRequest, "invalid_grant")
		}
		if won != 1 {
			t.Errorf("%d of 100 got tokens", won)
		}
		mustRefuse(t, "once more", poll(h, "tv", device.Text("device_code")), http.StatusBadRequest, "invalid_grant")
		h.Advance(time.Minute) // sign-ins are counted
	}
}

// TestL6_ParallelAnswers: of a yes and a no at once, one counts, and the device
// learns that one.
func TestL6_ParallelAnswers(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t, webtest.Wide)
	device := beginDevice(t, h, "user")
	b := h.Browser()
	asked := b.Press(b.SignIn(b.Get(device.Text("verification_uri_complete")), "ann"), "continue", nil)
	forms := []webtest.Form{asked.Form(t, "accept", nil), asked.Form(t, "deny", nil)}
	atOnce(10, func(i int) webtest.Answer {
		f := forms[i%2]
		return webtest.Answer{Status: b.PostRaw(f.Action, f.Values, nil).StatusCode}
	})
	var approved, granted bool
	h.World.Get(`select approved, exists (select from platform.grants) from platform.device_codes`, nil, &approved, &granted)
	if a := poll(h, "tv", device.Text("device_code")); (a.Status == http.StatusOK) != approved || granted != approved {
		t.Errorf("approved: %t, a grant: %t, and the device is told %d %s", approved, granted, a.Status, a.Raw)
	}
}

func TestDeviceFlow_OfAnotherClient(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	device := beginDevice(t, h, "openid user")
	answerDevice(h.Browser(), device, "ann", "accept")
	mustRefuse(t, "another client's device code", poll(h, "radio", device.Text("device_code")), http.StatusBadRequest, "invalid_grant")
	mustGrant(t, "its own", poll(h, "tv", device.Text("device_code")))
}

func TestDeviceFlow_Refuses(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	good := beginDevice(t, h, "openid").Text("device_code")
	flipped := good[:len(good)-2] + map[bool]string{true: "BA", false: "AA"}[strings.HasSuffix(good, "AA")]
	for name, test := range map[string]struct {
		answer webtest.Answer
		status int
		code   string
	}{
		"begin: not registered for it":       {h.Call(devicePath, "web", webtest.ClientSecret, url.Values{}), 400, "unauthorized_client"},
		"begin: unknown client":              {h.Call(devicePath, "nobody", "", url.Values{}), 401, "invalid_client"},
		"begin: no client":                   {h.Call(devicePath, "", "", url.Values{}), 401, "invalid_client"},
		"begin: a wrong secret":              {h.Call(devicePath, "web", "wrong", url.Values{}), 401, "invalid_client"},
		"begin: a malformed scope":           {h.Call(devicePath, "tv", "", url.Values{"scope": {"a\"b"}}), 400, "invalid_scope"},
		"begin: a parameter twice":           {h.Call(devicePath, "tv", "", url.Values{"scope": {"openid", "user"}}), 400, "invalid_request"},
		"poll: no device_code":               {poll(h, "tv", ""), 400, "invalid_request"},
		"poll: not one of ours":              {poll(h, "tv", "x"), 400, "invalid_grant"},
		"poll: an unknown secret":            {poll(h, "tv", flipped), 400, "invalid_grant"},
		"poll: an authorization code prefix": {poll(h, "tv", strings.Replace(good, "gth_dc_", "gth_ac_", 1)), 400, "invalid_grant"},
		"poll: not registered for it": {h.Call("/oauth2/token", "web", webtest.ClientSecret,
			url.Values{"grant_type": {deviceGrant}, "device_code": {good}}), 400, "unauthorized_client"},
		"the device code as an authorization code": {h.Token("web", url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {webtest.RedirectURI},
			"code": {strings.Replace(good, "gth_dc_", "gth_ac_", 1)}, "code_verifier": {webtest.NewProof().Verifier}}), 400, "invalid_grant"},
	} {
		mustRefuse(t, name, test.answer, test.status, test.code)
	}
}

// TestL6_Guesses: five wrong codes and it is over, for the person and for the
// address; right ones do not count.
func TestL6_Guesses(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	h.User("bob")
	b := h.Browser()
	page := b.SignIn(b.Get("/device"), "ann")
	for i := range 7 {
		device := beginDevice(t, h, "openid")
		if p := b.Press(page, "continue", url.Values{"user_code": {device.Text("user_code")}}); p.StatusCode != http.StatusOK {
			t.Fatalf("right code %d: %d", i, p.StatusCode)
		}
	}
	device := beginDevice(t, h, "openid")
	// Eight letters of twenty, for ten minutes: five guesses find one of 2·10¹⁰ codes.
	if code := device.Text("user_code"); !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(code) || device.JSON["expires_in"] != 600.0 {
		t.Errorf("the code is %q, for %v seconds", code, device.JSON["expires_in"])
	}
	for i := range 5 {
		if p := b.Press(page, "continue", url.Values{"user_code": {"BCDF-GHJ" + string("KLMNP"[i])}}); p.StatusCode != http.StatusBadRequest {
			t.Fatalf("guess %d: %d", i+1, p.StatusCode)
		}
	}
	other := h.Browser()
	for name, attempt := range map[string]*webtest.Page{
		"the same person":           b.Press(page, "continue", url.Values{"user_code": {device.Text("user_code")}}),
		"another, from one address": other.Press(other.SignIn(other.Get("/device"), "bob"), "continue", url.Values{"user_code": {device.Text("user_code")}}),
	} {
		if attempt.StatusCode != http.StatusTooManyRequests || attempt.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q", name, attempt.StatusCode, attempt.Header.Get("Retry-After"))
		}
	}
	h.Advance(2*time.Minute + time.Second)
	device = beginDevice(t, h, "openid")
	if p := b.Press(b.Get("/device"), "continue", url.Values{"user_code": {device.Text("user_code")}}); p.StatusCode != http.StatusOK {
		t.Errorf("after the wait: %d", p.StatusCode)
	}
}

// TestL6_AnswerIsBound: a yes holds for the browser, the person, the tenant and the
// scopes that the question was shown to and about.
func TestL6_AnswerIsBound(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	h.User("bob")
	device := beginDevice(t, h, "user admin")
	b := h.Browser()
	asked := b.Press(b.SignIn(b.Get(device.Text("verification_uri_complete")), "ann"), "continue", nil).Form(t, "accept", nil)
	refused := func(what string, p *webtest.Page) {
		t.Helper()
		if p.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d\n%s", what, p.StatusCode, p.Body)
		}
	}
	other := h.Browser()
	others := other.SignIn(other.Get("/device"), "bob").Form(t, "continue", nil).Values.Get("csrf")
	refused("another browser", other.Post(asked.Action, url.Values{"csrf": {others}, "flow": asked.Values["flow"], "decision": {"accept"}}))
	refused("no question", b.Post(asked.Action, url.Values{"csrf": asked.Values["csrf"], "user_code": {device.Text("user_code")}, "decision": {"accept"}}))

	h.World.Exec(`update platform.users set role = 'admin' where username = 'ann'`)
	refused("more than was shown", b.Post(asked.Action, asked.Values))
	h.World.Exec(`update platform.users set role = 'user' where username = 'ann'`)

	b.Press(b.Get("/account"), "sign-out", nil)
	b.SignIn(b.Get("/device"), "bob")
	refused("somebody else in the same browser", b.Post(asked.Action, asked.Values))
	mustRefuse(t, "the device", poll(h, "tv", device.Text("device_code")), http.StatusBadRequest, "authorization_pending")
}

// TestDeviceFlow_OfAnotherTenant: a client of one tenant is none of another's people.
func TestDeviceFlow_OfAnotherTenant(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	h.UserOf("eve", h.World.Tenant("elsewhere"))
	device := beginDevice(t, h, "openid user")
	b := h.Browser()
	p := b.Press(b.SignIn(b.Get(device.Text("verification_uri_complete")), "eve"), "continue", nil)
	if p.StatusCode != http.StatusBadRequest || strings.Contains(string(p.Body), `id="accept"`) {
		t.Errorf("the question is asked: %d\n%s", p.StatusCode, p.Body)
	}
	mustRefuse(t, "the device", poll(h, "tv", device.Text("device_code")), http.StatusBadRequest, "authorization_pending")
}

// TestDeviceFlow_RightsAtRedemption: what was lost between the yes and the poll is
// not in the token, and who is gone gets none.
func TestDeviceFlow_RightsAtRedemption(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	device, late := beginDevice(t, h, "user tools:execute"), beginDevice(t, h, "user")
	b := h.Browser()
	answerDevice(b, device, "ann", "accept")
	answerDevice(b, late, "ann", "accept")
	h.World.Exec(`update platform.users set role = $1 where username = 'ann'`, authz.RoleViewer)
	if got := mustGrant(t, "poll", poll(h, "tv", device.Text("device_code"))).Text("scope"); got != "user" {
		t.Errorf("scope is %q, want user", got)
	}
	h.World.Exec(`update platform.users set disabled_at = now() where username = 'ann'`)
	mustRefuse(t, "disabled", poll(h, "tv", late.Text("device_code")), http.StatusBadRequest, "invalid_grant")
}

// TestA5_SignInReturnsToTheDevicePageAlone: what waits for a sign-in at the device
// page is a code and can be no address.
func TestA5_SignInReturnsToTheDevicePageAlone(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	for _, code := range []string{"//evil.example", "https://evil.example/", "/../account", "\r\nLocation: https://evil.example", `\evil.example`, "a&x=y#z"} {
		b := h.Browser()
		p := b.SignIn(b.Get("/login?flow="+url.QueryEscape("device:"+code)), "ann")
		if p.Left != nil || p.Request.URL.Path != "/device" || !p.Request.URL.Query().Has("user_code") {
			t.Errorf("%q leads to %s (left for %v)", code, p.Request.URL, p.Left)
		}
	}
}

// A client that registered openly ends while nobody uses it; an answer on a device is use.
func TestDeviceFlow_KeepsAnOpenClient(t *testing.T) {
	t.Parallel()
	h := newDeviceHouse(t)
	h.World.Exec(`update platform.clients set origin = 'open', expires_at = now() + interval '1 day' where id in ('tv', 'radio')`)
	device := beginDevice(t, h, "openid")
	answerDevice(h.Browser(), device, "ann", "accept")
	mustGrant(t, "approved", poll(h, "tv", device.Text("device_code")))
	if kept := h.World.Text(`select id from platform.clients where expires_at is null and origin = 'open'`); kept != "(tv)" {
		t.Errorf("kept: %s", kept)
	}
}
