package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// gallery is one answer of each kind that a browser gets: every page, and every
// redirect between them, the posted ones among them.
func gallery(t *testing.T, options ...webtest.Option) map[string]*webtest.Page {
	t.Helper()
	h := webtest.Boot(t, options...)
	h.User("ann")
	h.User("olga", authz.RoleOwner)
	h.UserOf("two", h.Tenant, h.World.Tenant("globex"))
	h.Client("web", func(c *storage.Client) { c.PostLogoutRedirectURIs = []string{"https://app.example/bye"} })
	newTelevision(h)
	all := map[string]*webtest.Page{}
	show := func(name string, p *webtest.Page) *webtest.Page {
		all[name] = p
		return p
	}
	b := h.Browser()
	at := func(path string) string { return h.URL + path }
	ask := func(change url.Values) string { return at(webtest.NewProof().Authorization("web", change)) }

	show("home", get(b, at("/"), nil))
	show("404", get(b, at("/nowhere"), nil))
	show("405", get(b, at("/oauth2/token"), nil))
	show("403", b.PostRaw("/login", url.Values{}, nil))
	show("413", b.PostRaw("/login", url.Values{"username": {strings.Repeat("x", 70<<10)}}, nil))
	show("account, signed out", get(b, at("/account"), nil))
	show("console, signed out", get(b, at("/console"), nil))
	show("sign-in without a client", get(b, at("/login"), nil))
	show("unknown client", get(b, at("/oauth2/authorize?client_id=x"), nil))
	show("bad redirect URI", get(b, ask(url.Values{"redirect_uri": {"https://evil.example/"}}), nil))
	show("error to the client", get(b, ask(url.Values{"scope": {"openid"}, "prompt": {"none"}}), nil))
	show("error to the client by form_post", get(b, ask(url.Values{"prompt": {"none"}, "response_mode": {"form_post"}}), nil))
	show("to sign-in", get(b, ask(nil), nil))
	signIn := show("sign-in", b.Get(ask(nil)))
	refused := signIn.Form(t, "sign-in", url.Values{"username": {"ann"}, "password": {"wrong"}})
	show("sign-in refused", b.PostRaw(refused.Action, refused.Values, nil))
	right := signIn.Form(t, "sign-in", url.Values{"username": {"ann"}, "password": {webtest.Password}})
	show("signed in", b.PostRaw(right.Action, right.Values, nil))
	consent := show("consent", b.Get(ask(nil)))
	accept := consent.Form(t, "accept", nil)
	approved := show("approved", b.PostRaw(accept.Action, accept.Values, nil))
	show("code", get(b, at(approved.Header.Get("Location")), nil))
	show("code by form_post", get(b, ask(url.Values{"response_mode": {"form_post"}}), nil))
	deny := b.Get(ask(url.Values{"prompt": {"consent"}})).Form(t, "deny", nil)
	show("denied", b.PostRaw(deny.Action, deny.Values, nil))
	show("sign-in again", b.Get(ask(url.Values{"prompt": {"login"}})))
	show("account", get(b, at("/account"), nil))
	show("console, not an operator", get(b, at("/console"), nil))
	show("session revoked", b.PostRaw("/account/sessions/revoke", url.Values{"csrf": {csrfOf(t, b)}}, nil))
	show("confirm sign-out", get(b, at("/oauth2/logout?client_id=web&post_logout_redirect_uri="+url.QueryEscape("https://app.example/bye")), nil))
	stay := all["confirm sign-out"].Form(t, "stay", nil)
	show("stayed", b.PostRaw(stay.Action, stay.Values, nil))
	show("switched", b.PostRaw("/login/switch", url.Values{"csrf": {csrfOf(t, b)}}, nil))
	b.SignIn(b.Get("/login"), "ann")
	show("signed out", b.PostRaw("/logout", url.Values{"csrf": {csrfOf(t, b)}}, nil))
	b.SignIn(b.Get("/login"), "ann")
	out := b.Get(all["confirm sign-out"].Request.URL.String()).Form(t, "confirm-sign-out", nil)
	show("signed out to the client", b.PostRaw(out.Action, out.Values, nil))

	b.SignIn(b.Get("/login"), "ann")
	device := h.Call("/oauth2/device_authorization", "tv", "", url.Values{"scope": {"openid"}})
	typed := show("device", b.Get("/device?user_code="+device.Text("user_code")))
	show("device, unknown code", b.Press(typed, "continue", url.Values{"user_code": {"BBBB-BBBB"}}))
	asked := show("device question", b.Press(typed, "continue", nil))
	show("device connected", b.Press(asked, "accept", nil))

	two := h.Browser()
	choose := show("choose a tenant", two.SignIn(two.Get("/login"), "two"))
	form := choose.Form(t, "switch-account", nil).Values
	form.Set("tenant_id", h.Tenant.String())
	show("chosen", two.PostRaw("/login/tenant", form, nil))
	form.Set("tenant_id", "0198c0de-0000-7000-8000-000000000000")
	show("not a tenant", two.PostRaw("/login/tenant", form, nil))
	show("console", signedIn(h, "olga").Get("/console"))
	return all
}

func isHTML(p *webtest.Page) bool {
	return strings.HasPrefix(p.Header.Get("Content-Type"), "text/html")
}

func TestA10_RedirectsAre303(t *testing.T) {
	t.Parallel()
	redirects := 0
	for name, p := range gallery(t) {
		if location := p.Header.Get("Location"); location != "" {
			redirects++
			if p.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: %d to %s", name, p.StatusCode, location)
			}
		} else if p.StatusCode >= 300 && p.StatusCode < 400 {
			t.Errorf("%s: %d to nowhere", name, p.StatusCode)
		}
	}
	if redirects < 12 {
		t.Errorf("only %d redirects were seen", redirects)
	}
}

// A path that is not written cleanly leads nowhere, or a form would be posted to it twice.
func TestA10_UncleanPaths(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	for _, path := range []string{"//login", "/./login", "/account/../login", "/login//", "/oauth2//token", "//elsewhere.example/login"} {
		request, err := http.NewRequest(http.MethodPost, h.URL, strings.NewReader("username=ann&password=secret"))
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = "//" + request.URL.Host + path
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNotFound || response.Header.Get("Location") != "" {
			t.Errorf("POST %s: %d, to %q", path, response.StatusCode, response.Header.Get("Location"))
		}
	}
}

func TestA11_H19_HeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	for name, p := range gallery(t) {
		for header, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := p.Header.Values(header); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s: %q, want %q", name, header, got, want)
			}
		}
		for _, header := range []string{"Access-Control-Allow-Origin", "Server", "X-Powered-By"} {
			// The address of the token endpoint is open to scripts, its error page too.
			if got := p.Header.Get(header); got != "" && name != "405" {
				t.Errorf("%s: %s: %q", name, header, got)
			}
		}
		if p.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no X-Request-Id", name)
		}
	}
}

func TestH19_EndpointsAreNotKept(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	tokens := h.Tokens("web", "ann", nil)
	userinfo, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/oauth2/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	userinfo.Header.Set("Authorization", "Bearer "+tokens.Text("access_token"))
	for name, a := range map[string]webtest.Answer{
		"token": tokens, "userinfo": h.Send(userinfo), "introspection": h.Introspect("rs", tokens.Text("access_token")),
		"a refused token request": h.Token("web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}),
		"pushed":                  h.Call("/oauth2/par", "web", webtest.ClientSecret, url.Values{}),
	} {
		if got := a.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control: %q", name, got)
		}
		if got := a.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options: %q", name, got)
		}
	}
}

func TestH5_StrictTransportSecurity(t *testing.T) {
	t.Parallel()
	secure := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.Issuer = &url.URL{Scheme: "https", Host: "id.example"} })
	plain := webtest.Boot(t)
	for path := range map[string]bool{"/": true, "/login": true, "/nowhere": true, "/oauth2/jwks": true, "/healthz": true} {
		p, _ := visitRaw(t, secure, "GET", path, nil, nil, nil)
		if got := p.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=63072000") {
			t.Errorf("%s on https: %q", path, got)
		}
		if p, _ = visitRaw(t, plain, "GET", path, nil, nil, nil); p.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s on http has the header", path)
		}
	}
}

// policyOf is a content security policy by its directives.
func policyOf(t *testing.T, p *webtest.Page) map[string][]string {
	t.Helper()
	values := p.Header.Values("Content-Security-Policy")
	if len(values) != 1 {
		t.Fatalf("%d policies", len(values))
	}
	directives := map[string][]string{}
	for part := range strings.SplitSeq(values[0], ";") {
		words := strings.Fields(part)
		if len(words) == 0 || directives[words[0]] != nil {
			t.Fatalf("the directive %q is empty or given twice", part)
		}
		directives[words[0]] = words[1:]
	}
	return directives
}

func TestH5_H6_ContentSecurityPolicy(t *testing.T) {
	t.Parallel()
	pages := 0
	for name, p := range gallery(t) {
		if !isHTML(p) {
			continue
		}
		pages++
		t.Run(name, func(t *testing.T) {
			policy := policyOf(t, p)
			for directive, want := range map[string]string{
				"default-src": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'", "style-src": "'self'", "img-src": "'self'",
			} {
				if got := strings.Join(policy[directive], " "); got != want {
					t.Errorf("%s: %q, want %q", directive, got, want)
				}
			}
			if scripts, present := policy["script-src"]; present && !slices.Equal(scripts, []string{"'self'"}) {
				t.Errorf("script-src: %q", scripts)
			}
			// A form leads to us, and where its answer leads out, to https only.
			for _, target := range policy["form-action"] {
				if target != "'self'" && target != "https:" {
					t.Errorf("form-action: %q", policy["form-action"])
				}
			}
			if len(policy["form-action"]) == 0 {
				t.Error("form-action is missing")
			}
			for directive, sources := range policy {
				for _, source := range sources {
					if strings.HasPrefix(source, "'unsafe") || source == "*" || source == "data:" || source == "blob:" || source == "http:" {
						t.Errorf("%s: %q", directive, sources)
					}
				}
			}
			nothingInline(t, p)
		})
	}
	if pages < 18 {
		t.Errorf("only %d pages were seen", pages)
	}
}

// nothingInline looks at every element: no script or style of its own, no handler,
// nothing from elsewhere.
func nothingInline(t *testing.T, p *webtest.Page) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(p.Body)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "style", "iframe", "object", "embed", "base", "frame", "applet":
			t.Errorf("<%s>", n.Data)
		case "script":
			if n.FirstChild != nil {
				t.Errorf("a script stands in the page: %q", n.FirstChild.Data)
			}
		case "meta":
			for _, a := range n.Attr {
				if a.Key == "http-equiv" {
					t.Errorf("http-equiv=%q", a.Val)
				}
			}
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc", a.Key == "formaction":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "src", n.Data == "link" && a.Key == "href":
				if !strings.HasPrefix(a.Val, "/static/") {
					t.Errorf("<%s %s=%q> is from elsewhere", n.Data, a.Key, a.Val)
				}
			case a.Key == "href":
				if strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
	}
}

// injections break out of texts, attributes, addresses and scripts.
var injections = []string{
	`"><svg onload=alert(1)>`, `'><img src=x onerror=alert(1)>`, `</title><script>alert(1)</script>`, `--><script>alert(1)</script>`, `" onfocus="alert(1)" autofocus="`,
	`javascript:alert(1)`, `{{.}}{{template "layout"}}`, `${alert(1)}`, "\u003cscript\u003e", `</textarea></form><form action=https://evil.example>`, `<base href=https://evil.example/>`, `<!--`, `&lt;script&gt;`, "`onclick=alert(1)`",
}

func TestA12_FormPostIsEscaped(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Client("web")
	b := h.Browser()
	for _, state := range injections {
		p := b.Get(webtest.NewProof().Authorization("web", url.Values{"state": {state}, "prompt": {"none"}, "response_mode": {"form_post"}}))
		nothingInline(t, p)
		doc, err := html.Parse(strings.NewReader(string(p.Body)))
		if err != nil {
			t.Fatal(err)
		}
		var forms, returned int
		for n := range doc.Descendants() {
			if n.Data == "form" {
				forms++
				if got := attributeOf(n, "action"); got != webtest.RedirectURI {
					t.Errorf("the form leads to %q", got)
				}
			}
			if n.Data == "input" && attributeOf(n, "name") == "state" {
				returned++
				if got := attributeOf(n, "value"); got != state {
					t.Errorf("state %q came back as %q", state, got)
				}
			}
		}
		if forms != 1 || returned != 1 {
			t.Errorf("state %q: %d forms, %d states", state, forms, returned)
		}
	}
}

func attributeOf(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestA14_EchoIsEscapedAndErrorsAreOurs(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	b := signedIn(h, "ann")
	catalogue := regexp.MustCompile(`^[A-Za-z0-9 .,:;()_'"-]{1,300}$`)
	for _, attack := range injections {
		for _, name := range []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age",
			"id_token_hint", "login_hint", "acr_values", "request", "request_uri", "ui_locales", "error", "error_description", "error_hint"} {
			p := b.Get(webtest.NewProof().Authorization("web", url.Values{name: {attack}}))
			if p.Left != nil {
				q := p.Left.Query()
				if sentence := q.Get("error_description"); sentence != "" && (!catalogue.MatchString(sentence) || strings.Contains(sentence, attack)) {
					t.Errorf("%s=%s: the client is told %q", name, attack, sentence)
				}
				continue
			}
			notEchoed(t, p, attack)
		}
		for _, path := range []string{"/login?flow=", "/consent?flow=", "/login/tenant?flow=", "/account?done=", "/nowhere?x=", "/oauth2/logout?id_token_hint=", "/oauth2/logout?client_id=", "/oauth2/logout?post_logout_redirect_uri="} {
			notEchoed(t, b.Get(path+url.QueryEscape(attack)), attack)
		}
	}
	// The user name is shown again, as text.
	out := h.Browser()
	for _, attack := range injections[:6] {
		p := out.Press(out.Get("/login"), "sign-in", url.Values{"username": {attack}, "password": {"wrong"}})
		nothingInline(t, p)
		if got := p.Form(t, "sign-in", nil).Values.Get("username"); got != attack && p.StatusCode == http.StatusUnauthorized {
			t.Errorf("user name %q came back as %q", attack, got)
		}
	}
}

func notEchoed(t *testing.T, p *webtest.Page, attack string) {
	t.Helper()
	nothingInline(t, p)
	if strings.ContainsAny(attack, `<>"`) && strings.Contains(string(p.Body), attack) {
		t.Errorf("%s repeats %q", p.Request.URL.Path, attack)
	}
}

// What no browser shows carries what guards a program, and at most eight headers of ours:
// net/http's map of them is slower beyond.
func TestH19_HeadersForPrograms(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.Issuer = &url.URL{Scheme: "https", Host: "id.example"} })
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	token := h.Token("rs", url.Values{"grant_type": {"client_credentials"}})
	for name, a := range map[string]webtest.Answer{"token": token, "introspection": h.Introspect("rs", token.Text("access_token"))} {
		ours := a.Header.Clone()
		ours.Del("Date")
		ours.Del("Content-Length")
		if len(ours) > 8 {
			t.Errorf("%s: %d headers: %v", name, len(ours), ours)
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"Strict-Transport-Security": "max-age=63072000; includeSubDomains", "Cache-Control": "no-store",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s: %q, want %q", name, header, got, want)
			}
		}
	}
}
