package oidc_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

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
}

// waysOf is every way in which somebody who knows all there is to know could try to
// authenticate as a client.
func waysOf(t testing.TB, h *webtest.House, client string, key *assertionKey) []presented {
	assertion := url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, client, nil)}}
	return []presented{
		{storage.AuthMethodBasic, nil, []string{basicHeader(client, webtest.ClientSecret)}},
		{storage.AuthMethodPost, url.Values{"client_id": {client}, "client_secret": {webtest.ClientSecret}}, nil},
		{storage.AuthMethodPrivateKeyJWT, assertion, nil},
		{storage.AuthMethodNone, url.Values{"client_id": {client}}, nil},
		{"the empty secret by basic", nil, []string{basicHeader(client, "")}},
		{"the empty secret by post", url.Values{"client_id": {client}, "client_secret": {""}}, nil},
		{"nothing", nil, nil},
	}
}

func TestE1_OnlyTheRegisteredMethod(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := newAssertionKey(t)
	methods := []string{storage.AuthMethodBasic, storage.AuthMethodPost, storage.AuthMethodPrivateKeyJWT, storage.AuthMethodNone}
	for _, registered := range methods {
		h.Client(registered, func(c *storage.Client) { c.AuthMethod, c.JWKS = registered, key.jwks(t) })
	}
	for _, registered := range methods {
		for _, way := range waysOf(t, h, registered, key) {
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
				a := post(t, h, path, form, way.header...)
				authenticated := a.Text("error") != "invalid_client"
				// An empty secret is no secret (RFC 6749 §3.2), so this is method none.
				right := way.method == registered || registered == storage.AuthMethodNone && way.method == "the empty secret by post"
				if path == "/oauth2/introspect" && registered == storage.AuthMethodNone {
					right = false
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

func TestE7_Timing(t *testing.T) {
	h := newHouse(t, func(c *web.Config, _ *postgres.Options) { c.TrustedProxies = []netip.Prefix{loopback} })
	asked := 0
	// Each from an address of its own: a guess that the limit refuses tells no time.
	took := func(client string) float64 {
		asked++
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
		noError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("192.%d.%d.1", asked>>8, asked&0xff))
		r.SetBasicAuth(client, "wrong")
		begun := time.Now()
		a := h.Send(r)
		spent := time.Since(begun)
		mustRefuse(t, client, a, http.StatusUnauthorized, "invalid_client")
		return spent.Seconds()
	}
	// In turn, so that whatever else the machine does falls on both alike.
	const pairs = 400
	var known, unknown []float64
	for range pairs {
		known, unknown = append(known, took("rs")), append(unknown, took("nobody"))
	}
	// How often a known client took longer than an unknown one (Mann and Whitney's U, as
	// a share): half of the time where nothing can be told.
	slices.Sort(known)
	slices.Sort(unknown)
	longer, below := 0, 0
	for _, k := range known {
		for below < pairs && unknown[below] < k {
			below++
		}
		longer += below
	}
	share, apart := float64(longer)/(pairs*pairs), math.Abs(known[pairs/2]-unknown[pairs/2])
	t.Logf("a known client takes longer in %.3f of all pairs; the medians are %.3f ms apart", share, apart*1e3)
	if apart > 5e-3 || math.Abs(share-0.5) > 0.1 {
		t.Errorf("a known client takes longer in %.3f of all pairs; the medians are %.3f ms apart", share, apart*1e3)
	}
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
