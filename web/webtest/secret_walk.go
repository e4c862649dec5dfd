package webtest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
)

// TakingRegistrations is the option of a house in which whoever has a token may register
// a client.
func TakingRegistrations(c *web.Config, _ *postgres.Options) {
	c.Registration = oidc.RegistrationToken
}

// WalkOfSecrets does everything that has secrets in it, what goes wrong included, and
// returns them all. The house must be new and one of [TakingRegistrations]; what it
// mails is taken from post.
func (h *House) WalkOfSecrets(post *Post) Secrets {
	h.T.Helper()
	h.User("ann")
	h.User("root", authz.RoleOwner)
	h.Client("web")
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	h.Client("tv", func(c *storage.Client) {
		c.Kind, c.AuthMethod, c.RedirectURIs = storage.ClientNative, storage.AuthMethodNone, nil
		c.GrantTypes = []string{deviceGrant, storage.GrantRefreshToken}
	})
	h.Client("desk", func(c *storage.Client) {
		c.RedirectURIs, c.GrantTypes = nil, []string{cibaGrant}
		c.Metadata.BackChannelDelivery, c.Metadata.BackChannelNotificationURI = "ping", "https://desk.example/told"
	})
	w := &secretWalk{h, post, Secrets{"password": Password, "client secret": ClientSecret, "master secret": string(h.secret)}}
	w.signIn()
	w.withoutBrowser()
	w.operate()
	w.account()
	w.byMail()
	w.receivers()
	return w.kept
}

const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	cibaGrant   = "urn:openid:params:grant-type:ciba"
)

type secretWalk struct {
	h    *House
	post *Post
	kept Secrets
}

func (w *secretWalk) keep(name, value string) string {
	w.h.T.Helper()
	if len(value) < 9 {
		w.h.T.Fatalf("%s is no secret: %q", name, value)
	}
	w.kept[name] = value
	return value
}

// keepOf keeps members of an answer.
func (w *secretWalk) keepOf(what string, a Answer, members ...string) {
	w.h.T.Helper()
	for _, name := range members {
		if a.Text(name) == "" {
			w.h.T.Fatalf("%s: no %s in %d %s", what, name, a.Status, a.Raw)
		}
		w.keep(what+": "+name, a.Text(name))
	}
}

// signIn goes from a wrong password to tokens that were used and ended.
func (w *secretWalk) signIn() {
	h, b, proof := w.h, w.h.Browser(), NewProof()
	w.keep("verifier", proof.Verifier)
	sent := url.Values{"state": {w.keep("state", "canary-of-the-state")}, "nonce": {w.keep("nonce", "canary-of-the-nonce")}}
	page := b.Get(proof.Authorization("web", sent))
	w.keep("paused request", page.Request.URL.Query().Get("flow"))
	wrong := page.Form(h.T, "sign-in", url.Values{"username": {"ann"}, "password": {w.keep("wrong password", "canary: nearly right")}})
	w.keep("csrf token", wrong.Values.Get("csrf"))
	b.PostRaw(wrong.Action, wrong.Values, nil)
	// People type the one into the field of the other.
	wrong.Values.Set("username", w.keep("password typed as user name", "canary: in the wrong field"))
	b.PostRaw(wrong.Action, wrong.Values, nil)
	code := w.keep("code", b.Authorize(proof, "web", "ann", sent).Get("code"))
	w.keepCookies("", b)

	h.Call("/oauth2/token", "web", w.keep("wrong client secret", "gth_cs_canary-of-a-wrong-one"), url.Values{"grant_type": {"authorization_code"}, "code": {code}})
	tokens := h.Exchange("web", code, proof)
	w.keepOf("tokens", tokens, "access_token", "refresh_token", "id_token")
	again := h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}})
	w.keepOf("refreshed", again, "access_token", "refresh_token")
	h.Exchange("web", code, proof) // a replay
	h.Exchange("web", w.keep("code that never was", "gth_ac_canarycanarycanary"), proof)
	h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.Text("refresh_token")}})
	h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.keep("refresh token that never was", "gth_rt_canarycanarycanary")}})
	h.Introspect("rs", tokens.Text("access_token"))
	h.Introspect("rs", w.keep("token that never was", "canary.canary.canary"))
	h.Call("/oauth2/revoke", "web", ClientSecret, url.Values{"token": {again.Text("refresh_token")}})
	h.Call("/oauth2/token", "", "", url.Values{
		"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion": {w.keep("assertion", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJjYW5hcnkifQ.canary")},
	})
	for _, token := range []string{tokens.Text("access_token"), "canary.canary.canary"} {
		w.send("GET", "/oauth2/userinfo", token, "")
		w.send("GET", "/oauth2/userinfo?access_token="+token, "", "")
	}
	b.Get("/oauth2/authorize?" + url.Values{"client_id": {"web"}, "id_token_hint": {tokens.Text("id_token")}}.Encode())
	b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {tokens.Text("id_token")}}.Encode())
	b.Get("/nowhere?code=" + url.QueryEscape(code))
}

// withoutBrowser pushes a request, and asks for a sign-in on a television and on a phone.
func (w *secretWalk) withoutBrowser() {
	h := w.h
	pushed, _ := url.ParseQuery(strings.TrimPrefix(NewProof().Authorization("web", url.Values{"nonce": {w.kept["nonce"]}}), "/oauth2/authorize?"))
	h.Call("/oauth2/par", "web", ClientSecret, url.Values{"response_type": {"code"}, "nonce": {w.kept["nonce"]}})
	w.keepOf("pushed", h.Call("/oauth2/par", "web", ClientSecret, pushed), "request_uri")

	device := h.Call("/oauth2/device_authorization", "tv", "", url.Values{"scope": {"openid offline_access"}})
	w.keepOf("device", device, "device_code", "user_code")
	h.Call("/oauth2/token", "tv", "", url.Values{"grant_type": {deviceGrant}, "device_code": {device.Text("device_code")}})
	b := h.Browser()
	b.Press(b.Press(b.SignIn(b.Get(device.Text("verification_uri_complete")), "ann"), "continue", nil), "accept", nil)
	waiting := h.Call("/oauth2/device_authorization", "tv", "", url.Values{"scope": {"openid"}})
	w.keepOf("waiting device", waiting, "device_code", "user_code")
	w.keepOf("television", h.Call("/oauth2/token", "tv", "", url.Values{"grant_type": {deviceGrant}, "device_code": {device.Text("device_code")}}), "access_token", "refresh_token")

	asked := h.Call("/oauth2/bc-authorize", "desk", ClientSecret, url.Values{
		"scope": {"openid"}, "login_hint": {"ann"}, "client_notification_token": {w.keep("notification token", "canary-that-comes-with-the-word")},
	})
	w.keepOf("back-channel", asked, "auth_req_id")
	h.Token("desk", url.Values{"grant_type": {cibaGrant}, "auth_req_id": {asked.Text("auth_req_id")}})
}

// operate makes by the API what is shown once.
func (w *secretWalk) operate() {
	h, operate := w.h, w.operator()
	made := operate("/clients", `{"name":"Robot","kind":"service","scopes":["admin"]}`)
	w.keepOf("client", made, "client_secret")
	w.keepOf("rotated client", operate("/clients/"+made.Text("client_id")+"/rotate-secret", `{}`), "client_secret")
	door := operate("/registration-tokens", `{"name":"partners"}`)
	w.keepOf("registration", door, "token")
	w.keepOf("registered", w.send("POST", "/oauth2/register", door.Text("token"), `{"client_name":"x","redirect_uris":["https://app.example/cb"]}`), "client_secret", "registration_access_token")
	w.send("POST", "/oauth2/register", w.keep("registration token that never was", "gth_ia_canarycanarycanary"), `{}`)
	bob := `{"username":"bob","email":"bob@example.com","password":"` + w.keep("bob's password", "canary of four dull words") + `"`
	operate("/users", bob+`,"role":"nobody"}`)
	if a := operate("/users", bob+`}`); a.Status != http.StatusCreated {
		h.T.Fatalf("create a user: %d %s", a.Status, a.Raw)
	}
	for _, refused := range []string{w.kept["tokens: access_token"], w.kept["token that never was"], w.kept["tokens: id_token"], w.kept["operator's token"] + "x", "e30." + w.kept["state"] + ".e30"} {
		if a := w.send(http.MethodGet, "/api/v1/me", refused, ""); a.Status != http.StatusUnauthorized {
			h.T.Fatalf("me: %d %s", a.Status, a.Raw)
		}
	}
	if a := operate("/users:invite", `{"email":"new@example.com","tenant":"acme"}`); a.Status != http.StatusCreated {
		h.T.Fatalf("invite: %d %s", a.Status, a.Raw)
	}
	w.keepLink("invitation", "new@example.com")
}

// receivers is last: what is sent to them never arrives, and nobody waits for it.
func (w *secretWalk) receivers() {
	operate := w.operator()
	w.keepOf("webhook", operate("/webhooks", `{"url":"https://hooks.example/a","events":["user.*"]}`), "secret")
	set := operate("/webhooks", `{"url":"https://hooks.example/b","protocol":"set","audience":"b","events":["session-revoked"],"authorization":"Bearer `+w.keep("webhook's authorization", "receivers-own-canary-word")+`"}`)
	if set.Status != http.StatusCreated {
		w.h.T.Fatalf("webhook of security events: %d %s", set.Status, set.Raw)
	}
}

// operator signs root in, and is how they call the API.
func (w *secretWalk) operator() func(path, body string) Answer {
	w.h.T.Helper()
	admin := w.h.Tokens("web", "root", url.Values{"scope": {"openid admin"}}).Text("access_token")
	w.keep("operator's token", admin)
	return func(path, body string) Answer { return w.send(http.MethodPost, "/api/v1"+path, admin, body) }
}

// account gives ann an authenticator app, recovery codes and another password.
func (w *secretWalk) account() {
	h, b := w.h, w.h.Browser()
	p := b.SignIn(b.Get("/login"), "ann")
	b.Press(b.Get("/account/password"), "change-password", url.Values{"password": {w.keep("common password", "password12345")}})
	changed := b.Press(b.Get("/account/password"), "change-password", url.Values{"password": {w.keep("another password", "canary of other dull words")}})
	if changed.StatusCode != http.StatusOK || changed.Request.URL.Path != "/account" {
		h.T.Fatalf("change the password: %d\n%s", changed.StatusCode, changed.Body)
	}
	p = b.Get("/account/authenticator-app")
	_, rest, _ := strings.Cut(string(p.Body), `id="secret">`)
	shown, _, _ := strings.Cut(rest, "<")
	secret := w.keep("authenticator app", strings.ReplaceAll(shown, " ", ""))
	w.keep("authenticator app as shown", shown)
	w.keep("authenticator app's sealed state", p.Form(h.T, "set-up-app", nil).Values.Get("state"))
	b.Press(p, "set-up-app", url.Values{"code": {"000000"}})
	b.Press(p, "set-up-app", url.Values{"code": {appCode(h.T, secret, h.Now())}})
	h.Advance(time.Minute) // each code counts once
	b = h.Browser()
	p = b.Press(b.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {w.kept["another password"]}})
	b.Press(p, "verify", url.Values{"code": {appCode(h.T, secret, h.Now())}})
	p = b.Press(b.Get("/account/recovery-codes"), "make-codes", nil)
	codes := p.Form(h.T, "download-codes", nil).Values["code"]
	for i, code := range codes {
		w.keep(fmt.Sprintf("recovery code %d", i), code)
	}
	b = h.Browser()
	p = b.Press(b.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {w.kept["another password"]}})
	b.Press(p, "use-recovery-code", url.Values{"code": {w.keep("recovery code that never was", "canar-ycana-rycan")}})
	b.Press(p, "use-recovery-code", url.Values{"code": {codes[0]}})
	if p := b.Get("/account"); p.Request.URL.Path != "/account" {
		h.T.Fatalf("a recovery code leads to %s", p.Request.URL)
	}
	w.keepCookies("later ", b)
	b.Press(b.Get("/account/email"), "change-email", url.Values{"email": {"ann@elsewhere.example"}})
	w.keepLink("new address", "ann@elsewhere.example")
}

// byMail asks for links: one is spent, one is left.
func (w *secretWalk) byMail() {
	h, b := w.h, w.h.Browser()
	forgot := func(purpose, username string) {
		page := b.Get(NewProof().Authorization("web", nil))
		form := b.Get("/login/forgot?"+url.Values{"flow": {w.keep("paused request of "+purpose, page.Request.URL.Query().Get("flow"))}}.Encode()).
			Form(h.T, "reset-password", url.Values{"username": {username}, "purpose": {purpose}})
		if p := b.Post(form.Action, form.Values); p.StatusCode != http.StatusOK {
			h.T.Fatalf("%s: %d\n%s", purpose, p.StatusCode, p.Body)
		}
	}
	forgot("reset_password", "bob")
	spent := w.keepLink("reset", "bob@example.com")
	b.Press(b.Get(spent), "spend", url.Values{"password": {w.keep("short password", "canary-no")}})
	if p := b.Press(b.Get(spent), "spend", url.Values{"password": {w.keep("password by mail", "canary of words by mail")}}); p.StatusCode != http.StatusOK {
		h.T.Fatalf("reset: %d\n%s", p.StatusCode, p.Body)
	}
	b.Get(spent)
	forgot("sign_in", "bob")
	w.keepLink("sign-in", "bob@example.com")
	b.Get("/link?token=" + w.keep("link that never was", "gth_ol_canarycanarycanary"))
}

// keepCookies keeps the session's and the browser's.
func (w *secretWalk) keepCookies(when string, b *Browser) {
	w.h.T.Helper()
	for _, c := range b.Jar.Cookies(b.url()) {
		if c.Name == "gatehouse" || c.Name == "gatehouse-browser" {
			w.keep(when+"cookie "+c.Name, c.Value)
		}
	}
}

// keepLink keeps the token of the link that was mailed last, and returns the link.
func (w *secretWalk) keepLink(what, to string) string {
	w.h.T.Helper()
	link := w.post.Latest(to).Link
	_, token, _ := strings.Cut(link, "token=")
	w.keep("link of "+what, token)
	return link
}

// send sends JSON with a bearer token to an address of the house.
func (w *secretWalk) send(method, path, bearer, body string) Answer {
	w.h.T.Helper()
	r, err := http.NewRequestWithContext(w.h.T.Context(), method, w.h.Socket()+path, strings.NewReader(body))
	if err != nil {
		w.h.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte(path + body))
	r.Header.Set("Idempotency-Key", hex.EncodeToString(sum[:]))
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return w.h.Send(r)
}

// appCode is what an authenticator app shows (RFC 6238 with its defaults).
func appCode(t testing.TB, secret string, now time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, now.Unix()/30)
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}
