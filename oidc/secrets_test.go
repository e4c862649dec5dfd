package oidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// secrets is everything that was given out, by what it is. The parts of an opaque
// secret that are random are looked for as bytes too.
type secrets map[string]string

func (s secrets) add(what, text string) {
	if text == "" {
		panic("no " + what + " was given out")
	}
	s[what] = text
	if encoded, opaque := strings.CutPrefix(text, "gth_"); opaque {
		_, encoded, _ = strings.Cut(encoded, "_")
		// The last 32 bytes of a code and of a session; of a refresh token, the 32 before the seal.
		if raw, err := base64.RawURLEncoding.DecodeString(encoded); err == nil && len(raw) >= 48 {
			end := len(raw)
			if strings.HasPrefix(text, "gth_rt_") {
				end -= 16
			}
			s[what+", as bytes"] = hex.EncodeToString(raw[end-32 : end])
		}
	}
	s[what+", its text as bytes"] = hex.EncodeToString([]byte(text))
}

// found is which of the secrets stand in a text.
func (s secrets) found(text string) []string {
	var all []string
	for what, secret := range s {
		if strings.Contains(text, secret) {
			all = append(all, what)
		}
	}
	return all
}

func TestD8_E9_P1_NoSecretAtRestOrInTheLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	issued := secrets{}
	issued.add("password", webtest.Password)
	issued.add("client secret", webtest.ClientSecret)
	issued.add("master secret", string(h.Secret()))

	b, proof := h.Browser(), webtest.NewProof()
	p := b.Get(proof.Authorization("web", nil))
	issued.add("paused request", p.Request.URL.Query().Get("flow"))
	issued.add("form token", p.Form(t, "sign-in", nil).Values.Get("csrf"))
	p = b.SignIn(p, "ann")
	code := b.Press(p, "accept", nil).Left.Query().Get("code")
	issued.add("code", code)
	issued.add("verifier", proof.Verifier)
	home, err := url.Parse(h.Socket())
	noError(t, err)
	for _, cookie := range b.Jar.Cookies(home) {
		if cookie.Name == "gatehouse-begun" {
			continue // a number
		}
		issued.add("cookie "+cookie.Name, cookie.Value)
	}
	waiting := b.Authorize(webtest.NewProof(), "web", "ann", nil).Get("code")
	issued.add("code that waits", waiting)

	tokens := mustGrant(t, "exchange", h.Exchange("web", code, proof))
	issued.add("ID token", tokens.Text("id_token"))
	for i := range 3 {
		name := " " + string(rune('1'+i))
		issued.add("access token"+name, tokens.Text("access_token"))
		issued.add("refresh token"+name, tokens.Text("refresh_token"))
		tokens = mustGrant(t, "refresh", refresh(h, "web", tokens.Text("refresh_token"), nil))
	}
	issued.add("the client's own token", h.Token("rs", url.Values{"grant_type": {"client_credentials"}}).Text("access_token"))
	// What goes wrong is logged, and must not be quoted.
	issued.add("password that was wrong", "hunter2-but-longer")
	b2 := h.Browser()
	b2.Press(b2.Get("/login"), "sign-in", url.Values{"username": {"ann"}, "password": {"hunter2-but-longer"}})
	issued.add("client secret that was wrong", "gth_cs_wrong-secret")
	h.Call("/oauth2/token", "web", "gth_cs_wrong-secret", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}})
	h.Introspect("rs", tokens.Text("access_token"))
	userInfo(t, h, tokens.Text("access_token"))
	mustRefuse(t, "replay", h.Exchange("web", code, proof), http.StatusBadRequest, "invalid_grant")
	h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {tokens.Text("refresh_token")}})

	tables := strings.Fields(h.World.Text(`select string_agg(quote_ident(table_schema) || '.' || quote_ident(table_name), ' ')
		from information_schema.tables where table_schema in ('platform', 'public') and table_type = 'BASE TABLE'`))
	if len(tables) < 20 {
		t.Fatalf("only %d tables were looked at: %v", len(tables), tables)
	}
	for _, table := range tables {
		table = strings.Trim(table, "()\"")
		for _, what := range issued.found(h.World.Text(`select * from ` + table)) {
			t.Errorf("the table %s holds the %s", table, what)
		}
	}
	// The digest is there, in the same spelling: the search above would have found
	// the secret itself.
	raw, err := hex.DecodeString(issued["code that waits, as bytes"])
	noError(t, err)
	digest := sha256.Sum256(raw)
	if !strings.Contains(h.World.Text(`select * from platform.grants`), hex.EncodeToString(digest[:])) {
		t.Error("the digest of a code is not where it should be")
	}
	log := h.Log.String()
	if !strings.Contains(log, "path=/oauth2/token") {
		t.Fatal("nothing was logged, so nothing is proven")
	}
	for _, what := range issued.found(log) {
		t.Errorf("the log holds the %s", what)
	}
}
