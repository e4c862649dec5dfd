package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const fapiRedirect = "https://app.example/callback"

// withProfile registers a client under a profile, as an operator does.
func withProfile(t *testing.T, h *webtest.House, profile storage.Profile, key *assertionKey) storage.Client {
	t.Helper()
	d := directory.New(h.Store, nil, h.Now)
	c, _, err := d.CreateClient(t.Context(), directory.Actor{Host: true, Name: "test"}, directory.CreateClient{
		Name: "Bank", Kind: storage.ClientWeb, Scopes: []authz.Pattern{"openid", "offline_access", "agents:read"}, RedirectURIs: []string{fapiRedirect},
		JWKS: key.jwks(t), Metadata: storage.ClientMetadata{Profile: profile}, Tenant: "acme", OpenTo: storage.OpenToTenant,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signedForm adds an assertion to a form.
func signedForm(t *testing.T, h *webtest.House, k *assertionKey, client storage.Client, form url.Values) url.Values {
	t.Helper()
	form = url.Values(mergeForm(form, "client_assertion_type", jwtBearer))
	form.Set("client_assertion", k.assertion(t, h, string(client.ID), nil))
	return form
}

// FAPI 2.0 Security Profile: the whole walk, and each shortcut refused.
func TestFAPI2(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := newAssertionKey(t)
	dpop := newHolder(t, h)
	c := withProfile(t, h, storage.ProfileFAPI2, key)
	if m := c.Metadata; !m.RequirePushedRequest || !m.DPoPBound || c.AuthMethod != storage.AuthMethodPrivateKeyJWT || c.IDTokenAlg != "ES256" {
		t.Errorf("the profile switched on %+v", c)
	}
	proof := webtest.NewProof()
	request := func() url.Values {
		return url.Values{
			"client_id": {string(c.ID)}, "response_type": {"code"}, "redirect_uri": {fapiRedirect}, "scope": {"openid offline_access agents:read"}, "state": {"s"},
			"code_challenge": {proof.Challenge}, "code_challenge_method": {"S256"},
		}
	}
	if q := h.Browser().Get("/oauth2/authorize?" + request().Encode()).Left; q == nil || q.Query().Get("error") != "invalid_request" {
		t.Errorf("not pushed: %v", q)
	}
	pushed := dpop.post("/oauth2/par", "", "", dpop.proof("POST", "/oauth2/par", "", nil), signedForm(t, h, key, c, request()))
	if pushed.Status != http.StatusCreated {
		t.Fatalf("pushed: %d %s", pushed.Status, pushed.Raw)
	}
	q := h.Browser().Authorize(proof, string(c.ID), "ann", url.Values{"request_uri": {pushed.Text("request_uri")}})
	if q.Get("iss") != h.URL || q.Get("code") == "" {
		t.Fatalf("the response is %v", q)
	}
	exchange := url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {fapiRedirect}, "code_verifier": {proof.Verifier}}
	mustRefuse(t, "not bound", h.Call("/oauth2/token", "", "", signedForm(t, h, key, c, exchange)), http.StatusBadRequest, "invalid_dpop_proof")
	a := mustGrant(t, "exchange", dpop.token("", "", dpop.proof("POST", "/oauth2/token", "", nil), signedForm(t, h, key, c, exchange)))
	if a.Text("token_type") != "DPoP" || headerOf(t, a.Text("id_token"))["alg"] != "ES256" {
		t.Errorf("the answer is %s", a.Raw)
	}
	// §5.3.2.1: refresh tokens are not rotated.
	for range 3 {
		form := signedForm(t, h, key, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}})
		r := mustGrant(t, "refresh", dpop.token("", "", dpop.proof("POST", "/oauth2/token", "", nil), form))
		if r.Text("refresh_token") != a.Text("refresh_token") {
			t.Error("the refresh token was rotated")
		}
	}
}

// §5.3.2.1: a code is good for a minute, also where others are good for longer.
func TestFAPI2_CodeLifetime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *web.Config, _ *postgres.Options) { c.Tokens.Code = 5 * time.Minute })
	key, dpop := newAssertionKey(t), newHolder(t, h)
	c := withProfile(t, h, storage.ProfileFAPI2, key)
	for after, status := range map[time.Duration]int{55 * time.Second: http.StatusOK, 61 * time.Second: http.StatusBadRequest} {
		proof := webtest.NewProof()
		pushed := dpop.post("/oauth2/par", "", "", dpop.proof("POST", "/oauth2/par", "", nil), signedForm(t, h, key, c, url.Values{
			"client_id": {string(c.ID)}, "response_type": {"code"}, "redirect_uri": {fapiRedirect}, "scope": {"openid agents:read"},
			"code_challenge": {proof.Challenge}, "code_challenge_method": {"S256"},
		}))
		code := h.Browser().Authorize(proof, string(c.ID), "ann", url.Values{"request_uri": {pushed.Text("request_uri")}}).Get("code")
		plain := h.Browser().Authorize(proof, "web", "ann", nil).Get("code")
		h.Advance(after)
		form := signedForm(t, h, key, c, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {fapiRedirect}, "code_verifier": {proof.Verifier}})
		if a := dpop.token("", "", dpop.proof("POST", "/oauth2/token", "", nil), form); a.Status != status {
			t.Errorf("after %v: %d %s", after, a.Status, a.Raw)
		}
		mustGrant(t, "another client, as the operator allows", h.Exchange("web", plain, proof))
	}
}

// §5.4: never RS256, whatever the client's keys could do.
func TestFAPI2_NeverRS256(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	strong := &assertionKey{jose.JSONWebKey{Key: big, KeyID: "k1", Use: "sig"}}
	c := withProfile(t, h, storage.ProfileFAPI2, strong)
	k := newHolder(t, h)
	for algorithm, status := range map[string]int{"PS256": http.StatusOK, "RS256": http.StatusUnauthorized} {
		signing := &assertionKey{jose.JSONWebKey{Key: big, KeyID: "k1", Algorithm: algorithm}}
		form := signedForm(t, h, signing, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"gth_rt_x"}})
		a := k.token("", "", k.proof("POST", "/oauth2/token", "", nil), form)
		if authenticated := a.Text("error") != "invalid_client"; authenticated != (status == http.StatusOK) {
			t.Errorf("%s: %d %s", algorithm, a.Status, a.Raw)
		}
	}
}

// Message Signing: the request, the response and introspection are signed.
func TestFAPI2MessageSigning(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := newAssertionKey(t)
	c := withProfile(t, h, storage.ProfileFAPI2Signing, key)
	dpop := newHolder(t, h)
	proof := webtest.NewProof()
	object := func(mode any) string {
		return key.object(t, h, string(c.ID), proof, map[string]any{"redirect_uri": fapiRedirect, "response_mode": mode, "scope": "openid agents:read"})
	}
	push := func(form url.Values) webtest.Answer {
		return dpop.post("/oauth2/par", "", "", dpop.proof("POST", "/oauth2/par", "", nil), signedForm(t, h, key, c, form))
	}
	plain := url.Values{"response_type": {"code"}, "redirect_uri": {fapiRedirect}, "code_challenge": {proof.Challenge}, "code_challenge_method": {"S256"}, "response_mode": {"jwt"}}
	mustRefuse(t, "not signed", push(plain), http.StatusBadRequest, "invalid_request")
	mustRefuse(t, "a response that is not signed", push(url.Values{"request": {object(nil)}}), http.StatusBadRequest, "invalid_request")
	a := push(url.Values{"request": {object("jwt")}})
	if a.Status != http.StatusCreated {
		t.Fatalf("pushed: %d %s", a.Status, a.Raw)
	}
	q := h.Browser().Authorize(proof, string(c.ID), "ann", url.Values{"request_uri": {a.Text("request_uri")}})
	if response := openResponse(t, h, q.Get("response")); response["code"] == nil || response["iss"] != h.URL {
		t.Errorf("the response says %v", response)
	}
	if c.Metadata.IntrospectionSigningAlg != "ES256" || !c.Metadata.RequireSignedRequest {
		t.Errorf("the profile switched on %+v", c.Metadata)
	}
}

// Nobody is half of a profile.
func TestFAPI2_AllOrNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := directory.New(h.Store, nil, h.Now)
	key := newAssertionKey(t)
	for name, change := range map[string]func(*directory.CreateClient){
		"a secret": func(n *directory.CreateClient) { n.AuthMethod, n.JWKS = storage.AuthMethodBasic, nil },
		"a public client": func(n *directory.CreateClient) {
			n.Kind, n.AuthMethod, n.JWKS = storage.ClientSPA, storage.AuthMethodNone, nil
		},
		"RS256":                func(n *directory.CreateClient) { n.IDTokenAlg = "RS256" },
		"RS256 in responses":   func(n *directory.CreateClient) { n.Metadata.AuthorizationSigningAlg = "RS256" },
		"RS256 in requests":    func(n *directory.CreateClient) { n.Metadata.RequestObjectSigningAlg = "RS256" },
		"http on this machine": func(n *directory.CreateClient) { n.RedirectURIs = []string{"http://127.0.0.1/cb"} },
		"an unheard-of one":    func(n *directory.CreateClient) { n.Metadata.Profile = "fapi9" },
	} {
		n := directory.CreateClient{
			Name: "Bank", Kind: storage.ClientWeb, Scopes: []authz.Pattern{"openid"}, RedirectURIs: []string{fapiRedirect}, JWKS: key.jwks(t),
			Metadata: storage.ClientMetadata{Profile: storage.ProfileFAPI2}, Tenant: "acme",
		}
		change(&n)
		var wrong *directory.InvalidError
		if _, _, err := d.CreateClient(t.Context(), directory.Actor{Host: true, Name: "test"}, n); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nor can one be loosened afterwards.
	c := withProfile(t, h, storage.ProfileFAPI2, key)
	loose := storage.ClientMetadata{Profile: storage.ProfileFAPI2, DPoPBound: true}
	_, err := d.UpdateClient(t.Context(), directory.Actor{Host: true, Name: "test"}, c.ID, directory.ClientChange{Metadata: &loose})
	if err == nil || !strings.Contains(err.Error(), "require_pushed_authorization_requests") {
		t.Errorf("loosened: %v", err)
	}
}
