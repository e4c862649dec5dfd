package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/mail"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const anotherPassword = "four unrelated words of mine"

// ask asks for a link by mail, as the form does.
func ask(b *webtest.Browser, purpose, username string) *webtest.Page {
	b.T.Helper()
	form := b.Get("/login/forgot").Form(b.T, "reset-password", url.Values{"username": {username}, "purpose": {purpose}})
	return b.Post(form.Action, form.Values)
}

func contains(t *testing.T, p *webtest.Page, status int, words string) {
	t.Helper()
	if p.StatusCode != status || !strings.Contains(string(p.Body), words) {
		t.Fatalf("%s: %d, want %d with %q:\n%s", p.Request.URL.Path, p.StatusCode, status, words, p.Body)
	}
}

// A new password by mail: once, and everything else of the account ends (H9, D5).
func TestK1_ResetByMail(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	tokens := h.Tokens("web", "ann", url.Values{"scope": {"openid offline_access"}})
	elsewhere, post, b := signedIn(h, "ann"), h.Post(), h.Browser()
	contains(t, ask(b, "reset_password", "ANN"), http.StatusOK, `id="sent"`)
	first := post.Latest("ann@example.com").Link
	ask(b, "reset_password", "ann@example.com")
	link := post.Latest("ann@example.com").Link
	if p := b.Get(first); p.StatusCode != http.StatusGone || first == link {
		t.Errorf("the earlier link: %d", p.StatusCode)
	}
	b.Get(link) // as a mail scanner does
	page := h.Browser().Get(link)
	contains(t, page, http.StatusOK, "Choose a new password")
	contains(t, b.Press(b.Get(link), "spend", url.Values{"password": {"ann@example.com"}}), http.StatusBadRequest, "built from your name")
	contains(t, b.Press(b.Get(link), "spend", url.Values{"password": {anotherPassword}}), http.StatusOK, "Your new password is set")
	contains(t, b.Get(link), http.StatusGone, "")
	if p := b.Get("/account"); p.Request.URL.Path != "/login" {
		t.Errorf("the reset itself signed in: %s", p.Request.URL)
	}
	if p := elsewhere.Get("/account"); p.Request.URL.Path != "/login" {
		t.Errorf("another session stands: %s", p.Request.URL)
	}
	refreshed := h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}})
	if refreshed.Status != http.StatusBadRequest {
		t.Errorf("the refresh token still works: %d", refreshed.Status)
	}
	contains(t, b.Press(b.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {webtest.Password}}), http.StatusUnauthorized, "")
	contains(t, b.Press(b.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {anotherPassword}}), http.StatusOK, "Your account")
	if k := post.Latest("ann@example.com"); k.Subject != "Your password was changed" {
		t.Errorf("the owner was told %q", k.Subject)
	}
	if strings.Contains(h.Log.String(), "gth_ol_") {
		t.Error("a link stands in the log")
	}
}

// K1: of a hundred browsers that press the button at once, on three replicas, one wins.
func TestK1_LinkIsSpentOnceAtOnce(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.Wide)
	h.User("ann")
	replicas, post := h.Three(), h.Post()
	for range webtest.Rounds(t, 1) {
		ask(h.Browser(), "sign_in", "ann")
		link := post.Latest("ann@example.com").Link
		var all sync.WaitGroup
		var mu sync.Mutex
		seen := map[int]int{}
		var presses []func() *webtest.Page
		for i := range 100 {
			b := replicas[i%3].Browser()
			form := b.Get(link).Form(t, "spend", nil)
			presses = append(presses, func() *webtest.Page { return b.PostRaw(form.Action, form.Values, nil) })
		}
		for _, press := range presses {
			all.Go(func() {
				p := press()
				mu.Lock()
				defer mu.Unlock()
				seen[p.StatusCode]++
			})
		}
		all.Wait()
		if seen[http.StatusSeeOther] != 1 || seen[http.StatusGone] != 99 {
			t.Errorf("answers: %v", seen)
		}
		h.Advance(time.Hour) // letters are counted
	}
}

// K1: links end in time.
func TestK1_LinksExpire(t *testing.T) {
	t.Parallel()
	for purpose, lifetime := range map[string]time.Duration{"sign_in": 10 * time.Minute, "reset_password": 15 * time.Minute} {
		h := webtest.Boot(t)
		h.User("ann")
		post := h.Post()
		ask(h.Browser(), purpose, "ann")
		link := post.Latest("ann@example.com").Link
		h.Advance(lifetime - 5*time.Second)
		contains(t, h.Browser().Get(link), http.StatusOK, "spend")
		h.Advance(10 * time.Second)
		contains(t, h.Browser().Get(link), http.StatusGone, "")
	}
}

// A sign-in by mail goes on with the request that waits, and says how it was done.
func TestSignInByMail(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	post, b, proof := h.Post(), h.Browser(), webtest.NewProof()
	p := b.Get(proof.Authorization("web", nil))
	p = b.Get(regexp.MustCompile(`/login/forgot\?flow=[^"]+`).FindString(string(p.Body)))
	contains(t, b.Press(p, "mail-sign-in", url.Values{"username": {"ann"}}), http.StatusOK, `id="sent"`)
	p = b.Press(b.Get(post.Latest("ann@example.com").Link), "spend", nil)
	contains(t, p, http.StatusOK, `id="accept"`)
	var amr []string
	var acr authz.ACR
	h.World.Get(`select amr, acr from platform.user_sessions`, nil, &amr, &acr)
	if !slices.Equal(amr, []string{"email"}) || acr != authz.ACRSingleFactor {
		t.Errorf("the session says %q, %q", amr, acr)
	}
}

// K3: neither a link nor a new password stands in for the second factor.
func TestK3_SecondFactorIsStillAsked(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	ann := h.User("ann")
	post, b := h.Post(), h.Browser()
	ask(b, "sign_in", "ann")
	early := post.Latest("ann@example.com").Link
	h.World.Exec(`insert into platform.totp_secrets (user_id, secret_sealed, last_step, created_at) values ($1, 'sealed', 0, now())`, ann)
	contains(t, b.Press(b.Get(early), "spend", nil), http.StatusGone, "")
	ask(b, "sign_in", "ann")
	if k := post.Latest("ann@example.com"); k.Link != "" || !strings.Contains(k.Text, "second factor") {
		t.Errorf("mailed %q with link %q", k.Subject, k.Link)
	}
	ask(b, "reset_password", "ann")
	b.Press(b.Get(post.Latest("ann@example.com").Link), "spend", url.Values{"password": {anotherPassword}})
	p := b.Press(b.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {anotherPassword}})
	if p.Request.URL.Path != "/login/verify" {
		t.Errorf("after the reset a sign-in leads to %s", p.Request.URL)
	}
}

// I6, K5: the answer is the same for every name, and an account gets three mails.
func TestI6_K5_ForgotTellsNothingAndFloodsNobody(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, behindProxy, stopClock)
	h.User("known")
	gone := h.User("disabled")
	h.World.Exec(`update platform.users set disabled_at = now() where id = $1`, gone)
	post, b := h.Post(), h.Browser()
	form := b.Get("/login/forgot").Form(t, "reset-password", nil)
	answer := func(username, addr string) string {
		form.Values.Set("username", username)
		form.Values.Set("purpose", "reset_password")
		p := b.PostRaw(form.Action, form.Values, from(addr))
		for _, h := range []string{"X-Request-Id", "Date", "Content-Length"} {
			p.Header.Del(h)
		}
		return fmt.Sprintln(p.StatusCode, p.Header) + strings.ReplaceAll(string(p.Body), `value="`+username+`"`, "")
	}
	names := []string{"known", "known@example.com", "KNOWN", "disabled", "x", strings.Repeat("x", 3000), "a\x00b", "\xff"}
	for i := range 100 {
		addr := fmt.Sprintf("203.0.113.%d", i/8)
		want := answer("nobody", addr)
		if got := answer(names[i%len(names)], addr); i%8 < 5 && got != want {
			t.Errorf("as %.40q:\n%s\nas nobody:\n%s", names[i%len(names)], got, want)
		}
	}
	if p := answer("known", "203.0.113.1"); !strings.HasPrefix(p, "429") {
		t.Errorf("one address may ask on and on: %.80s", p)
	}
	post.Idle()
	if all := post.All(); len(all) != 3 || slices.ContainsFunc(all, func(k mail.Kept) bool { return k.To != "<known@example.com>" }) {
		t.Errorf("%d mails were sent: %+v", len(all), all)
	}
}

// I7: the work that differs is done behind the answer.
func TestI7_ForgotTakesAsLong(t *testing.T) {
	h := webtest.Boot(t, behindProxy)
	h.User("known")
	b := h.Browser()
	form := b.Get("/login/forgot").Form(t, "reset-password", nil)
	ask := func(username string, i int) time.Duration {
		form.Values.Set("username", username)
		begun := time.Now()
		b.PostRaw(form.Action, form.Values, from(fmt.Sprintf("198.%d.%d.%d", 18+i/250, i%250, len(username))))
		return time.Since(begun)
	}
	// Each is compared with the one right after it: what slows the machine slows both. On a
	// busy one more are asked, until the middle of all has settled.
	var apart []time.Duration
	middle := func() time.Duration { return slices.Sorted(slices.Values(apart))[len(apart)/2] }
	for i := 0; i < 60 || i < 400 && middle().Abs() > 5*time.Millisecond; i++ {
		if i%2 == 0 { // each of them first in turn
			apart = append(apart, ask("known", i)-ask("nobody", i))
		} else {
			apart = append(apart, -(ask("nobody", i) - ask("known", i)))
		}
	}
	if middle().Abs() > 5*time.Millisecond {
		t.Errorf("the middle of %d is %v apart", len(apart), middle())
	}
}

// H12, K2: what a request says of hosts never gets into a mail.
func TestH12_K2_MailNamesTheIssuer(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, behindProxy)
	h.User("ann")
	post, b := h.Post(), h.Browser()
	form := b.Get("/login/forgot").Form(t, "reset-password", url.Values{"username": {"ann"}, "purpose": {"reset_password"}})
	headers := hostile.Clone()
	headers.Del("Host")
	b.PostRaw(form.Action, form.Values, headers)
	if k := post.Latest("ann@example.com"); !strings.HasPrefix(k.Link, h.URL+authn.LinkPath+"?") || strings.Contains(k.Text, "evil") || strings.Contains(k.Text, "gopher") {
		t.Errorf("mailed:\n%s", k.Text)
	}
}

// K8: who is invited makes an account at that address, or joins with the one that has it; nobody else does.
func TestK8_Invitation(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	d := directory.New(h.Store, nil, h.Now)
	host := directory.Actor{Name: "host", Host: true}
	post := h.Post()
	invite := func(email string) string {
		t.Helper()
		if _, err := d.Invite(t.Context(), host, directory.Invite{Email: email, Tenant: "acme"}); err != nil {
			t.Fatal(err)
		}
		return post.Latest(email).Link
	}
	b, link := h.Browser(), invite("new@example.com")
	contains(t, b.Press(b.Get(link), "spend", url.Values{"username": {"a b"}, "password": {anotherPassword}}), http.StatusBadRequest, "letters, digits")
	page := b.Get(link).Form(t, "spend", url.Values{
		"username": {"newcomer"}, "password": {anotherPassword}, "email": {"other@example.com"}, "role": {"owner"}, "email_verified": {"true"},
	})
	contains(t, b.Post(page.Action, page.Values), http.StatusOK, "You belong to")
	made, err := h.Store.UserByIdentifier(t.Context(), "newcomer")
	if err != nil || made.Email != "new@example.com" || made.Role != authz.RoleUser || made.EmailVerifiedAt.IsZero() {
		t.Errorf("the account: %+v, %v", made, err)
	}
	contains(t, b.Get(link), http.StatusGone, "")

	h.UserOf("ben", h.World.Tenant("elsewhere"))
	h.User("mallory")
	link = invite("ben@example.com")
	contains(t, h.Browser().Get(link), http.StatusOK, "has an account already")
	mallory := signedIn(h, "mallory")
	form := mallory.Get("/login/forgot").Form(t, "reset-password", url.Values{"token": {strings.SplitN(link, "token=", 2)[1]}})
	contains(t, mallory.Post("/link", form.Values), http.StatusGone, "")
	ben := signedIn(h, "ben")
	contains(t, ben.Press(ben.Get(link), "spend", nil), http.StatusOK, "You belong to")

	link = invite("late@example.com")
	h.Advance(7*24*time.Hour + time.Second)
	contains(t, b.Get(link), http.StatusGone, "")
}

// K4, K9: an address is verified by its link alone; the old one stays until the new one is confirmed, and can take it back.
func TestK4_K9_Addresses(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	id := h.User("ann")
	post, b := h.Post(), h.Browser()
	user := func() storage.User {
		u, err := h.Store.ForUser(id).User(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	ann := signedIn(h, "ann")
	contains(t, ann.Press(ann.Get("/account/email"), "verify-email", nil), http.StatusOK, "We sent a letter")
	link := post.Latest("ann@example.com").Link
	if b.Get(link); !user().EmailVerifiedAt.IsZero() {
		t.Error("opening the link was enough")
	}
	// Nor does any form say so of itself.
	csrf := csrfOf(t, ann)
	for _, path := range []string{"/account/profile", "/account/email/verify", "/account/email"} {
		ann.Post(path, url.Values{"csrf": {csrf}, "name": {"Ann"}, "email_verified": {"true"}, "email_verified_at": {"2026-01-01T00:00:00Z"}, "EmailVerifiedAt": {"2026-01-01T00:00:00Z"}})
		if u := user(); !u.EmailVerifiedAt.IsZero() || u.Email != "ann@example.com" {
			t.Errorf("%s: %s, verified at %v", path, u.Email, u.EmailVerifiedAt)
		}
	}
	contains(t, b.Press(b.Get(post.Latest("ann@example.com").Link), "spend", nil), http.StatusOK, "Your address is confirmed")
	if user().EmailVerifiedAt.IsZero() {
		t.Error("the address is not verified")
	}

	contains(t, ann.Press(ann.Get("/account/email"), "change-email", url.Values{"email": {"no address"}}), http.StatusBadRequest, "not an e-mail address")
	old := ann.Get("/account/email").Form(t, "change-email", url.Values{"email": {"old@example.com"}})
	h.Advance(6 * time.Minute)
	contains(t, ann.Get("/account/email"), http.StatusOK, "/login?flow=account%3Aemail")
	if p := ann.PostRaw(old.Action, old.Values, nil); p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/login") {
		t.Errorf("six minutes after the sign-in: %d to %s", p.StatusCode, p.Header.Get("Location"))
	}
	ann = signedIn(h, "ann")
	contains(t, ann.Press(ann.Get("/account/email"), "change-email", url.Values{"email": {"new@example.com"}}), http.StatusOK, "We sent a letter")
	if k := post.Latest("ann@example.com"); !strings.Contains(k.Text, "new@example.com") || user().Email != "ann@example.com" {
		t.Errorf("before the change %q was told to %s", k.Text, user().Email)
	}
	contains(t, b.Press(b.Get(post.Latest("new@example.com").Link), "spend", nil), http.StatusOK, "Your address was changed")
	if user().Email != "new@example.com" {
		t.Errorf("the address is %s", user().Email)
	}
	session := signedIn(h, "ann")
	contains(t, b.Press(b.Get(post.Latest("ann@example.com").Link), "spend", nil), http.StatusOK, "The change was taken back")
	if p := session.Get("/account"); user().Email != "ann@example.com" || p.Request.URL.Path != "/login" {
		t.Errorf("afterwards the address is %s, and a session leads to %s", user().Email, p.Request.URL)
	}
}

// The page of mails is for development alone.
func TestDevMail(t *testing.T) {
	t.Parallel()
	contains(t, webtest.Boot(t).Browser().Get("/dev/mail"), http.StatusNotFound, "")
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.Mailbox = &mail.Folder{Dir: t.TempDir(), Now: c.Now} })
	contains(t, h.Browser().Get("/dev/mail"), http.StatusOK, "Nothing was sent so far")
}
