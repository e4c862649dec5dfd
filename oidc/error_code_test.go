package oidc_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// errorHouse is a house with somebody for every protocol, to provoke errors in.
type errorHouse struct {
	*webtest.House
	t testing.TB
	k holder
	// in is a browser where ann is signed in and has consented to the client web.
	in *webtest.Browser
}

func newErrorHouse(t testing.TB) *errorHouse {
	t.Helper()
	h := newDeviceHouse(t)
	k := newHolder(t, h)
	h.Machine("machine", func(c *storage.Client) { c.Introspect = true })
	h.Machine("gateway", func(c *storage.Client) {
		c.GrantTypes, c.OpenTo = []string{storage.GrantTokenExchange, storage.GrantJWTBearer}, storage.OpenToTenant
		c.Metadata.ExchangesTokensOf = []string{"web"}
	})
	h.Client("desk", func(c *storage.Client) {
		c.RedirectURIs, c.GrantTypes, c.Metadata.BackChannelDelivery = nil, []string{cibaGrant}, "poll"
	})
	h.Client("signer", func(c *storage.Client) { c.JWKS = k.jwks(t) })
	h.Client("bound", func(c *storage.Client) { c.Metadata.DPoPBound = true })
	h.Client("codeless", func(c *storage.Client) { c.GrantTypes = []string{storage.GrantClientCredentials} })
	h.User("chief", authz.RoleOwner)
	in, _ := signedIn(h, "web", "ann", nil)
	return &errorHouse{h, t, k, in}
}

// asks is an authorization request, of web where no other client is named, by ann.
func (h *errorHouse) asks(change url.Values) string { return h.asksOf("web", change) }

func (h *errorHouse) asksOf(client string, change url.Values) string {
	p := h.in.Get(webtest.NewProof().Authorization(client, change))
	if p.Left == nil {
		h.t.Fatalf("nothing is answered: %d\n%s", p.StatusCode, p.Body)
	}
	return p.Left.Query().Get("error")
}

var shownCode = regexp.MustCompile(`\b(invalid_[a-z_]+)\b`)

// isShown is the code on an error page, of a request that leads nowhere.
func (h *errorHouse) isShown(address string) string {
	p := h.in.Get(address)
	if p.Left != nil || p.StatusCode != http.StatusBadRequest {
		h.t.Errorf("%s is answered by %d, to %v", address, p.StatusCode, p.Left)
	}
	return string(shownCode.Find(p.Body))
}

// gets is an access token of ann's for web.
func (h *errorHouse) gets(change url.Values) string {
	return h.Tokens("web", "ann", change).Text("access_token")
}

func (h *errorHouse) token(client string, form url.Values) string {
	return h.Token(client, form).Text("error")
}

// inTheWay is ann's code at the token endpoint, with the form changed.
func (h *errorHouse) redeems(change url.Values) string {
	proof := webtest.NewProof()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {h.in.Authorize(proof, "web", "ann", nil).Get("code")},
		"redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier},
	}
	maps.Copy(form, change)
	return h.token("web", form)
}

// polls is what a device learns after what is done with its code.
func (h *errorHouse) polls(do func(device webtest.Answer)) string {
	device := beginDevice(h.t, h.House, "openid")
	do(device)
	return poll(h.House, "tv", device.Text("device_code")).Text("error")
}

func (h *errorHouse) answers(decision string) func(webtest.Answer) {
	return func(device webtest.Answer) { answerDevice(h.Browser(), device, "ann", decision) }
}

// waits is what a client learns that has asked for a sign-in without a browser.
func (h *errorHouse) waits(do func(id string)) string {
	id := mustAsk(h.t, h.House, "desk", nil)
	do(id)
	return pollRequest(h.House, "desk", id).Text("error")
}

var challengeCode = regexp.MustCompile(`error="([a-z_]+)"`)

// guarded is the code of the challenge to a request at a resource that needs a scope and
// a sign-in.
func (h *errorHouse) guarded(scope string, signIn *resource.SignIn, authorization ...string) string {
	need, err := resource.ParseRequirement([]map[string][]string{{"oauth2": {scope}}})
	noError(h.t, err)
	if signIn != nil {
		need = need.WithSignIn(*signIn)
	}
	verifier, err := resource.NewVerifier(h.t.Context(), resource.Config{Issuer: h.URL, Audience: h.URL, Now: h.Now})
	noError(h.t, err)
	handler := resource.NewGuard(verifier, resource.GuardConfig{}).Require(need)(http.NotFoundHandler())
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Authorization"] = authorization
	handler.ServeHTTP(w, r)
	found := challengeCode.FindStringSubmatch(w.Header().Get("WWW-Authenticate"))
	if found == nil {
		return "nothing"
	}
	return found[1]
}

// provocations are, for each error of each RFC that is emitted here, a request that it
// is the answer to. What the RFCs list beside these is never emitted, for there is
// nothing that would call for it: account_selection_required (one person is signed in in
// a browser), request_not_supported (request objects are supported), unsupported_token_type
// (RFC 7009 §2.2.1: every kind is), expired_login_hint_token, missing_user_code,
// invalid_user_code and transaction_failed (of kinds of CIBA that are not offered).
var provocations = []struct {
	code, source string
	provoke      func(h *errorHouse) string
}{
	{"invalid_request", "RFC 6749 §4.1.2.1", func(h *errorHouse) string { return h.asks(url.Values{"response_type": nil}) }},
	{"unauthorized_client", "RFC 6749 §4.1.2.1", func(h *errorHouse) string { return h.asksOf("codeless", nil) }},
	{"access_denied", "RFC 6749 §4.1.2.1", func(h *errorHouse) string {
		return shows(h.in.Press(h.in.Get(webtest.NewProof().Authorization("other", nil)), "deny", nil))
	}},
	{"unsupported_response_type", "RFC 6749 §4.1.2.1", func(h *errorHouse) string { return h.asks(url.Values{"response_type": {"token"}}) }},
	{"invalid_scope", "RFC 6749 §4.1.2.1", func(h *errorHouse) string { return h.asks(url.Values{"scope": {`a"b`}}) }},
	{"invalid_client", "RFC 6749 §4.1.2.1, to the person", func(h *errorHouse) string { return h.isShown(webtest.NewProof().Authorization("nobody", nil)) }},
	{"invalid_request", "RFC 6749 §4.1.2.1, to the person", func(h *errorHouse) string {
		return h.isShown(webtest.NewProof().Authorization("web", url.Values{"redirect_uri": {"https://evil.example"}}))
	}},

	{"invalid_request", "RFC 6749 §5.2", func(h *errorHouse) string { return h.token("web", url.Values{}) }},
	{"invalid_client", "RFC 6749 §5.2", func(h *errorHouse) string {
		return h.Call("/oauth2/token", "web", "wrong", url.Values{"grant_type": {"client_credentials"}}).Text("error")
	}},
	{"invalid_grant", "RFC 6749 §5.2", func(h *errorHouse) string { return h.redeems(url.Values{"redirect_uri": {"https://evil.example"}}) }},
	{"invalid_grant", "RFC 7636 §4.6", func(h *errorHouse) string { return h.redeems(url.Values{"code_verifier": {strings.Repeat("x", 43)}}) }},
	{"unauthorized_client", "RFC 6749 §5.2", func(h *errorHouse) string { return h.token("web", url.Values{"grant_type": {"client_credentials"}}) }},
	{"unsupported_grant_type", "RFC 6749 §5.2", func(h *errorHouse) string { return h.token("web", url.Values{"grant_type": {"password"}}) }},
	{"invalid_scope", "RFC 6749 §5.2", func(h *errorHouse) string {
		return h.token("machine", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}})
	}},
	{"invalid_grant", "RFC 6749 §6", func(h *errorHouse) string {
		return h.token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"junk"}})
	}},

	{"invalid_request", "OpenID CIBA Core §7.1.1, §13", func(h *errorHouse) string { return ask(h.House, "desk", url.Values{"request": {"junk"}}).Text("error") }},

	{"login_required", "OpenID Connect Core §3.1.2.6", func(h *errorHouse) string {
		return shows(h.Browser().Get(webtest.NewProof().Authorization("web", url.Values{"prompt": {"none"}})))
	}},
	{"consent_required", "OpenID Connect Core §3.1.2.6", func(h *errorHouse) string { return h.asksOf("other", url.Values{"prompt": {"none"}}) }},
	{"interaction_required", "OpenID Connect Core §3.1.2.6", func(h *errorHouse) string {
		return h.asks(url.Values{"prompt": {"none"}, "claims": {`{"id_token":{"acr":{"essential":true,"value":"phr"}}}`}})
	}},
	{"unmet_authentication_requirements", "OpenID Connect Core Unmet Authentication Requirements §2", func(h *errorHouse) string {
		return h.asks(url.Values{"claims": {`{"id_token":{"acr":{"essential":true,"value":"phr"}}}`}})
	}},
	{"registration_not_supported", "OpenID Connect Core §3.1.2.6", func(h *errorHouse) string { return h.asks(url.Values{"registration": {"{}"}}) }},
	{"request_uri_not_supported", "OpenID Connect Core §3.1.2.6", func(h *errorHouse) string {
		return h.asks(url.Values{"request_uri": {"https://app.example/request.jwt"}})
	}},
	{"invalid_request_object", "OpenID Connect Core §3.1.2.6, RFC 9101 §7", func(h *errorHouse) string { return h.asksOf("signer", url.Values{"request": {"junk"}}) }},
	{"invalid_request_uri", "OpenID Connect Core §3.1.2.6, RFC 9126 §4", func(h *errorHouse) string {
		return h.asks(url.Values{"request_uri": {"urn:ietf:params:oauth:request_uri:junk"}})
	}},

	{"invalid_request", "RFC 6750 §3.1", func(h *errorHouse) string {
		token := h.gets(nil)
		return post(h.t, h.House, "/oauth2/userinfo", url.Values{"access_token": {token}}, "Bearer "+token).Text("error")
	}},
	{"invalid_token", "RFC 6750 §3.1", func(h *errorHouse) string { return userInfo(h.t, h.House, "junk").Text("error") }},
	{"insufficient_scope", "RFC 6750 §3.1", func(h *errorHouse) string {
		return userInfo(h.t, h.House, h.gets(url.Values{"scope": {"user"}})).Text("error")
	}},
	{"invalid_request", "RFC 6750 §3.1, at a resource", func(h *errorHouse) string {
		return h.guarded("user", nil, "Bearer a", "Bearer b")
	}},
	{"invalid_token", "RFC 6750 §3.1, at a resource", func(h *errorHouse) string {
		return h.guarded("user", nil, "Bearer junk")
	}},
	{"insufficient_scope", "RFC 6750 §3.1, at a resource", func(h *errorHouse) string {
		return h.guarded("admin", nil, "Bearer "+h.gets(nil))
	}},
	{"insufficient_user_authentication", "RFC 9470 §3", func(h *errorHouse) string {
		return h.guarded("user", &resource.SignIn{ACR: []authz.ACR{"phr"}}, "Bearer "+h.gets(nil))
	}},

	{"invalid_request", "RFC 7009 §2.2.1", func(h *errorHouse) string {
		return h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{}).Text("error")
	}},
	{"invalid_client", "RFC 7009 §2.2.1", func(h *errorHouse) string {
		return h.Call("/oauth2/revoke", "web", "wrong", url.Values{"token": {"x"}}).Text("error")
	}},
	{"invalid_request", "RFC 7662 §2.3", func(h *errorHouse) string {
		return h.Call("/oauth2/introspect", "rs", webtest.ClientSecret, url.Values{}).Text("error")
	}},
	{"invalid_client", "RFC 7662 §2.3", func(h *errorHouse) string {
		return h.Call("/oauth2/introspect", "rs", "wrong", url.Values{"token": {"x"}}).Text("error")
	}},

	{"invalid_client", "RFC 8628 §3.1", func(h *errorHouse) string { return h.Call(devicePath, "nobody", "", url.Values{}).Text("error") }},
	{"unauthorized_client", "RFC 8628 §3.1", func(h *errorHouse) string {
		return h.Call(devicePath, "web", webtest.ClientSecret, url.Values{}).Text("error")
	}},
	{"invalid_scope", "RFC 8628 §3.1", func(h *errorHouse) string {
		return h.Call(devicePath, "tv", "", url.Values{"scope": {`"`}}).Text("error")
	}},
	{"authorization_pending", "RFC 8628 §3.5", func(h *errorHouse) string { return h.polls(func(webtest.Answer) {}) }},
	{"slow_down", "RFC 8628 §3.5", func(h *errorHouse) string {
		return h.polls(func(device webtest.Answer) { poll(h.House, "tv", device.Text("device_code")) })
	}},
	{"access_denied", "RFC 8628 §3.5", func(h *errorHouse) string { return h.polls(h.answers("deny")) }},
	{"expired_token", "RFC 8628 §3.5", func(h *errorHouse) string { return h.polls(func(webtest.Answer) { h.Advance(11 * time.Minute) }) }},
	{"invalid_grant", "RFC 8628 §3.5", func(h *errorHouse) string {
		return h.polls(func(device webtest.Answer) {
			h.answers("accept")(device)
			poll(h.House, "tv", device.Text("device_code"))
		})
	}},

	{"invalid_request", "RFC 7523 §2.1", func(h *errorHouse) string { return bear(h.House, "gateway", "", nil).Text("error") }},
	{"invalid_grant", "RFC 7523 §3.1", func(h *errorHouse) string { return bear(h.House, "gateway", "junk", nil).Text("error") }},
	{"unauthorized_client", "RFC 7521 §4.1.1", func(h *errorHouse) string { return bear(h.House, "other", "junk", nil).Text("error") }},

	{"invalid_request", "RFC 8693 §2.2.2", func(h *errorHouse) string { return exchange(h.House, "gateway", "junk", nil).Text("error") }},
	{"invalid_target", "RFC 8693 §2.2.2", func(h *errorHouse) string {
		return exchange(h.House, "gateway", h.gets(nil), url.Values{"resource": {"https://unknown.example"}}).Text("error")
	}},
	{"invalid_scope", "RFC 8693 §2.2.1", func(h *errorHouse) string {
		return exchange(h.House, "gateway", h.gets(nil), url.Values{"scope": {"tools:execute"}}).Text("error")
	}},
	{"unauthorized_client", "RFC 8693 §2.2.2", func(h *errorHouse) string { return exchange(h.House, "other", h.gets(nil), nil).Text("error") }},
	{"invalid_target", "RFC 8707 §2, to the client", func(h *errorHouse) string { return h.asks(url.Values{"resource": {"https://unknown.example"}}) }},
	{"invalid_target", "RFC 8707 §2.2", func(h *errorHouse) string { return h.redeems(url.Values{"resource": {"https://unknown.example"}}) }},

	{"invalid_request", "RFC 9126 §2.1", func(h *errorHouse) string {
		return push(h.t, h.House, "web", webtest.ClientSecret, webtest.NewProof(), url.Values{"request_uri": {"urn:x"}}).Text("error")
	}},
	{"invalid_client", "RFC 9126 §2.3", func(h *errorHouse) string {
		return push(h.t, h.House, "web", "wrong", webtest.NewProof(), nil).Text("error")
	}},
	{"invalid_scope", "RFC 9126 §2.3", func(h *errorHouse) string {
		return push(h.t, h.House, "web", webtest.ClientSecret, webtest.NewProof(), url.Values{"scope": {`"`}}).Text("error")
	}},
	{"invalid_request_object", "RFC 9126 §3", func(h *errorHouse) string {
		return push(h.t, h.House, "signer", webtest.ClientSecret, webtest.NewProof(), url.Values{"request": {"junk"}}).Text("error")
	}},
	{"temporarily_unavailable", "RFC 9126 §2.3, 429", func(h *errorHouse) string {
		for range 40 {
			if a := h.Call(devicePath, "radio", "", url.Values{}); a.Status == http.StatusTooManyRequests {
				return a.Text("error")
			}
		}
		return "nothing"
	}},
	{"invalid_authorization_details", "RFC 9396 §5", func(h *errorHouse) string {
		return h.asks(url.Values{"authorization_details": {`[{"type":"unknown"}]`}})
	}},
	{"invalid_authorization_details", "RFC 9396 §6", func(h *errorHouse) string {
		return h.redeems(url.Values{"authorization_details": {`[{"type":"unknown"}]`}})
	}},

	{"invalid_dpop_proof", "RFC 9449 §5", func(h *errorHouse) string {
		return h.k.token("machine", webtest.ClientSecret, "junk", url.Values{"grant_type": {"client_credentials"}}).Text("error")
	}},
	{"use_dpop_nonce", "RFC 9449 §8", func(h *errorHouse) string {
		proof := h.k.proof("POST", "/oauth2/token", "", map[string]any{"nonce": "old"})
		return h.k.token("machine", webtest.ClientSecret, proof, url.Values{"grant_type": {"client_credentials"}}).Text("error")
	}},
	{"invalid_dpop_proof", "RFC 9449 §7.1", func(h *errorHouse) string { return h.k.userInfo("DPoP", h.bound(), "junk").Text("error") }},
	{"invalid_token", "RFC 9449 §7.2", func(h *errorHouse) string { return userInfo(h.t, h.House, h.bound()).Text("error") }},

	{"invalid_request", "OpenID CIBA Core §13", func(h *errorHouse) string { return ask(h.House, "desk", url.Values{"login_hint": nil}).Text("error") }},
	{"invalid_scope", "OpenID CIBA Core §13", func(h *errorHouse) string {
		return ask(h.House, "desk", url.Values{"scope": {"profile"}}).Text("error")
	}},
	{"unknown_user_id", "OpenID CIBA Core §13", func(h *errorHouse) string {
		return ask(h.House, "desk", url.Values{"login_hint": {"nobody"}}).Text("error")
	}},
	{"unauthorized_client", "OpenID CIBA Core §13", func(h *errorHouse) string { return ask(h.House, "web", nil).Text("error") }},
	{"invalid_binding_message", "OpenID CIBA Core §13", func(h *errorHouse) string {
		return ask(h.House, "desk", url.Values{"binding_message": {strings.Repeat("x", 101)}}).Text("error")
	}},
	{"invalid_client", "OpenID CIBA Core §13", func(h *errorHouse) string { return h.Call(cibaPath, "desk", "wrong", url.Values{}).Text("error") }},
	{"authorization_pending", "OpenID CIBA Core §11", func(h *errorHouse) string { return h.waits(func(string) {}) }},
	{"slow_down", "OpenID CIBA Core §11", func(h *errorHouse) string { return h.waits(func(id string) { pollRequest(h.House, "desk", id) }) }},
	{"expired_token", "OpenID CIBA Core §11", func(h *errorHouse) string { return h.waits(func(string) { h.Advance(11 * time.Minute) }) }},
	{"access_denied", "OpenID CIBA Core §11", func(h *errorHouse) string {
		return h.waits(func(string) { answerQuestion(h.in, requests(h.in, "ann"), "deny") })
	}},
	{"invalid_grant", "OpenID CIBA Core §11", func(h *errorHouse) string { return pollRequest(h.House, "desk", "gth_br_junk").Text("error") }},

	{"invalid_grant_id", "Grant Management §6.2", func(h *errorHouse) string {
		return manage(h.House, http.MethodGet, "junk", basicOf("web")).Text("error")
	}},
	{"invalid_redirect_uri", "RFC 7591 §3.2.2", func(h *errorHouse) string { return h.registers(`{"redirect_uris":["javascript:x"]}`) }},
	{"invalid_client_metadata", "RFC 7591 §3.2.2", func(h *errorHouse) string { return h.registers(`{"response_types":["token"]}`) }},
	{"invalid_software_statement", "RFC 7591 §3.2.2", func(h *errorHouse) string { return h.registers(`{"software_statement":"junk"}`) }},
	{"unapproved_software_statement", "RFC 7591 §3.2.2", func(h *errorHouse) string {
		return h.registers(`{"software_statement":"` + newAssertionKey(h.t).assertion(h.t, h.House, "https://unknown.example", nil) + `"}`)
	}},
	{"server_error", "RFC 6749 §4.1.2.1, as 500 where there is nowhere to redirect to", func(h *errorHouse) string {
		h.World.Exec(`alter table platform.pushed_requests rename to lost`)
		defer h.World.Exec(`alter table platform.lost rename to pushed_requests`)
		return push(h.t, h.House, "web", webtest.ClientSecret, webtest.NewProof(), nil).Text("error")
	}},
}

// bound is an access token that is bound to the key of the house's holder.
func (h *errorHouse) bound() string {
	proof := h.k.proof("POST", "/oauth2/token", "", nil)
	return mustGrant(h.t, "bound", h.k.exchange("bound", webtest.ClientSecret, proof, nil)).Text("access_token")
}

// registers is what an administrator is told who registers a client.
func (h *errorHouse) registers(metadata string) string {
	token := h.Tokens("web", "chief", url.Values{"scope": {"openid admin"}}).Text("access_token")
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.Socket()+"/oauth2/register", strings.NewReader(metadata))
	noError(h.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	return h.Send(r).Text("error")
}

// Each error of each RFC that is emitted here, by a request that provokes it. The
// catalogue is read from the source: none may be missing here, and none may be here that
// the source does not know any more.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	h := newErrorHouse(t)
	provoked := map[string]bool{}
	for _, p := range provocations {
		provoked[p.code] = true
		t.Run(p.code+" of "+p.source, func(t *testing.T) {
			h.t, h.House.T, h.in.T = t, t, t
			h.k.t = t
			if got := p.provoke(h); got != p.code {
				t.Errorf("it is answered by %q", got)
			}
		})
	}
	emitted := emittedCodes(t, ".", "../authz/resource", "../web/api")
	for code, where := range emitted {
		if !provoked[code] {
			t.Errorf("%s (%s) is provoked by nothing: add a row to provocations", code, where)
		}
	}
	for code := range provoked {
		if emitted[code] == "" {
			t.Errorf("%s is emitted nowhere", code)
		}
	}
	if len(emitted) < 25 {
		t.Errorf("only %d codes were found in the source", len(emitted))
	}
}

var errorCode = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)

// emittedCodes are the error codes that the source of packages can emit, with a place
// of each: what is handed to the functions that make errors, and the members named code
// of those that are written out.
func emittedCodes(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	makers := map[string]int{"badRequest": 0, "refuseRegistration": 2, "challenge": 3}
	codes, files := map[string]string{}, token.NewFileSet()
	add := func(e ast.Expr) {
		literal, is := e.(*ast.BasicLit)
		if !is {
			return
		}
		if text, err := strconv.Unquote(literal.Value); err == nil && errorCode.MatchString(text) {
			codes[text] = files.Position(literal.Pos()).String()
		}
	}
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		noError(t, err)
		for _, name := range slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, "_test.go") }) {
			file, err := parser.ParseFile(files, name, nil, 0)
			noError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					called := ""
					switch f := n.Fun.(type) {
					case *ast.Ident:
						called = f.Name
					case *ast.SelectorExpr:
						called = f.Sel.Name
					}
					if place, makes := makers[called]; makes && place < len(n.Args) {
						add(n.Args[place])
					}
				case *ast.KeyValueExpr:
					if key, is := n.Key.(*ast.Ident); is && strings.EqualFold(key.Name, "code") {
						add(n.Value)
					}
				}
				return true
			})
		}
	}
	return codes
}
