package webtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Browser is a person's browser without scripts: it keeps cookies, follows
// redirects inside the house, and stops where one leads out.
type Browser struct {
	T    testing.TB
	Jar  http.CookieJar
	http *http.Client
	base string
	// issuer and socket differ when the house is a replica.
	issuer, socket string
}

// Browser opens a new browser.
func (h *House) Browser() *Browser {
	jar, _ := cookiejar.New(nil)
	return &Browser{T: h.T, Jar: jar, base: h.server.URL, issuer: h.URL, socket: h.server.URL, http: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (b *Browser) url() *url.URL {
	b.T.Helper()
	base, err := url.Parse(b.base)
	if err != nil {
		b.T.Fatal(err)
	}
	return base
}

// Page is one answer, read to its end.
type Page struct {
	*http.Response
	Body []byte
	// Left is where a redirect out of the house led; nil while inside.
	Left *url.URL
}

// Do sends one request as it is, with the browser's cookies.
func (b *Browser) Do(r *http.Request) *Page {
	b.T.Helper()
	if issuer, err := url.Parse(b.issuer); err == nil && b.issuer != b.socket && r.Host == r.URL.Host {
		r.Host = issuer.Host // what stands before the replicas leaves it as it is
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.T.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.T.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return &Page{Response: response, Body: body}
}

// Get opens an address, relative to the house or absolute, and follows redirects.
func (b *Browser) Get(address string) *Page {
	b.T.Helper()
	r, err := http.NewRequestWithContext(b.T.Context(), http.MethodGet, b.absolute(address), nil)
	if err != nil {
		b.T.Fatal(err)
	}
	return b.follow(b.Do(r))
}

func (b *Browser) absolute(address string) string {
	if strings.HasPrefix(address, "/") {
		return b.base + address
	}
	return strings.Replace(address, b.issuer, b.socket, 1)
}

func (b *Browser) follow(p *Page) *Page {
	b.T.Helper()
	for range 20 {
		location := p.Header.Get("Location")
		if p.StatusCode < 300 || p.StatusCode > 399 || location == "" {
			return p
		}
		target, err := p.Request.URL.Parse(location)
		if err != nil {
			b.T.Fatalf("Location %q: %v", location, err)
		}
		if !strings.HasPrefix(b.absolute(target.String()), b.base+"/") {
			p.Left = target
			return p
		}
		r, err := http.NewRequestWithContext(b.T.Context(), http.MethodGet, b.absolute(target.String()), nil)
		if err != nil {
			b.T.Fatal(err)
		}
		p = b.Do(r)
	}
	b.T.Fatal("redirected too often")
	return nil
}

// Post sends a form with the Origin that a browser would send.
func (b *Browser) Post(address string, form url.Values) *Page {
	b.T.Helper()
	return b.follow(b.PostRaw(address, form, nil))
}

// PostRaw sends a form with headers of its own, and follows nothing.
func (b *Browser) PostRaw(address string, form url.Values, headers http.Header) *Page {
	b.T.Helper()
	r, err := http.NewRequestWithContext(b.T.Context(), http.MethodPost, b.absolute(address), strings.NewReader(form.Encode()))
	if err != nil {
		b.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.issuer)
	for name, values := range headers {
		r.Header[name] = values
	}
	return b.Do(r)
}

// Form is a form on a page as it would be sent.
type Form struct {
	Action string
	Values url.Values
}

// Form finds the form whose button has an id, presses that button and fills in
// fields.
func (p *Page) Form(t testing.TB, button string, fill url.Values) Form {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(p.Body)))
	if err != nil {
		t.Fatalf("parse page: %v", err)
	}
	var found *Form
	walk(doc, func(n *html.Node) {
		if n.Data == "form" && found == nil {
			if f := readForm(n, button); f != nil {
				found = f
			}
		}
	})
	if found == nil {
		t.Fatalf("no form with the button %q on the page (status %d):\n%s", button, p.StatusCode, p.Body)
	}
	for name, values := range fill {
		found.Values[name] = values
	}
	return *found
}

func readForm(n *html.Node, button string) *Form {
	f := &Form{Action: attribute(n, "action"), Values: url.Values{}}
	pressed := false
	walk(n, func(n *html.Node) {
		name := attribute(n, "name")
		switch n.Data {
		case "input":
			if kind := attribute(n, "type"); name != "" && kind != "checkbox" && kind != "radio" || has(n, "checked") {
				f.Values.Add(name, attribute(n, "value"))
			}
		case "button":
			if attribute(n, "id") == button {
				pressed = true
				if name != "" {
					f.Values.Add(name, attribute(n, "value"))
				}
			}
		}
	})
	if !pressed {
		return nil
	}
	return f
}

func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// Press sends the form of a button.
func (b *Browser) Press(p *Page, button string, fill url.Values) *Page {
	b.T.Helper()
	f := p.Form(b.T, button, fill)
	return b.Post(f.Action, f.Values)
}

// SignIn answers the sign-in page.
func (b *Browser) SignIn(p *Page, username string) *Page {
	b.T.Helper()
	return b.Press(p, "sign-in", url.Values{"username": {username}, "password": {Password}})
}

// Proof is a code verifier and its challenge.
type Proof struct{ Verifier, Challenge string }

// NewProof makes one (RFC 7636 §4).
func NewProof() Proof {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	return ProofOf(base64.RawURLEncoding.EncodeToString(raw))
}

// ProofOf is the proof of a given verifier.
func ProofOf(verifier string) Proof {
	sum := sha256.Sum256([]byte(verifier))
	return Proof{verifier, base64.RawURLEncoding.EncodeToString(sum[:])}
}

// Authorization is the query of an authorization request that is in order.
func (p Proof) Authorization(client string, change url.Values) string {
	q := url.Values{
		"client_id": {client}, "response_type": {"code"}, "redirect_uri": {RedirectURI}, "scope": {"openid profile email offline_access user agents:read"},
		"state": {"state-1"}, "nonce": {"nonce-1"}, "code_challenge": {p.Challenge}, "code_challenge_method": {"S256"},
	}
	for name, values := range change {
		if values == nil {
			q.Del(name)
			continue
		}
		q[name] = values
	}
	return "/oauth2/authorize?" + q.Encode()
}

// Authorize walks a person through sign-in and consent, whatever of it is asked,
// and returns the parameters that reached the client.
func (b *Browser) Authorize(proof Proof, client, username string, change url.Values) url.Values {
	b.T.Helper()
	p := b.Get(proof.Authorization(client, change))
	for range 4 {
		switch {
		case p.Left != nil:
			return p.Left.Query()
		case strings.Contains(string(p.Body), `id="sign-in"`):
			p = b.SignIn(p, username)
		case strings.Contains(string(p.Body), `id="accept"`):
			p = b.Press(p, "accept", nil)
		default:
			b.T.Fatalf("unexpected page (status %d):\n%s", p.StatusCode, p.Body)
		}
	}
	b.T.Fatal("sign-in and consent did not lead out of the house")
	return nil
}

// Answer is what a JSON endpoint said.
type Answer struct {
	Status int
	Header http.Header
	Raw    string
	JSON   map[string]any
}

// Text is a string member of the answer, "" when it is none.
func (a Answer) Text(name string) string {
	s, _ := a.JSON[name].(string)
	return s
}

// Call posts a form to an endpoint, authenticated as a client with
// client_secret_basic, or with client_id in the body when secret is "".
func (h *House) Call(path string, client, secret string, form url.Values) Answer {
	h.T.Helper()
	if secret == "" && client != "" {
		form.Set("client_id", client)
	}
	r, err := http.NewRequestWithContext(h.T.Context(), http.MethodPost, h.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		h.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret != "" {
		r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	}
	return h.Send(r)
}

// Send sends a request and reads a JSON answer.
func (h *House) Send(r *http.Request) Answer {
	h.T.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.T.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		h.T.Fatal(err)
	}
	a := Answer{Status: response.StatusCode, Header: response.Header, Raw: string(raw)}
	_ = json.Unmarshal(raw, &a.JSON)
	return a
}

// Token calls the token endpoint as a confidential client.
func (h *House) Token(client string, form url.Values) Answer {
	h.T.Helper()
	return h.Call("/oauth2/token", client, ClientSecret, form)
}

// Exchange turns a code into tokens.
func (h *House) Exchange(client, code string, proof Proof) Answer {
	h.T.Helper()
	return h.Token(client, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {RedirectURI}, "code_verifier": {proof.Verifier},
	})
}

// Tokens signs a user in at a client and returns what the token endpoint gave.
func (h *House) Tokens(client, username string, change url.Values) Answer {
	h.T.Helper()
	proof := NewProof()
	code := h.Browser().Authorize(proof, client, username, change).Get("code")
	a := h.Exchange(client, code, proof)
	if a.Status != http.StatusOK {
		h.T.Fatalf("exchange: %d %s", a.Status, a.Raw)
	}
	return a
}

// Introspect asks about a token as a client that may.
func (h *House) Introspect(client, token string) Answer {
	h.T.Helper()
	return h.Call("/oauth2/introspect", client, ClientSecret, url.Values{"token": {token}})
}
