package resource

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
)

// book is an authenticator that knows some tokens by heart.
type book map[string]authz.ScopeSet

func (b book) Authenticate(_ context.Context, token string) (*Principal, error) {
	switch scopes, known := b[token]; {
	case known:
		return &Principal{Subject: token, ClientID: "web", Scopes: scopes}, nil
	case token == "down":
		return nil, ErrUnavailable
	case token == "odd":
		return nil, errors.New("pg password is hunter2")
	}
	return nil, ErrInvalidToken
}

var testBook = book{
	"none": {}, "user": {"user"}, "reader": {"user", "agents:read"}, "admin": {"admin"},
}

func quietGuard(a Authenticator) *Guard {
	return NewGuard(a, GuardConfig{
		Realm:            "agents",
		ResourceMetadata: "https://api.example.com/.well-known/oauth-protected-resource",
		Logger:           slog.New(slog.DiscardHandler),
	})
}

func requirement(t testing.TB, text string) Requirement {
	t.Helper()
	var decoded []map[string][]string
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		t.Fatal(err)
	}
	r, err := ParseRequirement(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// whoami answers with the subject of the principal.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if p := PrincipalFrom(r.Context()); p != nil {
		_, _ = io.WriteString(w, p.Subject)
		return
	}
	_, _ = io.WriteString(w, "nobody")
})

func ask(h http.Handler, authorization ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestGuard(t *testing.T) {
	const (
		bearer   = `Bearer realm="agents"`
		metadata = `, resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"`
		both     = `[{"oauth2":["user","agents:read"]}]`
		either   = `[{"oauth2":["user","agents:read"]},{"oauth2":["admin","billing","users:manage"]}]`
		rank     = `[{"oauth2":["user","agents:read"]},{"oauth2":["billing"]},{"oauth2":["admin","billing"]}]`
		anyToken = `[{"oauth2":[]}]`
		open     = `[{"oauth2":["user"]},{}]`
	)
	for name, test := range map[string]struct {
		need          string
		authorization []string
		status        int
		challenge     string
		subject       string
	}{
		"no token":               {both, nil, 401, bearer + `, scope="user agents:read"` + metadata, ""},
		"another scheme":         {both, []string{"Basic dXNlcjpwYXNz"}, 401, bearer + `, scope="user agents:read"` + metadata, ""},
		"scheme glued":           {both, []string{"Bearerreader"}, 401, bearer + `, scope="user agents:read"` + metadata, ""},
		"a bad token":            {both, []string{"Bearer forged"}, 401, bearer + `, error="invalid_token", scope="user agents:read"` + metadata, ""},
		"an empty token":         {both, []string{"Bearer "}, 401, bearer + `, error="invalid_token", scope="user agents:read"` + metadata, ""},
		"two tokens in one":      {both, []string{"Bearer reader reader"}, 401, bearer + `, error="invalid_token", scope="user agents:read"` + metadata, ""},
		"two headers":            {both, []string{"Bearer reader", "Bearer reader"}, 400, bearer + `, error="invalid_request"` + metadata, ""},
		"a header of each kind":  {both, []string{"Basic dXNlcjpwYXNz", "Bearer reader"}, 400, bearer + `, error="invalid_request"` + metadata, ""},
		"too few scopes":         {both, []string{"Bearer user"}, 403, bearer + `, error="insufficient_scope", scope="user agents:read"` + metadata, ""},
		"no scopes":              {both, []string{"Bearer none"}, 403, bearer + `, error="insufficient_scope", scope="user agents:read"` + metadata, ""},
		"the nearer alternative": {either, []string{"Bearer user"}, 403, bearer + `, error="insufficient_scope", scope="user agents:read"` + metadata, ""},
		"the first of equals":    {rank, []string{"Bearer none"}, 403, bearer + `, error="insufficient_scope", scope="user agents:read"` + metadata, ""},
		"the one half held":      {rank, []string{"Bearer admin"}, 403, bearer + `, error="insufficient_scope", scope="admin billing"` + metadata, ""},
		"enough":                 {both, []string{"Bearer reader"}, 200, "", "reader"},
		"by the first":           {either, []string{"Bearer reader"}, 200, "", "reader"},
		"scheme in lower case":   {both, []string{"bearer reader"}, 200, "", "reader"},
		"scheme in upper case":   {both, []string{"BEARER  reader"}, 200, "", "reader"},
		"any token will do":      {anyToken, []string{"Bearer none"}, 200, "", "none"},
		"any token, and none":    {anyToken, nil, 401, bearer + metadata, ""},
		"open, without a token":  {open, nil, 200, "", "nobody"},
		"open, with a token":     {open, []string{"Bearer user"}, 200, "", "user"},
		"open, with few scopes":  {open, []string{"Bearer none"}, 200, "", "none"},
		"open, with a bad token": {open, []string{"Bearer forged"}, 401, bearer + `, error="invalid_token", scope="user"` + metadata, ""},
		"unreachable":            {both, []string{"Bearer down"}, 503, "", ""},
		"unreachable, but open":  {open, []string{"Bearer down"}, 503, "", ""},
		"an error of its own":    {both, []string{"Bearer odd"}, 503, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(quietGuard(testBook).Require(requirement(t, test.need))(whoami), test.authorization...)
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			if got := w.Header().Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("challenge\n got %s\nwant %s", got, test.challenge)
			}
			if (w.Code == 503) != (w.Header().Get("Retry-After") != "") {
				t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
			}
			if w.Code == 200 {
				if w.Body.String() != test.subject {
					t.Errorf("let in as %q, want %q", w.Body, test.subject)
				}
				return
			}
			checkProblem(t, w)
		})
	}
}

func checkProblem(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var problem struct {
		Title  string
		Status int
		Detail string
	}
	body := w.Body.String()
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	if problem.Status != w.Code || problem.Title == "" || problem.Detail == "" || strings.Contains(body, "hunter2") || len(body) > 300 {
		t.Errorf("body %s", body)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", w.Header())
	}
}

func TestRequireScopes(t *testing.T) {
	g := quietGuard(testBook)
	h := g.RequireScopes("user", "agents:read", "user")(whoami)
	if w := ask(h, "Bearer reader"); w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
	if w := ask(h, "Bearer user"); w.Code != 403 || !strings.Contains(w.Header().Get("WWW-Authenticate"), `scope="user agents:read"`) {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
	if w := ask(g.RequireScopes()(whoami), "Bearer none"); w.Code != 200 {
		t.Errorf("no scopes required: status %d", w.Code)
	}
	if w := ask(g.RequireScopes()(whoami)); w.Code != 401 {
		t.Errorf("no scopes required, no token: status %d", w.Code)
	}
	for name, wire := range map[string]func(){
		"a pattern":         func() { g.RequireScopes("agents:*") },
		"everything":        func() { g.RequireScopes("*") },
		"two in one":        func() { g.RequireScopes("user agents:read") },
		"a quote":           func() { g.RequireScopes(`user", error="x`) },
		"a line break":      func() { g.RequireScopes("user\r\nSet-Cookie: x=y") },
		"offline_access":    func() { g.RequireScopes("offline_access") },
		"a zero value":      func() { g.Require(Requirement{}) },
		"the empty scope":   func() { g.RequireScopes("") },
		"one bad among two": func() { g.RequireScopes("user", "*") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: wired", name)
				}
			}()
			wire()
		}()
	}
}

func TestC10_TokenInTheQueryOrTheBody(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	token := i.token(t, nil)
	h := quietGuard(i.verifier(t, newClock())).RequireScopes("user")(whoami)
	if w := ask(h, "Bearer "+token); w.Code != 200 {
		t.Fatalf("the control: status %d", w.Code)
	}
	for name, r := range map[string]*http.Request{
		"query":  httptest.NewRequest(http.MethodGet, "/?access_token="+token, nil),
		"body":   httptest.NewRequest(http.MethodPost, "/", strings.NewReader("access_token="+token)),
		"cookie": httptest.NewRequest(http.MethodGet, "/", nil),
	} {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: "access_token", Value: token})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 401 || strings.Contains(w.Header().Get("WWW-Authenticate"), "error=") {
			t.Errorf("%s: status %d, %v", name, w.Code, w.Header())
		}
	}
}

func TestChallengeCannotBeInjected(t *testing.T) {
	g := NewGuard(testBook, GuardConfig{
		Realm:            "a\"b\\c\r\nSet-Cookie: x=y\x00\x7f, error=\"none\"é",
		ResourceMetadata: "https://x/\"\r\n",
	})
	got := ask(g.RequireScopes("user")(whoami)).Header().Get("WWW-Authenticate")
	want := `Bearer realm="a\"b\\cSet-Cookie: x=y, error=\"none\"", scope="user", resource_metadata="https://x/\""`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got := ask(NewGuard(testBook, GuardConfig{}).RequireScopes()(whoami)).Header().Get("WWW-Authenticate"); got != `Bearer realm="resource"` {
		t.Errorf("without any setting: %s", got)
	}
}

func TestGuardTellsTheLogWhyAndNeverTheToken(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	var log strings.Builder
	g := NewGuard(i.verifier(t, newClock()), GuardConfig{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	token := i.token(t, map[string]any{"aud": "https://other.example.com"})
	w := ask(g.RequireScopes("user")(whoami), "Bearer "+token)
	if !strings.Contains(log.String(), "aud does not name this resource") {
		t.Errorf("log %s", &log)
	}
	if strings.Contains(log.String(), token[len(token)-20:]) {
		t.Errorf("the token is in the log: %s", &log)
	}
	if strings.Contains(w.Body.String(), "aud") {
		t.Errorf("the client learns the reason: %s", w.Body)
	}
}

func FuzzReadPresented(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer ", "bearer  x", "Basic x", "Bearer x y", "DPoP x", "dpop", "Bearer\tx", "BEARER x ", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, err := readPresented(http.Header{"Authorization": {value}})
		if (token.text == "") != (err != nil) {
			t.Errorf("readPresented(%q) = %q, %v", value, token, err)
		}
		prefix := token.scheme + " "
		if err == nil && (!strings.EqualFold(strings.TrimLeft(value, " ")[:len(prefix)], prefix) || strings.Trim(token.text, " ") != token.text) {
			t.Errorf("readPresented(%q) = %q", value, token)
		}
		if _, err := readPresented(http.Header{"Authorization": {value, value}}); !errors.Is(err, errManyHeaders) {
			t.Errorf("two headers: %v", err)
		}
	})
}
