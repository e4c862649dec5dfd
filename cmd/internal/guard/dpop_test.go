package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// prover makes DPoP proofs with one key.
func prover(t *testing.T, h *webtest.House) func(method, address, token string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	return func(method, address, token string) string {
		claims := map[string]any{"jti": uuid.NewString(), "htm": method, "htu": address, "iat": h.Now().Unix()}
		if token != "" {
			claims["ath"] = dpop.TokenHash(token)
		}
		text, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

func TestC17_ProofsAtTheGuard(t *testing.T) {
	t.Parallel()
	h, _ := house(t)
	h.Machine("robot", func(c *storage.Client) { c.Scopes = []authz.Pattern{"agents:read", "user"} })
	s := newService(t)
	g := start(t, h, s.URL, "")
	prove := prover(t, h)

	form := url.Values{"grant_type": {"client_credentials"}, "resource": {audience}, "scope": {"agents:read user"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("DPoP", prove("POST", h.URL+"/oauth2/token", ""))
	r.SetBasicAuth("robot", webtest.ClientSecret)
	token := h.Send(r).Text("access_token")
	if token == "" {
		t.Fatal("no token")
	}
	once := prove("GET", audience, token)
	for _, c := range []struct {
		name, scheme, proof string
		status              int
	}{
		{"with a proof", "DPoP", once, 200},
		{"once more", "DPoP", once, 401},
		{"stolen", "Bearer", "", 401},
		{"for where the guard listens", "DPoP", prove("GET", g.URL+"/agents", token), 401},
		{"with another's", "DPoP", prover(t, h)("GET", audience, token), 401},
	} {
		headers := http.Header{"Authorization": {c.scheme + " " + token}}
		if c.proof != "" {
			headers.Set("DPoP", c.proof)
		}
		s.last = nil
		answer, body := get(t, g.URL+"/agents", "", headers)
		if answer.StatusCode != c.status || c.status == 401 && !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "DPoP ") {
			t.Errorf("%s: %d %q %s", c.name, answer.StatusCode, answer.Header.Get("WWW-Authenticate"), body)
		}
		if (s.last != nil) != (c.status == 200) || s.last != nil && (s.last.Header.Get("DPoP") != "" || s.last.Header.Get("Authorization") != "") {
			t.Errorf("%s: the service saw %v", c.name, s.last)
		}
	}

	// Behind another proxy the proof is of the request that is asked about.
	asked := startAsked(t, h)
	for _, c := range []struct {
		name, method, proof string
		status              int
	}{
		{"of the request", "GET", prove("GET", audience, token), 200},
		{"of another method", "POST", prove("GET", audience, token), 401},
		{"of the question", "GET", prove("GET", asked.URL+"/", token), 401},
		{"of another path", "GET", prove("GET", audience+"/7", token), 401},
	} {
		headers := http.Header{"Authorization": {"DPoP " + token}, "Dpop": {c.proof}, "X-Forwarded-Method": {c.method}, "X-Forwarded-Uri": {"/agents?x=1"}}
		if answer, body := get(t, asked.URL+"/", "", headers); answer.StatusCode != c.status {
			t.Errorf("%s: %d %s", c.name, answer.StatusCode, body)
		}
	}
}
