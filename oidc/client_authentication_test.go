package oidc_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// post sends a form with at most one Authorization header to an endpoint.
func post(t testing.TB, h *webtest.House, path string, form url.Values, authorization ...string) webtest.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	return h.Send(r)
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// presented is one way of presenting a client's credentials.
type presented struct {
	method string
	form   url.Values
	header []string
	// shown is the certificate of the connection.
	shown *certificate
}

// waysOf is every way in which somebody who knows all there is to know could try to
// authenticate as a client.
func waysOf(t testing.TB, h *webtest.House, client string, key *assertionKey) []presented {
	assertion := url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, client, nil)}}
	return []presented{
		{storage.AuthMethodBasic, nil, []string{basicHeader(client, webtest.ClientSecret)}, nil},
		{storage.AuthMethodPost, url.Values{"client_id": {client}, "client_secret": {webtest.ClientSecret}}, nil, nil},
		{storage.AuthMethodPrivateKeyJWT, assertion, nil, nil},
		{storage.AuthMethodNone, url.Values{"client_id": {client}}, nil, nil},
		{"the empty secret by basic", nil, []string{basicHeader(client, "")}, nil},
		{"the empty secret by post", url.Values{"client_id": {client}, "client_secret": {""}}, nil, nil},
		{"nothing", nil, nil, nil},
	}
}

// TestE1_OnlyTheRegisteredMethod: six clients, each with a secret, a key and a certificate of
// either kind to its name, are known by the method that they are registered for and by no other.
func TestE1_OnlyTheRegisteredMethod(t *testing.T) {
	t.Parallel()
	forADay := func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(24 * time.Hour) } // the clock goes on
	own, root := newCertificate(t, nil, forADay), newCertificate(t, nil, func(c *x509.Certificate) {
		authority(c)
		forADay(c)
	})
	issued := newCertificate(t, root, forADay)
	h := withCertificates(t, root)
	key := newAssertionKey(t)
	var set jose.JSONWebKeySet
	noError(t, json.Unmarshal(key.jwks(t), &set))
	set.Keys = append(set.Keys, jose.JSONWebKey{Key: own.PublicKey, KeyID: "own"})
	keys, err := json.Marshal(set)
	noError(t, err)
	methods := []string{storage.AuthMethodBasic, storage.AuthMethodPost, storage.AuthMethodPrivateKeyJWT, storage.AuthMethodTLS, storage.AuthMethodSelfSignedTLS, storage.AuthMethodNone}
	pepper, err := storage.ClientSecretPepper(h.Secret())
	noError(t, err)
	for _, registered := range methods {
		h.Client(registered, func(c *storage.Client) {
			c.AuthMethod, c.JWKS, c.SecretHash = registered, keys, storage.HashClientSecret(pepper, webtest.ClientSecret)
			c.Metadata.TLSSubjectDNS = "client.example"
		})
	}
	for _, registered := range methods {
		itself := url.Values{"client_id": {registered}}
		for _, way := range append(waysOf(t, h, registered, key),
			presented{storage.AuthMethodTLS, itself, nil, issued}, presented{storage.AuthMethodSelfSignedTLS, itself, nil, own},
			presented{"a certificate without a name", nil, nil, issued}, presented{"its own certificate without a name", nil, nil, own},
		) {
			h.Advance(2 * time.Minute) // E8 counts the wrong secrets: one way must not use up the next one's
			for path, form := range map[string]url.Values{
				"/oauth2/token":      {"grant_type": {"refresh_token"}, "refresh_token": {"x"}},
				"/oauth2/introspect": {"token": {"x"}},
				"/oauth2/revoke":     {"token": {"x"}},
				"/oauth2/par":        {"response_type": {"code"}},
			} {
				if way.method == storage.AuthMethodPrivateKeyJWT {
					way.form.Set("client_assertion", key.assertion(t, h, registered, nil))
				}
				for name, values := range way.form {
					form[name] = values
				}
				a := way.shown.post(h, path, "", strings.Join(way.header, ""), form)
				authenticated := a.Text("error") != "invalid_client"
				right := way.method == registered
				if registered == storage.AuthMethodNone {
					// An empty secret is no secret (RFC 6749 §3.2), and a certificate that is not registered
					// proves nothing about a client (RFC 8705 §4): both are method none.
					also := []string{storage.AuthMethodNone, "the empty secret by post", storage.AuthMethodTLS, storage.AuthMethodSelfSignedTLS}
					right = path != "/oauth2/introspect" && slices.Contains(also, way.method)
				}
				if authenticated != right {
					t.Errorf("%s: a client of %s by %s: %d %s", path, registered, way.method, a.Status, a.Raw)
				}
				if !authenticated && a.Status != http.StatusUnauthorized {
					t.Errorf("%s: invalid_client with status %d", path, a.Status)
				}
			}
		}
	}
}

func TestE2_TwoMethodsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := newAssertionKey(t)
	basic := basicHeader("web", webtest.ClientSecret)
	assertion := func() url.Values {
		return url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, "web", nil)}}
	}
	secret := url.Values{"client_id": {"web"}, "client_secret": {webtest.ClientSecret}}
	both := assertion()
	both.Set("client_secret", webtest.ClientSecret)
	for name, c := range map[string]struct {
		form   url.Values
		header []string
	}{
		"basic and post":           {secret, []string{basic}},
		"basic and assertion":      {assertion(), []string{basic}},
		"post and assertion":       {both, nil},
		"basic twice":              {url.Values{}, []string{basic, basic}},
		"basic and another client": {url.Values{"client_id": {"other"}}, []string{basic}},
	} {
		c.form.Set("grant_type", "refresh_token")
		c.form.Set("refresh_token", "x")
		mustRefuse(t, name, post(t, h, "/oauth2/token", c.form, c.header...), http.StatusBadRequest, "invalid_request")
	}
	// The same client_id beside Basic is no second method.
	a := post(t, h, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"web"}}, basic)
	mustRefuse(t, "basic and its own client_id", a, http.StatusBadRequest, "invalid_grant")
}

func TestE7_UnknownClientLooksLikeABadSecret(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("off")
	h.World.Exec(`update platform.clients set disabled_at = now() where id = 'off'`)
	form := func() url.Values { return url.Values{"grant_type": {"client_credentials"}} }
	soon(t, "the client is disabled", func() bool {
		return h.Call("/oauth2/token", "off", webtest.ClientSecret, form()).Text("error") == "invalid_client"
	})
	want := h.Call("/oauth2/token", "rs", "wrong", form())
	mustRefuse(t, "bad secret", want, http.StatusUnauthorized, "invalid_client")
	if got := want.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
		t.Errorf("WWW-Authenticate is %q (RFC 6749 §5.2)", got)
	}
	for name, a := range map[string]webtest.Answer{
		"unknown":  h.Call("/oauth2/token", "nobody", "wrong", form()),
		"disabled": h.Call("/oauth2/token", "off", webtest.ClientSecret, form()),
		"public":   h.Call("/oauth2/token", "", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"rs"}}),
	} {
		if a.Raw != want.Raw || a.Status != want.Status {
			t.Errorf("%s: %d %s, want %s", name, a.Status, a.Raw, want.Raw)
		}
	}
}

// TestE7_Timing: a client that there is takes as long to refuse as one that there is not,
// by the test of Mann and Whitney. That finds a difference where there is none in one of a
// hundred trials, so three must agree.
func TestE7_Timing(t *testing.T) {
	h := newHouse(t, func(c *web.Config, _ *postgres.Options) { c.TrustedProxies = []netip.Prefix{loopback} })
	asked := 0
	// Each from an address of its own: a guess that the limit refuses tells no time.
	took := func(client string) float64 {
		asked++
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("192.%d.%d.1", asked>>8, asked&0xff))
		r.SetBasicAuth(client, "wrong")
		answer := httptest.NewRecorder()
		begun := time.Now()
		h.ServeHTTP(answer, r)
		spent := time.Since(begun)
		if answer.Code != http.StatusUnauthorized || !strings.Contains(answer.Body.String(), "invalid_client") {
			t.Fatalf("%s: %d %s", client, answer.Code, answer.Body)
		}
		return spent.Seconds()
	}
	const pairs = 2000
	var said string
	for range 3 {
		known, unknown := make([]float64, pairs), make([]float64, pairs)
		for i := range pairs { // in turn, so that whatever else the machine does falls on both alike
			known[i], unknown[i] = took("rs"), took("nobody")
		}
		slices.Sort(known)
		slices.Sort(unknown)
		// How often a known client took longer than an unknown one: half of the time where
		// nothing can be told, and how far that strays by chance is known.
		longer, below := 0, 0
		for _, k := range known {
			for below < pairs && unknown[below] < k {
				below++
			}
			longer += below
		}
		share, apart := float64(longer)/(pairs*pairs), math.Abs(known[pairs/2]-unknown[pairs/2])
		z := math.Abs(share-0.5) * math.Sqrt(12*pairs*pairs/(2.0*pairs+1))
		chance := math.Erfc(z / math.Sqrt2)
		said = fmt.Sprintf("a known client takes longer in %.3f of all pairs, which chance does with p = %.3f; the medians are %.4f ms apart", share, chance, apart*1e3)
		t.Log(said)
		if apart < 5e-3 && chance > 0.01 {
			return
		}
	}
	t.Error(said)
}

func TestE10_EncodedSecretInBasic(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const id, secret = "a:b %+é", "s:e c+r%e&t=é"
	pepper, err := storage.ClientSecretPepper(h.Secret())
	noError(t, err)
	h.Machine(id)
	h.World.Exec(`update platform.clients set secret_hash = $2 where id = $1`, id, storage.HashClientSecret(pepper, secret))
	form := func() url.Values { return url.Values{"grant_type": {"client_credentials"}} }
	soon(t, "the new secret", func() bool {
		return post(t, h, "/oauth2/token", form(), basicHeader(url.QueryEscape(id), url.QueryEscape(secret))).Status == http.StatusOK
	})
	// %20 is as good as +, and the scheme has no case (RFC 9110 §11.1).
	spaced := basicHeader(strings.ReplaceAll(url.QueryEscape(id), "+", "%20"), url.QueryEscape(secret))
	mustGrant(t, "in lower case", post(t, h, "/oauth2/token", form(), strings.Replace(spaced, "Basic ", "basic ", 1)))
	for name, header := range map[string]string{
		"not encoded":          basicHeader(id, secret),
		"no colon":             "Basic " + base64.StdEncoding.EncodeToString([]byte("rs")),
		"bad percent":          basicHeader("rs", "%zz"),
		"cut percent":          basicHeader("rs%2", webtest.ClientSecret),
		"not UTF-8":            basicHeader("%ff%fe", webtest.ClientSecret),
		"raw bytes":            basicHeader("\xff", "\xfe"),
		"zero byte":            basicHeader("rs%00", webtest.ClientSecret),
		"not base64":           "Basic ~~~~",
		"base64url":            "Basic " + base64.RawURLEncoding.EncodeToString([]byte("rs:"+webtest.ClientSecret+"?>")),
		"empty":                "Basic ",
		"scheme alone":         "Basic",
		"another scheme":       "Bearer " + base64.StdEncoding.EncodeToString([]byte("rs:"+webtest.ClientSecret)),
		"two spaces":           strings.Replace(basicHeader("rs", webtest.ClientSecret), " ", "  ", 1),
		"the secret cut short": basicHeader("rs", webtest.ClientSecret[:len(webtest.ClientSecret)-1]),
		"a longer secret":      basicHeader("rs", webtest.ClientSecret+"a"),
		"another case":         basicHeader("RS", webtest.ClientSecret),
	} {
		mustRefuse(t, name, post(t, h, "/oauth2/token", form(), header), http.StatusUnauthorized, "invalid_client")
	}
}

func TestE11_TwoSecretsForAWhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	pepper, err := storage.ClientSecretPepper(h.Secret())
	noError(t, err)
	h.World.Exec(`update platform.clients set secret_hash = $1, previous_secret_hash = secret_hash, previous_secret_expires_at = $2 where id = 'rs'`,
		storage.HashClientSecret(pepper, "the next secret"), h.Now().Add(time.Hour))
	with := func(secret string) bool {
		return h.Call("/oauth2/token", "rs", secret, url.Values{"grant_type": {"client_credentials"}}).Status == http.StatusOK
	}
	soon(t, "the new secret", func() bool { return with("the next secret") })
	if !with(webtest.ClientSecret) {
		t.Error("the old secret died before its time")
	}
	h.Advance(time.Hour)
	if with(webtest.ClientSecret) {
		t.Error("the old secret outlived its time")
	}
	if !with("the next secret") {
		t.Error("the new secret died with the old one")
	}
}

func TestPublicClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("spa", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientSPA, storage.AuthMethodNone })
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "spa", "ann", nil).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier}}
	mustRefuse(t, "without client_id", post(t, h, "/oauth2/token", form), http.StatusUnauthorized, "invalid_client")
	tokens := mustGrant(t, "exchange", h.Call("/oauth2/token", "spa", "", form))
	again := mustGrant(t, "refresh", h.Call("/oauth2/token", "spa", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}}))
	if authz.ClientID(claimsOf(t, again.Text("access_token"))["client_id"].(string)) != "spa" {
		t.Error("client_id is not the public client's")
	}
	mustRefuse(t, "introspection", h.Call("/oauth2/introspect", "spa", "", url.Values{"token": {tokens.Text("access_token")}}), http.StatusUnauthorized, "invalid_client")
}
