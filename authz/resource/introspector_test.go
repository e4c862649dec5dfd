package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

const (
	testClient = "api: one/zwei+ü"
	testSecret = "s%cr:t +&=é"
)

// introspection is an authorization server that gives one answer to everything.
type introspection struct {
	*httptest.Server
	status int
	body   string
	asked  atomic.Int32
	last   atomic.Pointer[http.Request]
}

func newIntrospection(t testing.TB) *introspection {
	t.Helper()
	s := &introspection{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		_ = r.ParseForm()
		s.last.Store(r)
		w.WriteHeader(s.status)
		_, _ = w.Write([]byte(s.body))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *introspection) introspector(t testing.TB, i *issuer) *Introspector {
	t.Helper()
	online, err := NewIntrospector(t.Context(), IntrospectorConfig{
		Issuer: i.URL, Audience: testAudience, Endpoint: s.URL,
		ClientID: testClient, ClientSecret: NewSecret(testSecret), Now: newClock().Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return online
}

func activeAnswer(t testing.TB, i *issuer, changes map[string]any) string {
	t.Helper()
	all := map[string]any{"active": true, "token_type": "Bearer"}
	maps.Copy(all, changes)
	return string(i.claims(t, all))
}

func TestIntrospectorSeesWhatTheVerifierSees(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	s := newIntrospection(t)
	s.body = activeAnswer(t, i, nil)
	token := i.token(t, nil)
	offline := accept(t, i.verifier(t, newClock()), "offline", token)
	online := accept(t, s.introspector(t, i), "online", token)
	if diff := cmp.Diff(offline, online); diff != "" {
		t.Error(diff)
	}

	r := s.last.Load()
	id, secret, _ := r.BasicAuth()
	id, err := url.QueryUnescape(id)
	if err != nil || id != testClient {
		t.Errorf("client id %q, %v", id, err)
	}
	if secret, err = url.QueryUnescape(secret); err != nil || secret != testSecret {
		t.Errorf("client secret %q, %v", secret, err)
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.PostForm.Get("token") != token {
		t.Errorf("asked by %s %s with %v", r.Method, r.URL, r.PostForm)
	}
}

func TestIntrospectorRefuses(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	now := testNow.Unix()
	for name, body := range map[string]string{
		"inactive":              `{"active":false}`,
		"inactive, with claims": activeAnswer(t, i, map[string]any{"active": false}),
		"silent about active":   activeAnswer(t, i, map[string]any{"active": nil}),
		"nothing":               `{}`,
		"null":                  `null`,
		"bound to a key":        activeAnswer(t, i, map[string]any{"token_type": "DPoP"}),
		"confirmation":          activeAnswer(t, i, map[string]any{"cnf": map[string]string{"jkt": "x"}}),
		"a refresh token":       activeAnswer(t, i, map[string]any{"token_type": "refresh_token"}),
		"another issuer":        activeAnswer(t, i, map[string]any{"iss": "https://evil.example.com"}),
		"no issuer":             activeAnswer(t, i, map[string]any{"iss": nil}),
		"another audience":      activeAnswer(t, i, map[string]any{"aud": "https://other.example.com"}),
		"no audience":           activeAnswer(t, i, map[string]any{"aud": nil}),
		"expired":               activeAnswer(t, i, map[string]any{"exp": now}),
		"no expiry":             activeAnswer(t, i, map[string]any{"exp": nil}),
		"from the future":       activeAnswer(t, i, map[string]any{"nbf": now + 61}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newIntrospection(t)
			s.body = body
			refuse(t, s.introspector(t, i), name, i.token(t, nil))
		})
	}
}

// G3 and the like: what is no access token by its shape is not even asked about.
func TestIntrospectorAsksOnlyAboutAccessTokens(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	s := newIntrospection(t)
	s.body = activeAnswer(t, i, nil)
	online := s.introspector(t, i)
	for name, token := range map[string]string{
		"a refresh token": "gth_rt_AQGYwN4AAHAAgAAAAAAAAAAB",
		"an ID token":     i.keys[0].sign(t, map[jose.HeaderKey]any{"typ": "JWT"}, i.claims(t, nil)),
		"nothing":         "",
		"too long":        i.token(t, map[string]any{"x": strings.Repeat("x", maxTokenLength)}),
	} {
		refuse(t, online, name, token)
	}
	if asked := s.asked.Load(); asked != 0 {
		t.Errorf("asked %d times", asked)
	}
}

func TestIntrospectorNeverGuesses(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	active := activeAnswer(t, i, nil)
	for name, set := range map[string]func(*introspection){
		"500":             func(s *introspection) { s.status = 500 },
		"503":             func(s *introspection) { s.status = 503 },
		"our credentials": func(s *introspection) { s.status = 401 },
		"302":             func(s *introspection) { s.status = 302 },
		"not JSON":        func(s *introspection) { s.body = "<html>" },
		"cut off":         func(s *introspection) { s.body = active[:len(active)-1] },
		"active twice":    func(s *introspection) { s.body = `{"active":false,` + active[1:] },
		"too large":       func(s *introspection) { s.body = active + strings.Repeat(" ", maxDocument) },
		"gone":            func(s *introspection) { s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newIntrospection(t)
			s.body = active
			online := s.introspector(t, i)
			set(s)
			p, err := online.Authenticate(t.Context(), i.token(t, nil))
			if p != nil || !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInvalidToken) {
				t.Errorf("got %+v, %v", p, err)
			}
			if strings.Contains(fmt.Sprint(err), testSecret) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestNewIntrospector(t *testing.T) {
	i := newIssuer(t, newKey(t, "k1", jose.ES256))
	good := IntrospectorConfig{Issuer: i.URL, Audience: testAudience, ClientID: testClient, ClientSecret: NewSecret(testSecret)}
	online, err := NewIntrospector(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	if want := i.URL + "/introspect"; online.endpoint != want {
		t.Errorf("endpoint %q, want %q", online.endpoint, want)
	}
	for name, spoil := range map[string]func(*IntrospectorConfig){
		"no audience":         func(c *IntrospectorConfig) { c.Audience = "" },
		"no client":           func(c *IntrospectorConfig) { c.ClientID = "" },
		"no secret":           func(c *IntrospectorConfig) { c.ClientSecret = Secret{} },
		"no issuer":           func(c *IntrospectorConfig) { c.Issuer = "" },
		"endpoint over http":  func(c *IntrospectorConfig) { c.Endpoint = "http://id.example.com/introspect" },
		"an issuer elsewhere": func(c *IntrospectorConfig) { c.Issuer = i.URL + "/tenant" },
		"issuer over http":    func(c *IntrospectorConfig) { c.Issuer, c.Endpoint = "http://id.example.com", i.URL },
	} {
		c := good
		spoil(&c)
		if _, err := NewIntrospector(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	c := IntrospectorConfig{ClientSecret: NewSecret(testSecret)}
	inside := struct{ c IntrospectorConfig }{c}
	document, err := json.Marshal(c.ClientSecret)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(document), fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %q %x", c, c.ClientSecret, c.ClientSecret, c.ClientSecret, c.ClientSecret),
		fmt.Sprintf("%v %+v", inside, inside), c.ClientSecret.LogValue().String(), c.ClientSecret.String(),
	} {
		if strings.Contains(text, testSecret) || strings.Contains(text, "7325") {
			t.Errorf("printed: %s", text)
		}
	}
}
