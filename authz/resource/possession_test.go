package resource

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse/gatehouse/authz/dpop"
)

// proofFor is a DPoP proof for GET /things at the audience, but for what change says.
func (k signingKey) proofFor(t testing.TB, token string, change map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"jti": uniqueID(), "htm": "GET", "htu": testAudience + "/things", "iat": testNow.Unix(), "ath": dpop.TokenHash(token),
	}
	maps.Copy(claims, change)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.algorithm, Key: k.private}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (k signingKey) thumbprint(t testing.TB) string {
	t.Helper()
	jwk := k.jwk()
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

var serial atomic.Int64

// uniqueID is a jti that no other proof has.
func uniqueID() string { return "proof-" + strconv.FormatInt(serial.Add(1), 10) }

// guarded is a resource whose tokens may be bound.
type guarded struct {
	t     *testing.T
	i     *issuer
	clock *clock
	h     http.Handler
}

func newGuarded(t *testing.T, d DPoP) guarded {
	i, c := newIssuer(t, newKey(t, "k1", jose.ES256)), newClock()
	g := NewGuard(i.verifier(t, c), GuardConfig{Realm: "agents", Now: c.Now, DPoP: d, Logger: slog.New(slog.DiscardHandler)})
	return guarded{t, i, c, g.RequireScopes("user")(whoami)}
}

func (g guarded) ask(scheme, token string, proofs ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/things?x=y", nil)
	r.Header.Set("Authorization", scheme+" "+token)
	for _, proof := range proofs {
		r.Header.Add("DPoP", proof)
	}
	w := httptest.NewRecorder()
	g.h.ServeHTTP(w, r)
	return w
}

func TestC17_ProofsAtAResource(t *testing.T) {
	key, other := newKey(t, "", jose.ES256), newKey(t, "", jose.ES256)
	g := newGuarded(t, DPoP{BaseURL: testAudience})
	bound := g.i.token(t, map[string]any{"cnf": map[string]string{"jkt": key.thumbprint(t)}})
	plain := g.i.token(t, nil)
	if w := g.ask("DPoP", bound, key.proofFor(t, bound, nil)); w.Code != 200 {
		t.Fatalf("the control: %d %s", w.Code, w.Body)
	}
	if w := g.ask("Bearer", plain); w.Code != 200 {
		t.Fatalf("a bearer token: %d", w.Code)
	}
	used := key.proofFor(t, bound, nil)
	g.ask("DPoP", bound, used)
	for name, test := range map[string]struct {
		scheme, token string
		proofs        []string
		code          string
	}{
		"without its proof":        {"DPoP", bound, nil, "invalid_dpop_proof"},
		"as a bearer token":        {"Bearer", bound, nil, "invalid_token"},
		"as a bearer with a proof": {"Bearer", bound, []string{key.proofFor(t, bound, nil)}, "invalid_token"},
		"with another's proof":     {"DPoP", bound, []string{other.proofFor(t, bound, nil)}, "invalid_token"},
		"with a used proof":        {"DPoP", bound, []string{used}, "invalid_dpop_proof"},
		"with two proofs":          {"DPoP", bound, []string{key.proofFor(t, bound, nil), key.proofFor(t, bound, nil)}, "invalid_dpop_proof"},
		"of another token":         {"DPoP", bound, []string{key.proofFor(t, plain, nil)}, "invalid_dpop_proof"},
		"for another method":       {"DPoP", bound, []string{key.proofFor(t, bound, map[string]any{"htm": "POST"})}, "invalid_dpop_proof"},
		"for another server":       {"DPoP", bound, []string{key.proofFor(t, bound, map[string]any{"htu": "http://example.com/things"})}, "invalid_dpop_proof"},
		"for another path":         {"DPoP", bound, []string{key.proofFor(t, bound, map[string]any{"htu": testAudience + "/others"})}, "invalid_dpop_proof"},
		"of yesterday":             {"DPoP", bound, []string{key.proofFor(t, bound, map[string]any{"iat": testNow.Add(-time.Hour).Unix()})}, "invalid_dpop_proof"},
		"beside an unbound token":  {"DPoP", plain, []string{key.proofFor(t, plain, nil)}, "invalid_token"},
		"nonsense":                 {"DPoP", bound, []string{"x"}, "invalid_dpop_proof"},
	} {
		w := g.ask(test.scheme, test.token, test.proofs...)
		got := w.Header().Values("WWW-Authenticate")
		want := `DPoP realm="agents", error="` + test.code + `", scope="user", algs="ES256 PS256 EdDSA Ed25519 RS256"`
		if w.Code != 401 || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %d %q", name, w.Code, got)
		}
		checkProblem(t, w)
	}
}

func TestGuardNamesBothSchemes(t *testing.T) {
	g := newGuarded(t, DPoP{BaseURL: testAudience})
	got := ask(g.h).Header().Values("WWW-Authenticate")
	if len(got) != 2 || got[0] != `Bearer realm="agents", scope="user"` || got[1] != `DPoP realm="agents", scope="user", algs="ES256 PS256 EdDSA Ed25519 RS256"` {
		t.Errorf("%q", got)
	}
}

// Who does not judge proofs lets no bound token in, by whatever scheme.
func TestC17_BoundTokensWhereProofsAreNotUnderstood(t *testing.T) {
	key := newKey(t, "", jose.ES256)
	g := newGuarded(t, DPoP{})
	bound := g.i.token(t, map[string]any{"cnf": map[string]string{"jkt": key.thumbprint(t)}})
	for _, scheme := range []string{"Bearer", "DPoP"} {
		if w := g.ask(scheme, bound, key.proofFor(t, bound, nil)); w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: %d %q", scheme, w.Code, w.Header())
		}
	}
}

func TestC17_NonceAtAResource(t *testing.T) {
	key := newKey(t, "", jose.EdDSA)
	g := newGuarded(t, DPoP{BaseURL: testAudience + "/", Nonces: dpop.NewNonces([]byte("a key of sixteen bytes"))})
	bound := g.i.token(t, map[string]any{"cnf": map[string]string{"jkt": key.thumbprint(t)}})
	w := g.ask("DPoP", bound, key.proofFor(t, bound, nil))
	nonce := w.Header().Get("DPoP-Nonce")
	if w.Code != 401 || nonce == "" || !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="use_dpop_nonce"`) {
		t.Fatalf("without a nonce: %d %v", w.Code, w.Header())
	}
	if w := g.ask("DPoP", bound, key.proofFor(t, bound, map[string]any{"nonce": nonce})); w.Code != 200 || w.Header().Get("DPoP-Nonce") != nonce {
		t.Errorf("with it: %d %v", w.Code, w.Header())
	}
	g.clock.advance(11 * time.Minute)
	late := map[string]any{"nonce": nonce, "iat": g.clock.Now().Unix()}
	fresh := g.i.token(t, map[string]any{"cnf": map[string]string{"jkt": key.thumbprint(t)}, "exp": g.clock.Now().Add(time.Minute).Unix()})
	if w := g.ask("DPoP", fresh, key.proofFor(t, fresh, late)); w.Code != 401 {
		t.Errorf("with an old one: %d", w.Code)
	}
}

// broken is a memory that cannot be reached.
type broken struct{}

func (broken) Spend(context.Context, dpop.Proof) error { return errors.New("pg password is hunter2") }

func TestC17_ProofsThatCannotBeRemembered(t *testing.T) {
	key := newKey(t, "", jose.ES256)
	g := newGuarded(t, DPoP{BaseURL: testAudience, Replays: broken{}})
	bound := g.i.token(t, map[string]any{"cnf": map[string]string{"jkt": key.thumbprint(t)}})
	w := g.ask("DPoP", bound, key.proofFor(t, bound, nil))
	if w.Code != 503 {
		t.Errorf("let through: %d", w.Code)
	}
	checkProblem(t, w)
}

func TestC17_CertificatesAtAResource(t *testing.T) {
	own, stolen := &x509.Certificate{Raw: []byte("own")}, &x509.Certificate{Raw: []byte("another")}
	g := newGuarded(t, DPoP{})
	bound := g.i.token(t, map[string]any{"cnf": map[string]string{"x5t#S256": CertificateThumbprint(own)}})
	for name, test := range map[string]struct {
		token  string
		tls    *tls.ConnectionState
		status int
	}{
		"its certificate":      {bound, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{own, stolen}}, 200},
		"another":              {bound, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{stolen, own}}, 401},
		"none":                 {bound, &tls.ConnectionState{}, 401},
		"no TLS":               {bound, nil, 401},
		"an unbound token":     {g.i.token(t, nil), &tls.ConnectionState{PeerCertificates: []*x509.Certificate{stolen}}, 200},
		"bound by other means": {g.i.token(t, map[string]any{"cnf": map[string]any{"kid": "x"}}), nil, 401},
		"bound to two things":  {g.i.token(t, map[string]any{"cnf": map[string]any{"x5t#S256": CertificateThumbprint(own), "jwk": "x"}}), &tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}}, 401},
		"bound to nothing":     {g.i.token(t, map[string]any{"cnf": map[string]any{}}), nil, 401},
		"bound to null":        {g.i.token(t, map[string]any{"cnf": json.RawMessage("null")}), nil, 401},
	} {
		r := httptest.NewRequest(http.MethodGet, "/things", nil)
		r.Header.Set("Authorization", "Bearer "+test.token)
		r.TLS = test.tls
		w := httptest.NewRecorder()
		g.h.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if got := w.Header().Get("WWW-Authenticate"); w.Code == 401 && got != `Bearer realm="agents", error="invalid_token", scope="user"` {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A proof names the path that was asked for, whatever stands around the guard.
func TestProofBehindStripPrefix(t *testing.T) {
	key := newKey(t, "", jose.ES256)
	g := newGuarded(t, DPoP{BaseURL: testAudience})
	bound := g.i.token(t, map[string]any{"cnf": map[string]string{"jkt": key.thumbprint(t)}})
	g.h = http.StripPrefix("/th", g.h)
	if w := g.ask("DPoP", bound, key.proofFor(t, bound, nil)); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What is remembered of a token is not that its key was shown.
func TestC17_ARememberedTokenStillNeedsItsKey(t *testing.T) {
	key := newKey(t, "", jose.ES256)
	i, c := newIssuer(t, newKey(t, "k1", jose.ES256)), newClock()
	own := &x509.Certificate{Raw: []byte("own")}
	tokens := NewCached(i.verifier(t, c), CacheConfig{Now: c.Now})
	var shown *x509.Certificate
	g := NewGuard(tokens, GuardConfig{
		Now: c.Now, DPoP: DPoP{BaseURL: testAudience}, Certificate: func(*http.Request) *x509.Certificate { return shown }, Logger: slog.New(slog.DiscardHandler),
	})
	asked := guarded{t, i, c, g.RequireScopes("user")(whoami)}

	bound := i.token(t, map[string]any{"cnf": map[string]string{"jkt": key.thumbprint(t)}})
	for range 2 {
		if w := asked.ask("DPoP", bound, key.proofFor(t, bound, nil)); w.Code != 200 {
			t.Fatalf("with its key: %d %s", w.Code, w.Body)
		}
	}
	if w := asked.ask("Bearer", bound); w.Code != 401 {
		t.Errorf("stolen: %d", w.Code)
	}
	if w := asked.ask("DPoP", bound, newKey(t, "", jose.ES256).proofFor(t, bound, nil)); w.Code != 401 {
		t.Errorf("with another key: %d", w.Code)
	}
	certified := i.token(t, map[string]any{"cnf": map[string]string{"x5t#S256": CertificateThumbprint(own)}})
	shown = own
	if w := asked.ask("Bearer", certified); w.Code != 200 {
		t.Fatalf("with its certificate: %d", w.Code)
	}
	shown = nil
	if w := asked.ask("Bearer", certified); w.Code != 401 {
		t.Errorf("without its certificate: %d", w.Code)
	}
}
