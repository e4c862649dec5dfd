package oidc_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// written is a JWT under a header as it stands, signed with ES256.
func (k *assertionKey) written(t testing.TB, header string, claims any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	noError(t, err)
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.Key.(*ecdsa.PrivateKey), digest[:])
	noError(t, err)
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// RFC 7515 §4.1.11: what a header calls critical has to be understood. Of what clients
// sign nothing is, and b64 (RFC 7797) would make two readings of one token.
func TestC16_CriticalHeadersOfClients(t *testing.T) {
	t.Parallel()
	h, k := newSigningDesk(t)
	k.KeyID = "k1"
	h.Machine("robot", func(c *storage.Client) { c.AuthMethod, c.JWKS = storage.AuthMethodPrivateKeyJWT, k.jwks(t) })
	h.Client("signer", func(c *storage.Client) { c.JWKS = k.jwks(t) })
	public, err := json.Marshal(k.Public())
	noError(t, err)
	now := h.Now().Unix()
	doors := map[string]func(members string) webtest.Answer{
		"a client assertion": func(members string) webtest.Answer {
			return asserted(t, h, k.written(t, `{"alg":"ES256","kid":"k1"`+members+`}`, map[string]any{
				"iss": "robot", "sub": "robot", "aud": h.URL, "jti": uuid.NewString(), "exp": now + 60,
			}))
		},
		"a request object": func(members string) webtest.Answer {
			return h.Call("/oauth2/par", "signer", webtest.ClientSecret, url.Values{
				"request": {k.written(t, `{"alg":"ES256","kid":"k1"`+members+`}`, objectClaims(h, "signer", webtest.NewProof(), nil))},
			})
		},
		"a backchannel request": func(members string) webtest.Answer {
			user := "u" + uuid.NewString()[:8]
			h.User(user)
			return askSigned(h, "signing", k.written(t, `{"alg":"ES256","kid":"k1"`+members+`}`, askClaims(h, "signing", map[string]any{"login_hint": user})))
		},
		"a DPoP proof": func(members string) webtest.Answer {
			proof := k.written(t, `{"alg":"ES256","typ":"dpop+jwt","jwk":`+string(public)+members+`}`, map[string]any{
				"htm": "POST", "htu": h.URL + "/oauth2/token", "iat": now, "jti": uuid.NewString(),
			})
			return holder{k, t, h}.token("rs", webtest.ClientSecret, proof, url.Values{"grant_type": {"client_credentials"}})
		},
	}
	for door, try := range doors {
		if a := try(""); a.Status != http.StatusOK && a.Status != http.StatusCreated {
			t.Errorf("%s without anything of it: %d %s", door, a.Status, a.Raw)
		}
		for _, members := range []string{
			`,"crit":["exp"],"exp":1`, `,"crit":["unheard-of"],"unheard-of":true`, `,"crit":[]`, `,"crit":"b64"`, `,"crit":["b64"],"b64":true`, `,"crit":["b64"],"b64":false`, `,"b64":false`,
		} {
			if a := try(members); a.Status < 400 || a.Status >= 500 {
				t.Errorf("%s with %s: %d %s", door, members, a.Status, a.Raw)
			}
		}
	}
}
