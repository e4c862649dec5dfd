package oidc_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// answered is the parameters that an authorization response brought to the client,
// whichever way it took.
func answered(t testing.TB, p *webtest.Page) url.Values {
	t.Helper()
	if p.Left != nil {
		if got := p.Left.Scheme + "://" + p.Left.Host + p.Left.Path; got != webtest.RedirectURI || p.Left.Fragment != "" {
			t.Errorf("the response went to %s", p.Left)
		}
		return p.Left.Query()
	}
	form := p.Form(t, "", nil)
	if form.Action != webtest.RedirectURI {
		t.Errorf("the response is posted to %s", form.Action)
	}
	return form.Values
}

func TestA13_IssInEveryResponse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("machine", func(c *storage.Client) { c.GrantTypes = []string{storage.GrantClientCredentials} })
	h.Client("admin-only", func(c *storage.Client) { c.Scopes = []authz.Pattern{"admin"} })
	h.Client("rival", func(c *storage.Client) { c.Tenant = h.World.Tenant("rival") })
	b, _ := signedIn(h, "web", "ann", nil)
	const state = "é&=+%20/?#"
	ask := func(client string, change url.Values) *webtest.Page {
		values := url.Values{"state": {state}}
		maps.Copy(values, change)
		return b.Get(webtest.NewProof().Authorization(client, values))
	}
	denied := ask("other", nil)
	denied = b.Press(denied, "deny", nil)
	deniedByForm := b.Press(ask("other", url.Values{"response_mode": {"form_post"}}), "deny", nil)
	for _, c := range []struct {
		name, want string
		page       *webtest.Page
	}{
		{"success", "", ask("web", nil)},
		{"success by form_post", "", ask("web", url.Values{"response_mode": {"form_post"}})},
		{"the person said no", "access_denied", denied},
		{"the person said no, by form_post", "access_denied", deniedByForm},
		{"nobody there", "login_required", h.Browser().Get(webtest.NewProof().Authorization("web", url.Values{"state": {state}, "prompt": {"none"}}))},
		{"no consent yet", "consent_required", ask("other", url.Values{"prompt": {"none"}})},
		{"no consent yet, by form_post", "consent_required", ask("other", url.Values{"prompt": {"none"}, "response_mode": {"form_post"}})},
		{"not of the tenant", "access_denied", ask("rival", nil)},
		{"nothing to grant", "invalid_scope", ask("admin-only", url.Values{"scope": {"admin"}})},
		{"malformed scope", "invalid_scope", ask("web", url.Values{"scope": {`a"b`}})},
		{"wildcard", "invalid_scope", ask("web", url.Values{"scope": {"agents:*"}})},
		{"no challenge", "invalid_request", ask("web", url.Values{"code_challenge": nil})},
		{"bad prompt", "invalid_request", ask("web", url.Values{"prompt": {"what"}})},
		{"bad max_age", "invalid_request", ask("web", url.Values{"max_age": {"x"}})},
		{"bad hint", "invalid_request", ask("web", url.Values{"id_token_hint": {"x"}})},
		{"no response type", "invalid_request", ask("web", url.Values{"response_type": nil})},
		{"token", "unsupported_response_type", ask("web", url.Values{"response_type": {"token"}})},
		{"id_token", "unsupported_response_type", ask("web", url.Values{"response_type": {"id_token"}})},
		{"hybrid", "unsupported_response_type", ask("web", url.Values{"response_type": {"code id_token"}})},
		{"code in capitals", "unsupported_response_type", ask("web", url.Values{"response_type": {"CODE"}})},
		{"fragment", "invalid_request", ask("web", url.Values{"response_mode": {"fragment"}})},
		{"fragment, signed", "invalid_request", ask("web", url.Values{"response_mode": {"fragment.jwt"}})},
		{"request", "invalid_request_object", ask("web", url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}})},
		{"request_uri", "request_uri_not_supported", ask("web", url.Values{"request_uri": {"https://app.example/r"}})},
		{"registration", "registration_not_supported", ask("web", url.Values{"registration": {"{}"}})},
		{"not for this grant", "unauthorized_client", ask("machine", nil)},
	} {
		got := answered(t, c.page)
		if got.Get("iss") != h.URL || got.Get("state") != state || got.Get("error") != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		names := []string{"iss", "state", "code", "session_state"}
		if c.want != "" {
			names = []string{"iss", "state", "error", "error_description"}
		}
		for name, values := range got {
			if !slices.Contains(names, name) || len(values) != 1 {
				t.Errorf("%s: %s=%q in the response", c.name, name, values)
			}
		}
		// RFC 6749 §4.1.2.1: the characters of a description.
		for _, r := range got.Get("error_description") {
			if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
				t.Errorf("%s: %q in the description %q", c.name, r, got.Get("error_description"))
			}
		}
	}
	if p := ask("web", url.Values{"state": nil}); answered(t, p).Has("state") {
		t.Errorf("a state that was not sent comes back: %s", p.Left)
	}
}

func TestA10_A11_HeadersOfTheWayBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	for _, mode := range []string{"query", "form_post"} {
		for _, post := range []bool{false, true} {
			request, err := url.Parse(webtest.NewProof().Authorization("web", url.Values{"response_mode": {mode}}))
			noError(t, err)
			p := b.PostRaw("/oauth2/authorize", request.Query(), nil)
			if !post {
				p = b.Get(request.String())
			}
			if p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%s: %v", mode, p.Header)
			}
			// A10: 307 would pass the form, and with it a password, on to the client.
			if location := p.Header.Get("Location"); location != "" && p.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: redirected by %d", mode, p.StatusCode)
			}
		}
	}
}

func TestA12_A14_NothingOfTheRequestIsMarkup(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	const payload = `"'><svg onload=alert(1)><script>alert(2)</script>`
	p := b.Get(webtest.NewProof().Authorization("web", url.Values{"response_mode": {"form_post"}, "state": {payload}}))
	if got := p.Form(t, "", nil).Values.Get("state"); got != payload {
		t.Errorf("state came back as %q", got)
	}
	pages := []*webtest.Page{p}
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "prompt", "max_age", "id_token_hint",
		"code_challenge", "code_challenge_method", "nonce", "login_hint", "request", "request_uri", "error", "error_hint"} {
		p := b.Get(webtest.NewProof().Authorization("other", url.Values{name: {payload}}))
		pages = append(pages, p)
		if p.Left != nil && strings.Contains(p.Left.Query().Get("error_description"), "svg") {
			t.Errorf("%s: the description quotes the request: %s", name, p.Left)
		}
	}
	for _, p := range pages {
		for _, bad := range []string{"<svg onload", "<script>alert"} {
			if strings.Contains(string(p.Body), bad) {
				t.Errorf("%s has %s", p.Request.URL.Path, bad)
			}
		}
		policy := p.Header.Get("Content-Security-Policy")
		if p.Left == nil && (!strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe-inline")) {
			t.Errorf("%s: policy is %q", p.Request.URL.Path, policy)
		}
	}
}

func TestA7_RepeatedParameters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	authorization := []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
		"response_mode", "prompt", "max_age", "login_hint", "id_token_hint", "acr_values", "display", "unheard_of"}
	for _, name := range authorization {
		request, err := url.Parse(webtest.NewProof().Authorization("web", nil))
		noError(t, err)
		values := request.Query()
		if values.Get(name) == "" {
			values.Set(name, "1")
		}
		for _, second := range []string{values.Get(name), "another", ""} {
			values[name] = []string{values.Get(name), second}
			for method, p := range map[string]*webtest.Page{"GET": b.Get("/oauth2/authorize?" + values.Encode()), "POST": b.PostRaw("/oauth2/authorize", values, nil)} {
				if p.StatusCode != http.StatusBadRequest || p.Left != nil || !strings.Contains(string(p.Body), "invalid_request") {
					t.Errorf("authorization by %s with %s twice: %d", method, name, p.StatusCode)
				}
			}
			mustRefuse(t, "PAR with "+name+" twice", h.Call("/oauth2/par", "web", webtest.ClientSecret, maps.Clone(values)), http.StatusBadRequest, "invalid_request")
		}
	}
	for path, form := range map[string]url.Values{
		"/oauth2/token": {"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}, "scope": {"user"}, "client_id": {"web"},
			"code": {"x"}, "redirect_uri": {"x"}, "code_verifier": {"x"}, "client_secret": {"x"}, "client_assertion": {"x"}, "client_assertion_type": {"x"}},
		"/oauth2/introspect": {"token": {tokens.Text("access_token")}, "token_type_hint": {"access_token"}},
		"/oauth2/revoke":     {"token": {tokens.Text("access_token")}, "token_type_hint": {"access_token"}},
		"/oauth2/userinfo":   {"access_token": {tokens.Text("access_token")}},
	} {
		for name := range form {
			values := url.Values{}
			for n, v := range form {
				if n == name || len(form) < 4 || n == "grant_type" || n == "refresh_token" {
					values[n] = v
				}
			}
			values[name] = append(slices.Clone(form[name]), form[name][0])
			mustRefuse(t, path+" with "+name+" twice", post(t, h, path, values, authorizationFor(path)...), http.StatusBadRequest, "invalid_request")
		}
	}
	if !isActive(t, h, tokens.Text("access_token")) {
		t.Error("a refused request revoked a token")
	}
}

// authorizationFor is a client's header where the endpoint asks for a client.
func authorizationFor(path string) []string {
	if path == "/oauth2/userinfo" {
		return nil
	}
	return []string{basicHeader("web", webtest.ClientSecret)}
}

func TestTokenEndpointRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for grant, code := range map[string]string{
		"": "invalid_request", "password": "unsupported_grant_type", "implicit": "unsupported_grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer": "unsupported_grant_type",
		"urn:ietf:params:oauth:grant-type:jwt-bearer": "unauthorized_client",
		"authorization_code refresh_token":            "unsupported_grant_type", "AUTHORIZATION_CODE": "unsupported_grant_type", "client_credentials": "unauthorized_client",
	} {
		mustRefuse(t, "grant type "+grant, h.Token("web", url.Values{"grant_type": {grant}, "username": {"ann"}, "password": {webtest.Password}}), http.StatusBadRequest, code)
	}
	mustRefuse(t, "a machine's code", h.Token("rs", url.Values{"grant_type": {"authorization_code"}, "code": {"x"}}), http.StatusBadRequest, "unauthorized_client")
	mustRefuse(t, "a machine's refresh", refresh(h, "rs", "x", nil), http.StatusBadRequest, "unauthorized_client")
	mustRefuse(t, "no code", h.Token("web", url.Values{"grant_type": {"authorization_code"}}), http.StatusBadRequest, "invalid_grant")
	mustRefuse(t, "no refresh token", h.Token("web", url.Values{"grant_type": {"refresh_token"}}), http.StatusBadRequest, "invalid_grant")
	for name, contentType := range map[string]string{"JSON": "application/json", "multipart": "multipart/form-data; boundary=x", "none": "", "text": "text/plain"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
		noError(t, err)
		r.Header.Set("Content-Type", contentType)
		r.SetBasicAuth("rs", webtest.ClientSecret)
		mustRefuse(t, name, h.Send(r), http.StatusBadRequest, "invalid_request")
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		r, err := http.NewRequestWithContext(t.Context(), method, h.Socket()+"/oauth2/token?grant_type=client_credentials", nil)
		noError(t, err)
		r.SetBasicAuth("rs", webtest.ClientSecret)
		if a := h.Send(r); a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, a.Status)
		}
	}
	mustRefuse(t, "too much", h.Token("rs", url.Values{"grant_type": {"client_credentials"}, "x": {strings.Repeat("x", 65<<10)}}), http.StatusRequestEntityTooLarge, "invalid_request")
}

func TestTextThatTheDatabaseCannotHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	for _, bad := range []string{"a\x00b", "a\xffb", "\xed\xa0\x80"} {
		for _, name := range []string{"client_id", "redirect_uri", "state", "nonce", "scope", "code_challenge", "login_hint", "id_token_hint", "request_uri", "prompt"} {
			p := b.Get(webtest.NewProof().Authorization("web", url.Values{name: {bad}}))
			if p.StatusCode != http.StatusBadRequest || p.Left != nil {
				t.Errorf("%s=%q: %d %v", name, bad, p.StatusCode, p.Left)
			}
		}
		for _, name := range []string{"code", "code_verifier", "redirect_uri", "scope", "refresh_token"} {
			mustRefuse(t, name, h.Token("web", url.Values{"grant_type": {"authorization_code"}, name: {bad}}), http.StatusBadRequest, "invalid_request")
		}
		if p := b.Get("/oauth2/logout?" + url.Values{"client_id": {bad}}.Encode()); p.StatusCode != http.StatusBadRequest {
			t.Errorf("logout with %q: %d", bad, p.StatusCode)
		}
	}
}
