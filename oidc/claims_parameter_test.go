package oidc_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// OpenID Connect Core §5.5: claims by name, in the ID token and from UserInfo.
func TestClaimsParameter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ask := func(scope, claims string) webtest.Answer {
		return h.Tokens("web", "ann", url.Values{"scope": {scope}, "claims": {claims}})
	}
	a := ask("openid", `{"id_token":{"email":null,"email_verified":{"essential":true},"locale":null,"unheard_of":null},"userinfo":{"preferred_username":{"essential":true}}}`)
	// What leaves the house was consented to, as scopes.
	if a.Text("scope") != "openid email profile" && a.Text("scope") != "openid profile email" {
		t.Errorf("scope is %q", a.Text("scope"))
	}
	id := claimsOf(t, a.Text("id_token"))
	if id["email"] != "ann@example.com" || id["email_verified"] == nil || id["preferred_username"] != nil || id["locale"] != "en" || id["unheard_of"] != nil {
		t.Errorf("the ID token says %v", id)
	}
	if u := userInfo(t, h, a.Text("access_token")); u.JSON["preferred_username"] != "ann" {
		t.Errorf("userinfo: %s", u.Raw)
	}
	h.World.Exec(`update platform.users set phone = '+4930123456', address = '{"country":"Germany"}'`)
	p := ask("openid", `{"id_token":{"phone_number":null,"phone_number_verified":null,"address":{"essential":true}}}`)
	id = claimsOf(t, p.Text("id_token"))
	if address, _ := id["address"].(map[string]any); id["phone_number"] != "+4930123456" || id["phone_number_verified"] != false || address["country"] != "Germany" || address["formatted"] != "Germany" {
		t.Errorf("telephone number and address in the ID token: %v, scope %q", id, p.Text("scope"))
	}
	// A client that may not have the scope gets no claim of it.
	h.Client("narrow", func(c *storage.Client) { c.Scopes = []authz.Pattern{"openid"} })
	n := h.Tokens("narrow", "ann", url.Values{"scope": {"openid"}, "claims": {`{"id_token":{"email":null,"phone_number":null,"address":null},"userinfo":{"email":null}}`}})
	if c := claimsOf(t, n.Text("id_token")); c["email"] != nil || c["phone_number"] != nil || c["address"] != nil || n.Text("scope") != "openid" {
		t.Errorf("a narrow client: %v, scope %q", c, n.Text("scope"))
	}
	// Without it the ID token stays small.
	if c := claimsOf(t, h.Tokens("web", "ann", nil).Text("id_token")); c["email"] != nil || c["name"] != nil {
		t.Errorf("nobody asked: %v", c)
	}
}

// A request about one subject is answered for nobody else (§5.5.1).
func TestClaimsParameter_Subject(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bob := h.User("bob")
	b, _ := signedIn(h, "web", "ann", nil)
	about := func(subject string) url.Values {
		return url.Values{"prompt": {"none"}, "claims": {`{"id_token":{"sub":{"value":"` + subject + `"}}}`}}
	}
	if q := b.Get(webtest.NewProof().Authorization("web", about(bob.String()))).Left.Query(); q.Get("error") != "login_required" {
		t.Errorf("about another: %v", q)
	}
	ann := claimsOf(t, h.Tokens("web", "ann", nil).Text("id_token"))["sub"].(string)
	if q := b.Get(webtest.NewProof().Authorization("web", about(ann))).Left.Query(); q.Get("code") == "" {
		t.Errorf("about oneself: %v", q)
	}
}

func TestO6_ClaimsParameterIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, claims := range map[string]string{
		"not JSON": "{", "an array": "[]", "a string": `"email"`, "members of another kind": `{"id_token":[]}`, "sub of another kind": `{"id_token":{"sub":7}}`,
		"deep": strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), "two values": `{} {}`,
		"deeper than a parser likes": strings.Repeat("[", 4000) + strings.Repeat("]", 4000), "deeper still": strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "longer than 8 KiB": `{"x":"` + strings.Repeat("x", 8<<10) + `"}`,
	} {
		least := time.Hour
		for n := 0; n < 2 || n < 50 && least > 50*time.Millisecond; n++ {
			began := time.Now()
			a := h.Call("/oauth2/par", "web", webtest.ClientSecret, url.Values{
				"response_type": {"code"}, "redirect_uri": {webtest.RedirectURI}, "code_challenge": {webtest.NewProof().Challenge}, "code_challenge_method": {"S256"}, "claims": {claims},
			})
			mustRefuse(t, name, a, http.StatusBadRequest, "invalid_request")
			least = min(least, time.Since(began))
		}
		if least > 50*time.Millisecond {
			t.Errorf("%s: %v", name, least)
		}
	}
}

// What a client insists on is a condition on the sign-in (§5.5.1.1): the step is asked
// for where the user can take it, and without it there is no code.
func TestClaimsParameter_EssentialACR(t *testing.T) {
	t.Parallel()
	_, b, code := newApp(t)
	ask := func(acr string, change url.Values) *webtest.Page {
		parameters := url.Values{"claims": {`{"id_token":{"acr":` + acr + `}}`}}
		maps.Copy(parameters, change)
		return b.Get(webtest.NewProof().Authorization("web", parameters))
	}
	b.Press(ask("null", nil), "accept", nil)
	const insists = `{"essential":true,"values":["phr","aal2"]}`
	for acr, want := range map[string]string{
		"null": "code", `{"essential":true}`: "code", `{"essential":true,"value":"aal1"}`: "code", `{"essential":true,"values":["phr","aal1"]}`: "code",
		`{"value":"aal2"}`: "step-up", `{"value":"phr"}`: "code", insists: "step-up", `{"essential":true,"value":"aal2"}`: "step-up",
		`{"essential":true,"value":"phr"}`: "unmet_authentication_requirements", `{"essential":true,"values":["urn:of:another:house"]}`: "unmet_authentication_requirements",
		`{"essential":true,"values":7}`: "invalid_request", `{"values":["aal1",7]}`: "invalid_request", `"aal2"`: "invalid_request",
	} {
		if got := stepUpOrCode(ask(acr, nil)); got != want {
			t.Errorf("acr %s shows %s, want %s", acr, got, want)
		}
	}
	if got := shows(ask(insists, url.Values{"prompt": {"none"}})); got != "interaction_required" {
		t.Errorf("with prompt none: %s", got)
	}
	if got := shows(b.Press(ask(insists, nil), "skip", nil)); got != "unmet_authentication_requirements" {
		t.Errorf("after no: %s", got)
	}
	if got := shows(b.Press(ask(insists, nil), "verify", url.Values{"code": {code()}})); got != "code" {
		t.Errorf("after the step: %s", got)
	}
	if got := shows(ask(insists, url.Values{"prompt": {"none"}})); got != "code" {
		t.Errorf("with prompt none afterwards: %s", got)
	}
}
