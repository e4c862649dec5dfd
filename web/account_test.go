package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const betterPassword = "plum oboe lattice harbour"

// A new password ends every session but the one that chose it, and needs a sign-in
// of the last five minutes.
func TestH9_NewPasswordEndsTheOthers(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	here, there := signedIn(h, "ann"), signedIn(h, "ann")
	page := here.Press(here.Get("/account/password"), "change-password", url.Values{"password": {betterPassword}})
	if page.Request.URL.Path != "/account" || !strings.Contains(string(page.Body), "every other session has ended") {
		t.Fatalf("the change led to %s:\n%s", page.Request.URL, page.Body)
	}
	if p := there.Get("/account"); p.Request.URL.Path != "/login" {
		t.Errorf("the other session still reaches %s", p.Request.URL)
	}
	former := h.Browser()
	if p := former.SignIn(former.Get("/login"), "ann"); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("the former password: %d", p.StatusCode)
	}
	anew := h.Browser()
	p := anew.Press(anew.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {betterPassword}})
	if p.Request.URL.Path == "/login" {
		t.Errorf("the new password: %d", p.StatusCode)
	}
	if log := h.Log.String(); strings.Contains(log, betterPassword) {
		t.Error("the password is in the log")
	}
}

// Who opens a page before signing in sees it afterwards, and not another one.
func TestSignInLeadsToThePageAskedFor(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann", authz.RoleOwner)
	for asked, want := range map[string]string{
		"/account": "/account", "/account/passkeys": "/account/passkeys", "/account/requests": "/account/requests",
		"/console": "/console", "/login?flow=console:x": "/account", "/login?flow=account:x/../../dev": "/account", "/login?flow=//evil.example:": "/account",
	} {
		b := h.Browser()
		if p := b.SignIn(b.Get(asked), "ann"); p.StatusCode != http.StatusOK || p.Request.URL.Path != want {
			t.Errorf("%s: %d at %s, want %s", asked, p.StatusCode, p.Request.URL, want)
		}
	}
}

func TestSensitiveChangesNeedAFreshSignIn(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	b := signedIn(h, "ann")
	csrf := csrfOf(t, b)
	h.Advance(6 * time.Minute)
	for path, form := range map[string]url.Values{
		"/account/password":    {"password": {betterPassword}},
		"/account/data/export": {},
		"/account/data/delete": {"confirm": {"ann"}},
	} {
		form.Set("csrf", csrf)
		if p := b.PostRaw(path, form, nil); p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/login?flow=account") {
			t.Errorf("%s: %d to %s", path, p.StatusCode, p.Header.Get("Location"))
		}
	}
	if body := string(b.Get("/account/password").Body); !strings.Contains(body, `id="prove-again"`) || strings.Contains(body, `id="change-password"`) {
		t.Error("the page offers a change that it will refuse")
	}
}

func TestWeakPasswordsAreToldApart(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann-of-the-hill")
	b := signedIn(h, "ann-of-the-hill")
	for password, want := range map[string]string{
		"sh0rt!": "too short", strings.Repeat("long words ", 200): "too long", "password1234": "everybody tries first",
		"xyzwxyzwxyzw": "repeats a few", "ann-of-the-hill1": "built from your name",
	} {
		p := b.Press(b.Get("/account/password"), "change-password", url.Values{"password": {password}})
		if p.StatusCode != http.StatusBadRequest || !strings.Contains(string(p.Body), want) {
			t.Errorf("%.20q: %d without %q", password, p.StatusCode, want)
		}
		if strings.Contains(string(p.Body), password) {
			t.Errorf("%.20q is shown", password)
		}
	}
}

func TestProfileNameAndTenants(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	globex := h.World.Tenant("globex")
	h.UserOf("both", h.Tenant, globex)
	foreign := h.World.Tenant("initech")
	b := h.Browser()
	choosing := b.SignIn(b.Get("/login"), "both")
	b.Post("/login/tenant", url.Values{"csrf": {choosing.Form(t, "switch-account", nil).Values.Get("csrf")}, "tenant_id": {h.Tenant.String()}})
	p := b.Press(b.Get("/account/profile"), "save-profile", url.Values{"name": {"  Bo Th "}})
	if !strings.Contains(string(p.Body), "<dt>Name</dt><dd><bdi>Bo Th</bdi>") {
		t.Errorf("the name was not changed:\n%s", p.Body)
	}
	for _, unfit := range []string{"a\x07b", strings.Repeat("x", 201)} {
		if p := b.Press(b.Get("/account/profile"), "save-profile", url.Values{"name": {unfit}}); p.StatusCode != http.StatusBadRequest {
			t.Errorf("%.10q: %d", unfit, p.StatusCode)
		}
	}
	csrf := csrfOf(t, b)
	choose := func(tenant authz.TenantID, more url.Values) *webtest.Page {
		form := url.Values{"csrf": {csrf}, "tenant_id": {tenant.String()}}
		for name, v := range more {
			form[name] = v
		}
		return b.Post("/account/tenants", form)
	}
	if p := choose(globex, nil); !strings.Contains(string(p.Body), "<dt>Tenant</dt><dd><bdi>globex</bdi>") {
		t.Errorf("the session did not move:\n%s", p.Body)
	}
	choose(globex, url.Values{"make_default": {"on"}})
	if body := string(b.Get("/account/tenants").Body); strings.Count(body, "Your default") != 1 || !strings.Contains(body, "You are here") {
		t.Errorf("the tenants are:\n%s", body)
	}
	if p := choose(foreign, nil); p.Request.URL.Path != "/account/tenants" || strings.Contains(string(p.Body), "initech") {
		t.Errorf("another's tenant led to %s", p.Request.URL)
	}
}

// What people write of how they are reached is theirs to change, in one form that leaves the
// rest alone, and a number that they change is not verified any more.
func TestProfile_PhoneAndAddress(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	ann := h.User("ann")
	b := signedIn(h, "ann")
	b.Press(b.Get("/account/profile"), "save-profile", url.Values{"name": {"Ann"}, "language": {"en"}})
	save := func(change url.Values) *webtest.Page {
		return b.Press(b.Get("/account/profile"), "save-contact", change)
	}
	stored := func() storage.User {
		t.Helper()
		u, err := h.Store.ForUser(ann).User(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	home := storage.Address{Street: "Hauptstr. 1\nHinterhaus", PostalCode: "10115", Locality: "Berlin", Region: "BE", Country: "Germany"}
	if p := save(url.Values{
		"phone": {" +49 (30) 123-456 "}, "street": {"Hauptstr. 1\r\nHinterhaus"}, "postal_code": {"10115"}, "locality": {"Berlin"}, "region": {"BE"}, "country": {"Germany"},
	}); p.Request.URL.Path != "/account" {
		t.Fatalf("the change led to %s:\n%s", p.Request.URL, p.Body)
	}
	if u := stored(); u.Phone != "+4930123456" || u.PhoneVerified || u.Address != home || u.DisplayName != "Ann" || u.Language != "en" {
		t.Errorf("stored: %+v", u)
	}
	h.World.Exec(`update platform.users set phone_verified = true`)
	if body := string(save(url.Values{"country": {"Deutschland"}}).Body); !stored().PhoneVerified {
		t.Errorf("another country made the number unverified:\n%s", body)
	}
	if body := string(b.Get("/account/profile").Body); !strings.Contains(body, "This number is verified.") || !strings.Contains(body, "Hauptstr. 1\nHinterhaus</textarea>") {
		t.Errorf("the page does not say what is stored:\n%s", body)
	}
	before := stored()
	for field, unfit := range map[string][2]string{
		"phone": {"030 123456", "telephone number cannot be used"}, "locality": {"a\x07b", "address cannot be used"}, "street": {strings.Repeat("x", 201), "address cannot be used"},
	} {
		p := save(url.Values{field: {unfit[0]}})
		if body := string(p.Body); p.StatusCode != http.StatusBadRequest || !strings.Contains(body, unfit[1]) || field == "phone" && !strings.Contains(body, `value="030 123456"`) {
			t.Errorf("%s %.20q: %d\n%s", field, unfit[0], p.StatusCode, body)
		}
	}
	if stored() != before {
		t.Error("what cannot be had changed something")
	}
	save(url.Values{"phone": {"+4930123457"}, "street": {""}, "postal_code": {""}, "locality": {""}, "region": {""}, "country": {""}})
	if u := stored(); u.Phone != "+4930123457" || u.PhoneVerified || u.Address != (storage.Address{}) {
		t.Errorf("another number, and no address: %+v", u)
	}
}

// Each scope is said in the language of the page.
func TestConsent_ScopesInWords(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	for tag, want := range map[string][2]string{
		"en": {"See your telephone number", "See your postal address"}, "de": {"Ihre Telefonnummer sehen", "Ihre Anschrift sehen"},
		"es": {"Ver su número de teléfono", "Ver su dirección postal"}, "fr": {"Voir votre numéro de téléphone", "Voir votre adresse postale"},
		"ja": {"電話番号を見る", "住所を見る"}, "ar": {"رؤية رقم هاتفك", "رؤية عنوانك البريدي"},
	} {
		b := h.Browser()
		request := webtest.NewProof().Authorization("web", url.Values{"scope": {"openid profile email phone address"}, "ui_locales": {tag}})
		body := string(b.SignIn(b.Get(request), "ann").Body)
		for _, words := range want {
			if !strings.Contains(body, words) {
				t.Errorf("%s: no %q in\n%s", tag, words, body)
			}
		}
		if tag != "en" && strings.Contains(body, "<strong>See ") {
			t.Errorf("%s: English words are left in\n%s", tag, body)
		}
	}
}

func TestExportHasEverythingAndNoSecret(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	id := h.User("ann")
	h.Client("web")
	b := h.Browser()
	proof := webtest.NewProof()
	h.Exchange("web", b.Authorize(proof, "web", "ann", nil).Get("code"), proof)
	h.World.Exec(`insert into platform.user_scopes (user_id, scope, created_at) values ($1, 'reports:read', now())`, id)
	if p := b.Get("/account"); !strings.Contains(string(p.Body), "last used") {
		t.Errorf("the page does not say when the application was used:\n%s", p.Body)
	}
	b.Press(b.Get("/account/profile"), "save-profile", url.Values{"language": {"es"}})
	b.Press(b.Get("/account/profile"), "save-contact", url.Values{"phone": {"+4930123456"}, "country": {"Germany"}})
	p := b.Press(b.Get("/account/data"), "export", nil)
	if got := p.Header.Get("Content-Disposition"); p.StatusCode != http.StatusOK || !strings.HasPrefix(got, "attachment") {
		t.Fatalf("%d, %q:\n%s", p.StatusCode, got, p.Body)
	}
	var all struct {
		User struct {
			ID, Username, Email, Language string
			Last                          string `json:"last_language"`
			Phone                         string `json:"phone_number"`
			Address                       storage.Address
		}
		Sessions []struct{ ID string }
		Apps     []struct {
			Client string `json:"client_id"`
			Used   string `json:"last_used_at"`
		}
		Scopes []struct{ Scope string }
		Events []struct{ Action string }
	}
	if err := json.Unmarshal(p.Body, &all); err != nil {
		t.Fatal(err)
	}
	if all.User.ID != id.String() || all.User.Username != "ann" || all.User.Language != "es" || all.User.Last != "en" || all.User.Phone != "+4930123456" || all.User.Address.Country != "Germany" || len(all.Sessions) != 1 || len(all.Apps) != 1 || all.Apps[0].Client != "web" {
		t.Errorf("the file has %s", p.Body)
	}
	if all.Apps[0].Used == "" || len(all.Scopes) != 1 || all.Scopes[0].Scope != "reports:read" || len(all.Events) == 0 {
		t.Errorf("the file lacks the use of an application, an extra scope or the events: %s", p.Body)
	}
	for _, secret := range []string{"argon2", "hash", "sealed", "public_key"} {
		if strings.Contains(strings.ToLower(string(p.Body)), secret) {
			t.Errorf("the file speaks of %q", secret)
		}
	}
}

func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.User("olga", authz.RoleOwner)
	b := signedIn(h, "ann")
	if p := b.Press(b.Get("/account/data"), "delete-account", url.Values{"confirm": {"anne"}}); p.StatusCode != http.StatusBadRequest {
		t.Errorf("a slip of the hand: %d", p.StatusCode)
	}
	if p := b.Press(b.Get("/account/data"), "delete-account", url.Values{"confirm": {"ann"}}); p.Request.URL.Path != "/" {
		t.Errorf("led to %s:\n%s", p.Request.URL, p.Body)
	}
	if p := b.Get("/account"); p.Request.URL.Path != "/login" {
		t.Errorf("the deleted account reaches %s", p.Request.URL)
	}
	owner := signedIn(h, "olga")
	if p := owner.Press(owner.Get("/account/data"), "delete-account", url.Values{"confirm": {"olga"}}); p.StatusCode != http.StatusConflict {
		t.Errorf("the last owner: %d", p.StatusCode)
	}
}
