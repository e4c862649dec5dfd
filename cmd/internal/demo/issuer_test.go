package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// issuerStub plays Gatehouse as far as a client and an API see it. What a test
// changes in it is what goes wrong.
type issuerStub struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu sync.Mutex
	// challenges are the code challenges of the codes that were handed out.
	challenges map[string]string
	nonce      string
	// scope of the next token response; "-" leaves it out.
	scope string
	// expiresIn is seconds.
	expiresIn int
	// alive holds the access tokens that introspection calls active, with their aud.
	alive map[string]string
	// claims changes the ID token before it is signed.
	claims func(map[string]any)
	// subject is whom userinfo speaks of.
	subject string
	// tokenError is what the token endpoint answers, when it is set.
	tokenError  string
	issued      int
	audience    string
	tokenCalls  int
	credentials []string
}

func newIssuerStub(t *testing.T) *issuerStub {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &issuerStub{
		key: key, challenges: map[string]string{}, alive: map[string]string{}, subject: "ada-id",
		scope: "openid profile email offline_access user agents:read tools:execute", expiresIn: 600,
	}
	keys := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: "ES256"}}}
	mux := http.NewServeMux()
	mux.Handle("GET /keys", keys)
	mux.HandleFunc("GET /.well-known/", s.discovery)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /userinfo", s.userinfo)
	mux.HandleFunc("POST /introspect", s.introspect)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func answer(w http.ResponseWriter, status int, document map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

func (s *issuerStub) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
		"jwks_uri": s.URL + "/keys", "userinfo_endpoint": s.URL + "/userinfo", "introspection_endpoint": s.URL + "/introspect",
		"end_session_endpoint": s.URL + "/logout", "id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

// authorize plays the person at Gatehouse: from the request to the answer.
func (s *issuerStub) authorize(t *testing.T, location string) url.Values {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Path != "/authorize" {
		t.Fatalf("sign-in leads to %q: %v", location, err)
	}
	q := u.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	code := rand.Text()
	s.challenges[code], s.nonce = q.Get("code_challenge"), q.Get("nonce")
	return url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {s.URL}}
}

func (s *issuerStub) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokenCalls++
	id, secret, _ := r.BasicAuth()
	s.credentials = []string{id, secret}
	if s.tokenError != "" {
		answer(w, http.StatusBadRequest, map[string]any{"error": s.tokenError})
		return
	}
	document := map[string]any{"token_type": "Bearer", "expires_in": s.expiresIn, "refresh_token": rand.Text()}
	if s.scope != "-" {
		document["scope"] = s.scope
	}
	access := s.accessToken()
	document["access_token"] = access
	if r.FormValue("grant_type") == "authorization_code" {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if challenge := base64.RawURLEncoding.EncodeToString(sum[:]); challenge != s.challenges[r.FormValue("code")] {
			answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
			return
		}
		document["id_token"] = s.idToken(id, access)
	}
	answer(w, http.StatusOK, document)
}

func (s *issuerStub) accessToken() string {
	s.issued++
	part := base64.RawURLEncoding.EncodeToString
	token := part([]byte(`{"alg":"ES256","typ":"at+jwt"}`)) + "." +
		part(fmt.Appendf(nil, `{"jti":"%d","note":"<b>&"}`, s.issued)) + "." + part([]byte("the signature"))
	s.alive[token] = s.audience
	return token
}

func (s *issuerStub) idToken(client, access string) string {
	sum := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": s.URL, "sub": "ada-id", "aud": client, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
		"nonce": s.nonce, "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if s.claims != nil {
		s.claims(claims)
	}
	text, _ := json.Marshal(claims)
	return oidctest.SignIDToken(s.key, "k", "ES256", string(text))
}

func (s *issuerStub) userinfo(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"sub": s.subject, "name": "Ada <Lovelace>", "preferred_username": "ada", "email": "ada@example.com", "email_verified": true,
	})
}

func (s *issuerStub) introspect(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	audience, alive := s.alive[r.FormValue("token")]
	if !alive {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"active": true, "token_type": "Bearer", "iss": s.URL, "sub": "ada-id", "aud": audience, "client_id": "demo",
		"jti": "1", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "scope": s.scope,
	})
}

// set changes the stub while the application may be asking it.
func (s *issuerStub) set(change func(*issuerStub)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}
