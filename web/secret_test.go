package web_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// secrets collects what must never be found again, by the name of what it is.
type secrets map[string]string

func (s secrets) keep(t *testing.T, name, value string) string {
	t.Helper()
	if len(value) < 12 {
		t.Fatalf("%s is no secret: %q", name, value)
	}
	s[name] = value
	return value
}

// whatIsSecret walks through everything that has secrets in it, what goes wrong
// included, and keeps them all.
func whatIsSecret(t *testing.T, h *webtest.House) secrets {
	t.Helper()
	s := secrets{"the password": webtest.Password, "the client's secret": webtest.ClientSecret, "the master secret": string(h.Secret())}
	b := h.Browser()
	proof := webtest.NewProof()
	s.keep(t, "verifier", proof.Verifier)
	page := b.Get(proof.Authorization("web", url.Values{"state": {"canary-of-the-state"}, "nonce": {"canary-of-the-nonce"}}))
	s.keep(t, "csrf token", page.Form(t, "sign-in", nil).Values.Get("csrf"))
	s.keep(t, "paused request", page.Request.URL.Query().Get("flow"))
	wrong := page.Form(t, "sign-in", url.Values{"username": {"ann"}, "password": {s.keep(t, "wrong password", "canary: nearly right")}})
	b.PostRaw(wrong.Action, wrong.Values, nil)
	// People type the one into the field of the other.
	wrong.Values.Set("username", s.keep(t, "password typed as user name", "canary: in the wrong field"))
	b.PostRaw(wrong.Action, wrong.Values, nil)
	code := s.keep(t, "code", b.Authorize(proof, "web", "ann", url.Values{"state": {"canary-of-the-state"}}).Get("code"))
	s["state"], s["nonce"] = "canary-of-the-state", "canary-of-the-nonce"
	s.keep(t, "session cookie", cookie(t, h, b, sessionCookie))
	s.keep(t, "browser cookie", cookie(t, h, b, browserCookie))

	h.Call("/oauth2/token", "web", s.keep(t, "wrong client secret", "gth_cs_canary-of-a-wrong-one"), url.Values{"grant_type": {"authorization_code"}, "code": {code}})
	tokens := h.Exchange("web", code, proof)
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		s.keep(t, name, tokens.Text(name))
	}
	again := h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}})
	s.keep(t, "second refresh_token", again.Text("refresh_token"))
	s.keep(t, "second access_token", again.Text("access_token"))
	h.Exchange("web", code, proof) // a replay
	h.Exchange("web", s.keep(t, "code that never was", "gth_ac_canarycanarycanary"), proof)
	h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.Text("refresh_token")}})
	h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.keep(t, "refresh token that never was", "gth_rt_canarycanarycanary")}})
	h.Introspect("rs", tokens.Text("access_token"))
	h.Introspect("rs", s.keep(t, "token that never was", "canary.canary.canary"))
	h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {again.Text("refresh_token")}})
	h.Call("/oauth2/par", "web", webtest.ClientSecret, url.Values{"response_type": {"code"}, "nonce": {"canary-of-the-nonce"}})
	h.Call("/oauth2/token", "", "", url.Values{
		"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion": {s.keep(t, "assertion", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJjYW5hcnkifQ.canary")},
	})
	for _, token := range []string{tokens.Text("access_token"), "canary.canary.canary"} {
		get(b, h.URL+"/oauth2/userinfo", http.Header{"Authorization": {"Bearer " + token}})
		get(b, h.URL+"/oauth2/userinfo?access_token="+token, nil)
	}
	b.Get("/oauth2/authorize?" + url.Values{"client_id": {"web"}, "id_token_hint": {tokens.Text("id_token")}}.Encode())
	b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {tokens.Text("id_token")}}.Encode())
	get(b, h.URL+"/nowhere?code="+url.QueryEscape(code), http.Header{"Referer": {h.URL + "/?code=" + code}})
	return s
}

func TestP1_NoSecretIsLogged(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	all := whatIsSecret(t, h)
	logged := h.Log.String()
	if !strings.Contains(logged, "/oauth2/token") || !strings.Contains(logged, "sign-in refused") {
		t.Fatal("nothing was logged at all")
	}
	for name, value := range all {
		// A secret is also told by either half of it.
		for _, part := range []string{value, url.QueryEscape(value), value[:len(value)/2], value[len(value)/2:]} {
			if len(part) >= 10 && !strings.HasPrefix("gth_rt_gth_ac_gth_cs_gth_ss_", part) && strings.Contains(logged, part) && !isHeader(part) {
				t.Errorf("the log has the %s: %q", name, part)
				break
			}
		}
	}
}

// isHeader tells the first part of a JWT, which is the same for all of a key.
func isHeader(part string) bool {
	return strings.HasPrefix(part, "eyJ") && !strings.Contains(part, ".")
}

func TestD8_E9_NoSecretIsStored(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	all := whatIsSecret(t, h)
	for _, known := range []string{"nonce", "state", "wrong password", "password typed as user name"} {
		delete(all, known) // not secrets of ours that one could sign in with
	}
	for _, table := range strings.Fields(h.World.Text(`select string_agg(quote_ident(schemaname) || '.' || quote_ident(tablename), ' ') from pg_tables where schemaname in ('platform', 'public')`)) {
		stored := h.World.Text(`select * from ` + strings.Trim(table, "()"+`"`))
		for name, value := range all {
			if strings.Contains(stored, value) || strings.Contains(stored, hex.EncodeToString([]byte(value))) {
				t.Errorf("%s has the %s", table, name)
			}
			// Behind its prefix an opaque secret is an id, which is kept, and 32 bytes.
			if raw, err := base64.RawURLEncoding.DecodeString(value[min(7, len(value)):]); err == nil && len(raw) > 32 && strings.Contains(stored, hex.EncodeToString(raw[len(raw)-32:])) {
				t.Errorf("%s has the bytes of the %s", table, name)
			}
		}
	}
}
