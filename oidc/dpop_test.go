package oidc_test

import (
	"crypto"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// holder is a client that holds a DPoP key.
type holder struct {
	*assertionKey
	t testing.TB
	h *webtest.House
}

func newHolder(t testing.TB, h *webtest.House) holder { return holder{newAssertionKey(t), t, h} }

func (k holder) thumbprint() string {
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		k.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// proof is one for a request, but for what change says; a nil value takes a claim out.
func (k holder) proof(method, path, token string, change map[string]any) string {
	k.t.Helper()
	claims := map[string]any{"jti": uuid.NewString(), "htm": method, "htu": k.h.URL + path, "iat": k.h.Now().Unix()}
	if token != "" {
		claims["ath"] = dpop.TokenHash(token)
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.Key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		k.t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

// post calls an endpoint with a proof in the header, and none when proof is "".
func (k holder) post(path, client, secret, proof string, form url.Values) webtest.Answer {
	k.t.Helper()
	if secret == "" && client != "" {
		form = maps.Clone(form)
		form.Set("client_id", client)
	}
	r, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.h.Socket()+path, strings.NewReader(form.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	if secret != "" {
		r.SetBasicAuth(client, secret)
	}
	return k.h.Send(r)
}

func (k holder) token(client, secret, proof string, form url.Values) webtest.Answer {
	k.t.Helper()
	return k.post("/oauth2/token", client, secret, proof, form)
}

// userInfo presents a token at the UserInfo endpoint.
func (k holder) userInfo(scheme, token, proof string) webtest.Answer {
	k.t.Helper()
	return k.present("/oauth2/userinfo", scheme, token, proof)
}

// present gets an address with a token.
func (k holder) present(path, scheme, token, proof string) webtest.Answer {
	k.t.Helper()
	r, err := http.NewRequestWithContext(k.t.Context(), http.MethodGet, k.h.Socket()+path, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", scheme+" "+token)
	}
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	return k.h.Send(r)
}

// exchange signs ann in and turns the code into tokens with a proof.
func (k holder) exchange(client, secret, proof string, change url.Values) webtest.Answer {
	k.t.Helper()
	verifier := webtest.NewProof()
	code := k.h.Browser().Authorize(verifier, client, "ann", change).Get("code")
	return k.token(client, secret, proof, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {verifier.Verifier},
	})
}

func withPublic(t *testing.T) *webtest.House {
	h := newHouse(t)
	h.Client("spa", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientSPA, storage.AuthMethodNone })
	return h
}

func TestDPoP(t *testing.T) {
	t.Parallel()
	h := withPublic(t)
	k := newHolder(t, h)
	a := mustGrant(t, "exchange", k.exchange("spa", "", k.proof("POST", "/oauth2/token", "", nil), nil))
	if a.Text("token_type") != "DPoP" || a.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("token_type %q, nonce %q", a.Text("token_type"), a.Header.Get("DPoP-Nonce"))
	}
	token := a.Text("access_token")
	if cnf, _ := claimsOf(t, token)["cnf"].(map[string]any); cnf["jkt"] != k.thumbprint() {
		t.Errorf("cnf is %v", cnf)
	}
	// RFC 9449 §6.2: introspection says so too.
	i := h.Introspect("rs", token)
	if cnf, _ := i.JSON["cnf"].(map[string]any); i.Text("token_type") != "DPoP" || cnf["jkt"] != k.thumbprint() {
		t.Errorf("introspection says %s", i.Raw)
	}
	if u := k.userInfo("DPoP", token, k.proof("GET", "/oauth2/userinfo", token, nil)); u.Status != http.StatusOK {
		t.Errorf("userinfo: %d %s", u.Status, u.Raw)
	}
	if r := mustGrant(t, "refresh", k.token("spa", "", k.proof("POST", "/oauth2/token", "", nil), url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")},
	})); r.Text("token_type") != "DPoP" {
		t.Errorf("refreshed as %q", r.Text("token_type"))
	}
	m := mustGrant(t, "client credentials", k.token("rs", webtest.ClientSecret, k.proof("POST", "/oauth2/token", "", nil), url.Values{"grant_type": {"client_credentials"}}))
	if cnf, _ := claimsOf(t, m.Text("access_token"))["cnf"].(map[string]any); cnf["jkt"] != k.thumbprint() {
		t.Errorf("client credentials: cnf is %v", cnf)
	}
	if plain := mustGrant(t, "without a proof", h.Token("rs", url.Values{"grant_type": {"client_credentials"}})); plain.Text("token_type") != "Bearer" || claimsOf(t, plain.Text("access_token"))["cnf"] != nil {
		t.Errorf("without a proof: %s", plain.Raw)
	}
}

// RFC 9449 §5: a public client's refresh token works with its key alone; a
// confidential client proves itself in another way and may change its key.
func TestDPoP_BoundRefreshTokens(t *testing.T) {
	t.Parallel()
	h := withPublic(t)
	k, thief := newHolder(t, h), newHolder(t, h)
	form := func(a webtest.Answer) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}}
	}
	a := mustGrant(t, "public", k.exchange("spa", "", k.proof("POST", "/oauth2/token", "", nil), nil))
	mustRefuse(t, "without a proof", k.token("spa", "", "", form(a)), http.StatusBadRequest, "invalid_grant")
	mustRefuse(t, "another key", k.token("spa", "", thief.proof("POST", "/oauth2/token", "", nil), form(a)), http.StatusBadRequest, "invalid_grant")
	mustGrant(t, "a refusal ends nothing", k.token("spa", "", k.proof("POST", "/oauth2/token", "", nil), form(a)))

	c := mustGrant(t, "confidential", k.exchange("web", webtest.ClientSecret, k.proof("POST", "/oauth2/token", "", nil), nil))
	mustGrant(t, "another key of the same client", k.token("web", webtest.ClientSecret, thief.proof("POST", "/oauth2/token", "", nil), form(c)))
}

// A code may be bound to a key before it exists (RFC 9449 §10).
func TestB13_CodeBoundToAKey(t *testing.T) {
	t.Parallel()
	h := withPublic(t)
	k, thief := newHolder(t, h), newHolder(t, h)
	proof := func(by holder) string { return by.proof("POST", "/oauth2/token", "", nil) }
	bound := url.Values{"dpop_jkt": {k.thumbprint()}}
	for _, client := range []struct{ id, secret string }{{"spa", ""}, {"web", webtest.ClientSecret}} {
		mustGrant(t, client.id, k.exchange(client.id, client.secret, proof(k), bound))
		mustRefuse(t, client.id+", another key", k.exchange(client.id, client.secret, proof(thief), bound), http.StatusBadRequest, "invalid_grant")
		mustRefuse(t, client.id+", no key", k.exchange(client.id, client.secret, "", bound), http.StatusBadRequest, "invalid_grant")
	}
	if q := h.Browser().Get(webtest.NewProof().Authorization("spa", url.Values{"dpop_jkt": {"short"}})).Left; q == nil || q.Query().Get("error") != "invalid_request" {
		t.Errorf("a malformed dpop_jkt leads to %v", q)
	}

	// RFC 9449 §10.1: a proof with the pushed request says the same.
	pushed := func(proof, jkt string) webtest.Answer {
		form := url.Values{
			"response_type": {"code"}, "redirect_uri": {webtest.RedirectURI}, "scope": {"openid"}, "code_challenge": {webtest.ProofOf(strings.Repeat("v", 43)).Challenge},
			"code_challenge_method": {"S256"},
		}
		if jkt != "" {
			form.Set("dpop_jkt", jkt)
		}
		return k.post("/oauth2/par", "web", webtest.ClientSecret, proof, form)
	}
	mustRefuse(t, "two keys", pushed(k.proof("POST", "/oauth2/par", "", nil), thief.thumbprint()), http.StatusBadRequest, "invalid_dpop_proof")
	a := pushed(k.proof("POST", "/oauth2/par", "", nil), "")
	if a.Status != http.StatusCreated {
		t.Fatalf("pushed: %d %s", a.Status, a.Raw)
	}
	for _, by := range []holder{thief, k} {
		code := h.Browser().Authorize(webtest.Proof{}, "web", "ann", url.Values{
			"request_uri": {pushed(k.proof("POST", "/oauth2/par", "", nil), "").Text("request_uri")},
		}).Get("code")
		a := k.token("web", webtest.ClientSecret, proof(by), url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {strings.Repeat("v", 43)},
		})
		if granted := a.Status == http.StatusOK; granted != (by == k) {
			t.Errorf("pushed with a proof: %d %s", a.Status, a.Raw)
		}
	}
}

func TestC17_ProofsAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replica := h.Replica()
	k := newHolder(t, h)
	form := url.Values{"grant_type": {"client_credentials"}}
	ask := func(h *webtest.House, proof string) webtest.Answer {
		return holder{k.assertionKey, t, h}.token("rs", webtest.ClientSecret, proof, form)
	}
	for name, change := range map[string]map[string]any{
		"htm": {"htm": "GET"}, "htu": {"htu": h.URL + "/oauth2/par"}, "host": {"htu": "https://evil.example/oauth2/token"}, "old": {"iat": h.Now().Add(-2 * time.Minute).Unix()},
		"ahead": {"iat": h.Now().Add(2 * time.Minute).Unix()}, "no jti": {"jti": nil}, "no iat": {"iat": nil},
	} {
		mustRefuse(t, name, ask(h, k.proof("POST", "/oauth2/token", "", change)), http.StatusBadRequest, "invalid_dpop_proof")
	}
	mustRefuse(t, "junk", ask(h, "junk"), http.StatusBadRequest, "invalid_dpop_proof")
	once := k.proof("POST", "/oauth2/token", "", nil)
	mustGrant(t, "once", ask(h, once))
	mustRefuse(t, "twice", ask(h, once), http.StatusBadRequest, "invalid_dpop_proof")
	mustRefuse(t, "on another replica", ask(replica, once), http.StatusBadRequest, "invalid_dpop_proof")

}

func TestC17_ProofsInParallel(t *testing.T) {
	t.Parallel()
	h := newHouse(t, webtest.Wide)
	replicas, k := h.Three(), newHolder(t, h)
	for range webtest.Rounds(t, 3) {
		proof, won := k.proof("POST", "/oauth2/token", "", nil), 0
		for _, a := range atOnce(100, func(i int) webtest.Answer {
			return holder{k.assertionKey, t, replicas[i%3]}.token("rs", webtest.ClientSecret, proof, url.Values{"grant_type": {"client_credentials"}})
		}) {
			if a.Status == http.StatusOK {
				won++
				continue
			}
			mustRefuse(t, "replay", a, http.StatusBadRequest, "invalid_dpop_proof")
		}
		if won != 1 {
			t.Errorf("one proof was good for %d tokens", won)
		}
	}
}

// RFC 9449 §4.3: one proof in one header; two are none, wherever they are sent.
func TestC17_TwoProofs(t *testing.T) {
	t.Parallel()
	h := withPublic(t)
	k := newHolder(t, h)
	token := mustGrant(t, "bound", k.exchange("spa", "", k.proof("POST", "/oauth2/token", "", nil), nil)).Text("access_token")
	for name, test := range map[string]struct {
		method, path, authorization string
		status                      int
	}{
		"token endpoint": {"POST", "/oauth2/token", basicOf("rs"), http.StatusBadRequest},
		"PAR":            {"POST", "/oauth2/par", basicOf("web"), http.StatusBadRequest},
		"UserInfo":       {"GET", "/oauth2/userinfo", "DPoP " + token, http.StatusUnauthorized},
		"the API":        {"GET", "/api/v1/me", "DPoP " + token, http.StatusUnauthorized},
	} {
		ath := ""
		if test.method == "GET" {
			ath = token
		}
		proofs := []string{k.proof(test.method, test.path, ath, nil), k.proof(test.method, test.path, ath, nil)}
		request, err := url.Parse(webtest.NewProof().Authorization("web", url.Values{"grant_type": {"client_credentials"}, "client_id": nil, "scope": nil}))
		noError(t, err)
		for sent, headers := range map[string][]string{"two headers": proofs, "two in one": {proofs[0] + ", " + proofs[1]}} {
			r, err := http.NewRequestWithContext(t.Context(), test.method, h.Socket()+test.path, strings.NewReader(request.RawQuery))
			noError(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Authorization", test.authorization)
			r.Header["Dpop"] = headers
			if a := h.Send(r); a.Status != test.status || !strings.Contains(a.Raw+a.Header.Get("WWW-Authenticate"), "invalid_dpop_proof") {
				t.Errorf("%s, %s: %d %s %s", name, sent, a.Status, a.Raw, a.Header.Get("WWW-Authenticate"))
			}
		}
	}
}

// RFC 9449 §8: a nonce is handed out with every answer, and one that is sent must
// be current, on whatever replica it was handed out.
func TestC17_Nonce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replica := h.Replica()
	k := newHolder(t, h)
	ask := func(h *webtest.House, nonce string) webtest.Answer {
		return holder{k.assertionKey, t, h}.token("rs", webtest.ClientSecret, k.proof("POST", "/oauth2/token", "", map[string]any{"nonce": nonce}), url.Values{"grant_type": {"client_credentials"}})
	}
	made := ask(h, "made up")
	mustRefuse(t, "made up", made, http.StatusBadRequest, "use_dpop_nonce")
	nonce := made.Header.Get("DPoP-Nonce")
	mustGrant(t, "handed out", ask(h, nonce))
	mustGrant(t, "by another replica", ask(replica, nonce))
	h.Advance(11 * time.Minute)
	mustRefuse(t, "old", ask(h, nonce), http.StatusBadRequest, "use_dpop_nonce")
}

func TestC17_ProofsAtUserInfo(t *testing.T) {
	t.Parallel()
	h := withPublic(t)
	k, thief := newHolder(t, h), newHolder(t, h)
	token := mustGrant(t, "exchange", k.exchange("spa", "", k.proof("POST", "/oauth2/token", "", nil), nil)).Text("access_token")
	plain := h.Tokens("web", "ann", nil).Text("access_token")
	good := func(by holder, token string, change map[string]any) string {
		return by.proof("GET", "/oauth2/userinfo", token, change)
	}
	once := good(k, token, nil)
	for _, test := range []struct {
		name, scheme, token, proof string
		status                     int
		code                       string
	}{
		{"once", "DPoP", token, once, 200, ""},
		{"twice", "DPoP", token, once, 401, "invalid_dpop_proof"},
		{"stolen: as a bearer token", "Bearer", token, "", 401, "invalid_token"},
		{"as a bearer token with a proof", "Bearer", token, good(k, token, nil), 401, "invalid_token"},
		{"without a proof", "DPoP", token, "", 401, "invalid_dpop_proof"},
		{"with another key", "DPoP", token, good(thief, token, nil), 401, "invalid_dpop_proof"},
		{"for another token", "DPoP", token, good(k, plain, nil), 401, "invalid_dpop_proof"},
		{"without ath", "DPoP", token, good(k, "", nil), 401, "invalid_dpop_proof"},
		{"for another method", "DPoP", token, good(k, token, map[string]any{"htm": "POST"}), 401, "invalid_dpop_proof"},
		{"for another address", "DPoP", token, good(k, token, map[string]any{"htu": h.URL + "/oauth2/token"}), 401, "invalid_dpop_proof"},
		{"a bearer token, upgraded", "DPoP", plain, good(k, plain, nil), 401, "invalid_token"},
	} {
		a := k.userInfo(test.scheme, test.token, test.proof)
		if a.Status != test.status || a.Text("error") != test.code {
			t.Errorf("%s: %d %s", test.name, a.Status, a.Raw)
		}
		if header := a.Header.Get("WWW-Authenticate"); test.status == 401 && (!strings.HasPrefix(header, "DPoP ") || !strings.Contains(header, `algs="ES256`)) {
			t.Errorf("%s: the challenge is %q", test.name, header)
		}
	}
}

// A client may be registered for bound tokens alone (RFC 9449 §5.2).
func TestDPoP_Demanded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Machine("bound", func(c *storage.Client) { c.Metadata.DPoPBound = true })
	k := newHolder(t, h)
	form := url.Values{"grant_type": {"client_credentials"}}
	mustRefuse(t, "without", k.token("bound", webtest.ClientSecret, "", form), http.StatusBadRequest, "invalid_dpop_proof")
	mustGrant(t, "with", k.token("bound", webtest.ClientSecret, k.proof("POST", "/oauth2/token", "", nil), form))
}
