package web_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const sessionCookie, browserCookie = "gatehouse", "gatehouse-browser"

// isSignedIn asks for the account page.
func isSignedIn(b *webtest.Browser) bool {
	b.T.Helper()
	p := b.Get("/account")
	if p.StatusCode != http.StatusOK {
		b.T.Fatalf("/account: %d", p.StatusCode)
	}
	return p.Request.URL.Path == "/account"
}

func TestH1_NewSessionAtEverySignIn(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("bob")
	h.Client("web")
	b := signedIn(h, "ann")
	first := cookie(t, h, b, sessionCookie)
	thief := copyOf(t, h, b)

	b.Authorize(webtest.NewProof(), "web", "ann", url.Values{"prompt": {"login"}})
	second := cookie(t, h, b, sessionCookie)
	if second == first || second == "" {
		t.Errorf("signing in again left the session as it was")
	}
	if isSignedIn(thief) {
		t.Error("the former session is alive")
	}

	b.SignIn(b.Get("/login?"+url.Values{"flow": {flowOf(t, b, "web", url.Values{"prompt": {"select_account"}})}}.Encode()), "bob")
	if third := cookie(t, h, b, sessionCookie); third == second {
		t.Error("another user got the session of the first")
	}
	annAgain := h.Browser()
	setCookie(t, h, annAgain, sessionCookie, second)
	if isSignedIn(annAgain) {
		t.Error("the session of the first user is alive in another's browser")
	}
}

// flowOf begins an authorization request and stops at the sign-in page.
func flowOf(t *testing.T, b *webtest.Browser, client string, change url.Values) string {
	t.Helper()
	p := b.Get(webtest.NewProof().Authorization(client, change))
	flow := p.Request.URL.Query().Get("flow")
	if flow == "" {
		t.Fatalf("no paused request at %s:\n%s", p.Request.URL, p.Body)
	}
	return flow
}

// Fixation: a value that the attacker planted is worth nothing to them afterwards.
func TestH1_PlantedCookieIsReplaced(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("mallory")
	mallory := signedIn(h, "mallory")
	victim := copyOf(t, h, mallory)
	victim.Press(victim.Get("/account"), "sign-out", nil)
	if p := victim.SignIn(victim.Get("/login"), "ann"); p.Request.URL.Path != "/account" {
		t.Fatalf("sign-in ended at %s", p.Request.URL)
	}
	if cookie(t, h, victim, sessionCookie) == cookie(t, h, mallory, sessionCookie) || isSignedIn(mallory) {
		t.Error("the planted session survived")
	}
	for _, planted := range []string{"x", "gth_ss_", "gth_ss_" + strings.Repeat("A", 64), strings.Repeat("A", 4000)} {
		fresh := h.Browser()
		setCookie(t, h, fresh, sessionCookie, planted)
		setCookie(t, h, fresh, browserCookie, planted)
		if isSignedIn(fresh) {
			t.Errorf("signed in by %.40q", planted)
		}
		fresh.SignIn(fresh.Get("/login"), "ann")
		if cookie(t, h, fresh, sessionCookie) == planted || !isSignedIn(fresh) {
			t.Errorf("sign-in over the planted cookie %.40q", planted)
		}
	}
}

func TestB15_FlowIsUselessInAnotherBrowser(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("mallory")
	h.Client("web")
	victim := signedIn(h, "ann")
	waiting := flowOf(t, victim, "web", nil) // the consent page
	accept := victim.Get("/consent?flow="+waiting).Form(t, "accept", nil)
	approved := victim.PostRaw(accept.Action, accept.Values, nil).Header.Get("Location")
	if !strings.HasPrefix(approved, "/oauth2/authorize?flow=") {
		t.Fatalf("consent led to %q", approved)
	}
	signIn := flowOf(t, h.Browser(), "web", nil)

	for name, thief := range map[string]*webtest.Browser{"a clean one": h.Browser(), "a signed-in one": signedIn(h, "mallory"), "the victim's other one": signedIn(h, "ann")} {
		t.Run(name, func(t *testing.T) {
			thief.T = t
			for _, address := range []string{"/login?flow=" + signIn, "/consent?flow=" + waiting, "/oauth2/authorize?flow=" + waiting, approved, "/oauth2/authorize?flow=" + signIn} {
				isErrorPage(t, get(thief, h.URL+address, nil), http.StatusBadRequest)
			}
			token := csrfOf(t, thief)
			for _, path := range []string{"/consent", "/login"} {
				form := url.Values{"csrf": {token}, "flow": {waiting}, "decision": {"accept"}, "username": {"mallory"}, "password": {webtest.Password}}
				isErrorPage(t, thief.PostRaw(path, form, nil), http.StatusBadRequest)
			}
		})
	}
	// The victim's own browser still gets the code.
	if p := get(victim, h.URL+approved, nil); !strings.Contains(p.Header.Get("Location"), "code=") {
		t.Errorf("the victim's browser: %d %s", p.StatusCode, p.Header.Get("Location"))
	}
}

// csrfOf is the token of a browser, whether somebody is signed in there or not.
func csrfOf(t *testing.T, b *webtest.Browser) string {
	t.Helper()
	p := b.Get("/account")
	button := "sign-in"
	if p.Request.URL.Path == "/account" {
		button = "sign-out"
	}
	return p.Form(t, button, nil).Values.Get("csrf")
}

// The page that waits belongs to who began it, also where the browser is the same.
func TestB12_H15_ConsentAcrossUserSwitch(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("bob")
	h.Client("web")
	b := signedIn(h, "ann")
	flow := flowOf(t, b, "web", nil)
	accept := b.Get("/consent?flow="+flow).Form(t, "accept", nil)
	approved := b.PostRaw(accept.Action, accept.Values, nil).Header.Get("Location")
	b.Press(b.Get("/account"), "sign-out", nil)
	b.SignIn(b.Get("/login"), "bob")
	// Ann's approval is not bob's: he is asked himself.
	if p := b.Get(approved); p.Left != nil || p.Request.URL.Path != "/consent" || !strings.Contains(string(p.Body), "bob") {
		t.Errorf("the other's approval led to %s (left: %v)", p.Request.URL, p.Left)
	}
}

// Sixteen requests wait in one browser, each in its own state; one more is one too
// many for the oldest. What does not pause counts for nothing.
func TestH15_SixteenRequestsWait(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	b := h.Browser()
	var flows []string
	begin := func() {
		flows = append(flows, flowOf(t, b, "web", url.Values{"state": {fmt.Sprintf("tab-%d", len(flows))}}))
	}
	stands := func(i int) bool {
		t.Helper()
		return b.Get("/login?flow="+flows[i]).StatusCode == http.StatusOK
	}
	for range 16 {
		begin()
		b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"none"}}))
	}
	for i := range flows {
		if !stands(i) {
			t.Errorf("request %d of 16 is gone", i+1)
		}
	}
	begin()
	if stands(0) || !stands(1) || !stands(16) {
		t.Errorf("after the seventeenth: the first stands %v, the second %v, the last %v", stands(0), stands(1), stands(16))
	}
	// Each tab gets its own answer, whichever is finished first.
	b.SignIn(b.Get("/login"), "ann")
	for _, i := range []int{9, 3} {
		p := b.Get("/consent?flow=" + flows[i])
		if p.Left == nil { // the second need not ask again
			p = b.Press(p, "accept", nil)
		}
		if p.Left == nil || p.Left.Query().Get("state") != fmt.Sprintf("tab-%d", i) {
			t.Errorf("tab %d is answered by %v", i, p.Left)
		}
	}
	if p := b.Get("/consent?flow=" + flows[0]); p.StatusCode != http.StatusBadRequest {
		t.Errorf("the first request is answered: %d at %s", p.StatusCode, p.Request.URL)
	}
}

// A cookie that a sister site plants beside ours decides nothing, wherever the browser
// puts it: of two, none counts, and the names on https are those that it cannot plant.
func TestH16_PlantedCookieBesideOurs(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("eve")
	anns, eves := cookie(t, h, signedIn(h, "ann"), sessionCookie), cookie(t, h, signedIn(h, "eve"), sessionCookie)
	for name, header := range map[string]string{
		"before": sessionCookie + "=" + eves + "; " + sessionCookie + "=" + anns,
		"behind": sessionCookie + "=" + anns + "; " + sessionCookie + "=" + eves,
		"junk":   sessionCookie + "=x; " + sessionCookie + "=" + anns,
	} {
		p := get(h.Browser(), h.URL+"/account", http.Header{"Cookie": {header}})
		if p.StatusCode != http.StatusSeeOther || strings.Contains(string(p.Body), "eve") {
			t.Errorf("%s: %d", name, p.StatusCode)
		}
	}
	if p := get(h.Browser(), h.URL+"/account", http.Header{"Cookie": {sessionCookie + "=" + anns}}); p.StatusCode != http.StatusOK {
		t.Errorf("alone: %d", p.StatusCode)
	}
}

func TestH2_CookieAttributes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prefix  string
		options []webtest.Option
	}{
		"on plain localhost": {"", nil},
		"on https": {"__Host-", []webtest.Option{func(c *web.Config, _ *postgres.Options) {
			c.Issuer = &url.URL{Scheme: "https", Host: "id.example"}
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := webtest.Boot(t, test.options...)
			h.User("ann")
			page, jar := visitRaw(t, h, "GET", "/login", nil, nil, nil)
			form := page.Form(t, "sign-in", url.Values{"username": {"ann"}, "password": {webtest.Password}}).Values
			p, jar := visitRaw(t, h, "POST", "/login", jar, form, http.Header{"Origin": {h.URL}, "Sec-Fetch-Site": {"same-origin"}})
			if p.StatusCode != http.StatusSeeOther {
				t.Fatalf("sign-in: %d %s", p.StatusCode, p.Body)
			}
			if len(jar) != 3 {
				t.Errorf("%d cookies", len(jar))
			}
			for _, name := range []string{test.prefix + sessionCookie, test.prefix + browserCookie} {
				c := jar[name]
				if c == nil {
					t.Fatalf("no cookie %s among %v", name, jar)
				}
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (test.prefix != "") || c.MaxAge != 0 || !c.Expires.IsZero() {
					t.Errorf("Set-Cookie: %s", c.Raw)
				}
				value := strings.TrimPrefix(c.Value, "gth_ss_")
				if raw, err := base64.RawURLEncoding.DecodeString(value); err != nil || len(raw) < 32 {
					t.Errorf("%s has %d bytes", name, len(raw))
				}
			}
			// Scripts in frames read this one: it is worth nothing, and differs from the others.
			if c := jar[test.prefix+"gatehouse-state"]; c == nil || c.HttpOnly || c.Path != "/" || c.Domain != "" || c.Secure != (test.prefix != "") || strings.Contains(jar[test.prefix+sessionCookie].Value, c.Value) {
				t.Errorf("the state of the session: %v", c)
			}
			remembered := url.Values{"remember": {"on"}}
			for name, values := range form {
				remembered[name] = values
			}
			_, jar = visitRaw(t, h, "POST", "/login", jar, remembered, http.Header{"Origin": {h.URL}, "Sec-Fetch-Site": {"same-origin"}})
			if c := jar[test.prefix+sessionCookie]; c.MaxAge != int(30*24*time.Hour/time.Second) {
				t.Errorf("remembered: %s", c.Raw)
			}
			if test.prefix == "" {
				return
			}
			// A cookie under the plain name, which a sister host can toss in, is nobody's.
			tossed := map[string]*http.Cookie{sessionCookie: jar[test.prefix+sessionCookie], browserCookie: jar[test.prefix+browserCookie]}
			if p, _ := visitRaw(t, h, "GET", "/account", tossed, nil, nil); p.Header.Get("Location") != "/login" {
				t.Errorf("signed in by a cookie without the prefix: %d", p.StatusCode)
			}
		})
	}
}

func TestH3_CookieAfterSignOut(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*webtest.House, *webtest.Browser){
		"sign-out":    func(_ *webtest.House, b *webtest.Browser) { b.Press(b.Get("/account"), "sign-out", nil) },
		"end_session": func(_ *webtest.House, b *webtest.Browser) { b.Press(b.Get("/oauth2/logout"), "confirm-sign-out", nil) },
		"other account": func(h *webtest.House, b *webtest.Browser) {
			b.SignIn(b.Get("/login?flow="+flowOf(h.T.(*testing.T), b, "web", url.Values{"prompt": {"select_account"}})), "bob")
		},
		"from elsewhere": func(h *webtest.House, _ *webtest.Browser) {
			other := signedIn(h, "ann")
			other.Press(other.Get("/account"), "revoke-others", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := webtest.Boot(t)
			h.User("ann")
			h.User("bob")
			h.Client("web")
			b := signedIn(h, "ann")
			thief := copyOf(t, h, b)
			if !isSignedIn(thief) {
				t.Fatal("the copy of the cookie does not work at all")
			}
			end(h, b)
			if isSignedIn(thief) {
				t.Error("the copied cookie works on")
			}
			if p := thief.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"none"}})); p.Left == nil || p.Left.Query().Get("error") != "login_required" {
				t.Errorf("authorize: %d, left %v", p.StatusCode, p.Left)
			}
		})
	}
}

// Every change of the cookie, and every half of it with another's, is nobody's.
func TestH3_CookieForgery(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("bob")
	value, other := cookie(t, h, signedIn(h, "ann"), sessionCookie), cookie(t, h, signedIn(h, "bob"), sessionCookie)
	forged := []string{value + "A", value[:len(value)-1], strings.TrimPrefix(value, "gth_ss_"), strings.ToUpper(value), value + "=", "gth_rt_" + strings.TrimPrefix(value, "gth_ss_")}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(value, "gth_ss_"))
	if err != nil {
		t.Fatal(err)
	}
	rawOther, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(other, "gth_ss_"))
	for i := range raw {
		flipped := append([]byte{}, raw...)
		flipped[i] ^= 1
		forged = append(forged, "gth_ss_"+base64.RawURLEncoding.EncodeToString(flipped))
	}
	forged = append(forged, "gth_ss_"+base64.RawURLEncoding.EncodeToString(append(append([]byte{}, raw[:16]...), rawOther[16:]...)))
	for _, v := range forged {
		b := h.Browser()
		setCookie(t, h, b, sessionCookie, v)
		if isSignedIn(b) {
			t.Errorf("signed in by %q", v)
		}
	}
}

func TestH7_Timeouts(t *testing.T) {
	t.Parallel()
	signIn := func(h *webtest.House, remember bool) *webtest.Browser {
		b := h.Browser()
		fill := url.Values{"username": {"ann"}, "password": {webtest.Password}}
		if remember {
			fill.Set("remember", "on")
		}
		b.Press(b.Get("/login"), "sign-in", fill)
		return b
	}
	for name, test := range map[string]struct {
		remember bool
		// every step is a pause, after which the person comes back.
		pause time.Duration
		steps int
		alive bool
	}{
		"back in time":                      {false, 29 * time.Minute, 1, true},
		"idle for half an hour":             {false, 31 * time.Minute, 1, false},
		"busy for a working day":            {false, 25 * time.Minute, 28, true},  // 11 h 40 min
		"busy for half a day and more":      {false, 25 * time.Minute, 29, false}, // 12 h 5 min
		"remembered, back after ten days":   {true, 10 * 24 * time.Hour, 1, true},
		"remembered, idle for two weeks":    {true, 14*24*time.Hour + time.Minute, 1, false},
		"remembered, busy for 29 days":      {true, 29 * 24 * time.Hour / 4, 4, true},
		"remembered, busy for over a month": {true, 31 * 24 * time.Hour / 4, 4, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := webtest.Boot(t)
			h.User("ann")
			h.Client("web")
			b := signIn(h, test.remember)
			for range test.steps - 1 {
				h.Advance(test.pause)
				if !isSignedIn(b) {
					t.Fatal("the session ended too early")
				}
			}
			h.Advance(test.pause)
			p := b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"none"}}))
			if p.Left == nil {
				t.Fatalf("%d %s", p.StatusCode, p.Body)
			}
			if got := p.Left.Query().Get("error") != "login_required"; got != test.alive {
				t.Errorf("the session is alive: %v; the client got %v", got, p.Left)
			}
			if got := isSignedIn(b); got != test.alive {
				t.Errorf("the session is alive: %v", got)
			}
		})
	}
}

// TestH7_EveryReplica: a session that is used at one replica is busy at all, and one that
// rests for half an hour is over at all.
func TestH7_EveryReplica(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	replicas := []*webtest.House{h, h.Replica()}
	b := h.Browser()
	b.SignIn(b.Get("/login"), "ann")
	signedIn := func(at *webtest.House) bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.Socket()+"/account", nil)
		if err != nil {
			t.Fatal(err)
		}
		return b.Do(r).StatusCode == http.StatusOK
	}
	for i := range 4 {
		h.Advance(20 * time.Minute)
		if !signedIn(replicas[i%2]) {
			t.Fatalf("it ended at replica %d, though the other one was used 20 minutes ago", i%2)
		}
	}
	h.Advance(31 * time.Minute)
	for i, at := range replicas {
		if signedIn(at) {
			t.Errorf("replica %d: alive after half an hour of rest", i)
		}
	}
}

// Using applications is being there: no page of ours needs to be opened.
func TestH7_ApplicationsKeepASessionBusy(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	b := h.Browser()
	b.Authorize(webtest.NewProof(), "web", "ann", nil)
	for range 4 {
		h.Advance(20 * time.Minute)
		if got := b.Authorize(webtest.NewProof(), "web", "ann", url.Values{"prompt": {"none"}}); got.Get("code") == "" {
			t.Fatalf("the client got %v", got)
		}
	}
}

func TestH8_DisabledUserHasNoSession(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	ann := h.User("ann")
	h.Client("web")
	b := signedIn(h, "ann")
	h.World.Exec(`update platform.users set disabled_at = now(), authz_changed_at = now() where id = $1`, ann)
	if isSignedIn(b) {
		t.Error("the account page opens")
	}
	if p := b.Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"none"}})); p.Left == nil || p.Left.Query().Get("error") != "login_required" {
		t.Errorf("authorize: %d, left %v", p.StatusCode, p.Left)
	}
	if p := b.SignIn(b.Get("/login"), "ann"); p.StatusCode != http.StatusUnauthorized || !strings.Contains(string(p.Body), "That did not match") {
		t.Errorf("sign-in: %d", p.StatusCode)
	}
}

func TestAccount_SessionsOfOthers(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("mallory")
	ann, mallory := signedIn(h, "ann"), signedIn(h, "mallory")
	var id string
	h.World.Get(`select s.id::text from platform.user_sessions s join platform.users u on u.id = s.user_id where u.username = 'ann'`, nil, &id)
	csrf := csrfOf(t, mallory)
	missing := mallory.PostRaw("/account/sessions/revoke", url.Values{"csrf": {csrf}, "session_id": {"0198c0de-0000-7000-8000-000000000000"}}, nil)
	theirs := mallory.PostRaw("/account/sessions/revoke", url.Values{"csrf": {csrf}, "session_id": {id}}, nil)
	if theirs.StatusCode != missing.StatusCode || theirs.Header.Get("Location") != missing.Header.Get("Location") {
		t.Errorf("another's session answers %d %q, none %d %q", theirs.StatusCode, theirs.Header.Get("Location"), missing.StatusCode, missing.Header.Get("Location"))
	}
	if !isSignedIn(ann) {
		t.Error("another's session was ended")
	}
	if page := mallory.Get("/account"); strings.Contains(string(page.Body), id) {
		t.Error("another's session is listed")
	}
}

// A15: whatever is changed in the forms of a sign-in and beside them, the answer is to
// the request that was made, or there is none.
func TestA15_EveryFieldOfThePages(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	h.Client("other")
	in, another := signedIn(h, "ann"), flowOf(t, h.Browser(), "other", nil)
	beside := url.Values{
		"response_type": {"token"}, "response_mode": {"fragment"}, "redirect_uri": {"https://evil.example/"}, "client_id": {"other"}, "scope": {"admin"},
		"state": {"changed"}, "code_challenge": {"changed"}, "nonce": {"changed"}, "prompt": {"none"}, "approved": {"true"}, "session": {"x"},
	}
	tampered := map[string]func(url.Values, string){
		"taken out": func(v url.Values, name string) { v.Del(name) },
		"cut short": func(v url.Values, name string) { v.Set(name, v.Get(name)[:len(v.Get(name))-1]) },
		"grown":     func(v url.Values, name string) { v.Set(name, v.Get(name)+"A") },
		"in front": func(v url.Values, name string) {
			v.Set(name, map[bool]string{true: "B", false: "A"}[v.Get(name)[0] == 'A']+v.Get(name)[1:])
		},
		"twice":     func(v url.Values, name string) { v[name] = []string{"x", v.Get(name)} },
		"another's": func(v url.Values, name string) { v.Set(name, another) },
		"left, with more beside it": func(v url.Values, _ string) {
			for name, values := range beside {
				v[name] = values
			}
		},
	}
	for what, tamper := range tampered {
		for _, button := range []string{"sign-in", "accept"} {
			for _, field := range []string{"flow", "decision", "csrf"} {
				b, proof := in, webtest.NewProof()
				if button == "sign-in" {
					b = h.Browser()
				}
				p := b.Get(proof.Authorization("web", url.Values{"prompt": {"consent"}}))
				form := p.Form(t, button, url.Values{"username": {"ann"}, "password": {webtest.Password}})
				if form.Values.Get(field) == "" {
					continue
				}
				tamper(form.Values, field)
				p = b.Post(form.Action+"?"+beside.Encode(), form.Values)
				if p.Left == nil {
					continue
				}
				got := p.Left.Query()
				if !strings.HasPrefix(p.Left.String(), webtest.RedirectURI+"?") || p.Left.Fragment != "" || got.Has("access_token") || got.Get("state") != "state-1" {
					t.Errorf("%s of %s %s leads to %s", field, button, what, p.Left)
				}
				if got.Has("code") {
					if what != "left, with more beside it" && field != "decision" {
						t.Errorf("%s of %s %s leads to a code", field, button, what)
					}
					if a := h.Exchange("web", got.Get("code"), proof); strings.Contains(a.Text("scope"), "admin") {
						t.Errorf("%s of %s %s leads to %s", field, button, what, a.Text("scope"))
					}
				}
			}
		}
	}
}
