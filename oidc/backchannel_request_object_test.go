package oidc_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// newSigningDesk is a call centre with a client "signing" that signs what it asks.
func newSigningDesk(t testing.TB) (*webtest.House, *assertionKey) {
	h, k := newCallCentre(t), newAssertionKey(t)
	signingDesk(t, h, "signing", k)
	return h, k
}

func signingDesk(t testing.TB, h *webtest.House, id string, k *assertionKey) {
	h.Client(id, func(c *storage.Client) {
		c.RedirectURIs, c.GrantTypes, c.JWKS = nil, []string{cibaGrant}, k.jwks(t)
		c.Metadata.BackChannelDelivery, c.Metadata.BackChannelRequestAlg = "poll", k.Algorithm
	})
}

// askClaims are the claims of a signed request that is in order, but for what change
// says; a nil value takes a claim out.
func askClaims(h *webtest.House, client string, change map[string]any) map[string]any {
	now := h.Now()
	claims := map[string]any{
		"iss": client, "aud": h.URL, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": uuid.NewString(),
		"scope": "openid profile", "login_hint": "ann", "binding_message": "W4SCT", "requested_expiry": 120,
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

func askSigned(h *webtest.House, client, request string) webtest.Answer {
	h.T.Helper()
	return h.Call(cibaPath, client, webtest.ClientSecret, url.Values{"request": {request}})
}

func TestCIBA_SignedRequest(t *testing.T) {
	t.Parallel()
	h, k := newSigningDesk(t)
	a := askSigned(h, "signing", k.sign(t, askClaims(h, "signing", nil)))
	if a.Status != http.StatusOK || a.JSON["expires_in"] != 120.0 {
		t.Fatalf("ask: %d %s", a.Status, a.Raw)
	}
	b := h.Browser()
	page := requests(b, "ann")
	if !strings.Contains(string(page.Body), "W4SCT") {
		t.Errorf("the question is %s", page.Body)
	}
	answerQuestion(b, page, "accept")
	if got := mustGrant(t, "poll", pollRequest(h, "signing", a.Text("auth_req_id"))).Text("scope"); got != "openid profile" {
		t.Errorf("scope is %q", got)
	}
	announced := listed(t, document(t, h), "backchannel_authentication_request_signing_alg_values_supported")
	for _, key := range signingKeys(t) {
		signingDesk(t, h, "by-"+key.Algorithm, key)
		user := "for-" + strings.ToLower(key.Algorithm)
		h.User(user)
		if a := askSigned(h, "by-"+key.Algorithm, key.sign(t, askClaims(h, "by-"+key.Algorithm, map[string]any{"login_hint": user}))); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", key.Algorithm, a.Status, a.Raw)
		}
		announced = slices.DeleteFunc(announced, func(name string) bool { return name == key.Algorithm })
	}
	if len(announced) > 0 {
		t.Errorf("%v are announced and were not tried", announced)
	}
}

// CIBA §7.1.1 and §7.2: what is wrong with a signed request, each refused, and nobody is asked.
func TestCIBA_SignedRequestRefuses(t *testing.T) {
	t.Parallel()
	h, k := newSigningDesk(t)
	stranger, now := newAssertionKey(t), h.Now()
	signed := func(change map[string]any) webtest.Answer {
		return askSigned(h, "signing", k.sign(t, askClaims(h, "signing", change)))
	}
	good := func() string { return k.sign(t, askClaims(h, "signing", nil)) }
	beside := func(name, value string) webtest.Answer {
		return h.Call(cibaPath, "signing", webtest.ClientSecret, url.Values{"request": {good()}, name: {value}})
	}
	parts := strings.Split(good(), ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for name, test := range map[string]struct {
		answer webtest.Answer
		code   string
	}{
		"not signed":                     {ask(h, "signing", nil), "invalid_request"},
		"not registered to sign":         {askSigned(h, "desk", good()), "invalid_request"},
		"junk":                           {askSigned(h, "signing", "junk"), "invalid_request"},
		"alg none":                       {askSigned(h, "signing", unsigned), "invalid_request"},
		"another's key":                  {askSigned(h, "signing", stranger.sign(t, askClaims(h, "signing", nil))), "invalid_request"},
		"another algorithm":              {askSigned(h, "signing", signingKeys(t)[1].sign(t, askClaims(h, "signing", nil))), "invalid_request"},
		"an authorization request":       {askSigned(h, "signing", k.typed(t, "oauth-authz-req+jwt", askClaims(h, "signing", nil))), "invalid_request"},
		"a logout token":                 {askSigned(h, "signing", k.typed(t, "logout+jwt", askClaims(h, "signing", nil))), "invalid_request"},
		"an assertion of its":            {askSigned(h, "signing", k.assertion(t, h, "signing", nil)), "invalid_request"},
		"longer than 16 KiB":             {signed(map[string]any{"padding": strings.Repeat("x", 16<<10)}), "invalid_request"},
		"no iss":                         {signed(map[string]any{"iss": nil}), "invalid_request"},
		"iss of another":                 {signed(map[string]any{"iss": "desk"}), "invalid_request"},
		"no aud":                         {signed(map[string]any{"aud": nil}), "invalid_request"},
		"for another server":             {signed(map[string]any{"aud": "https://another.example"}), "invalid_request"},
		"no exp":                         {signed(map[string]any{"exp": nil}), "invalid_request"},
		"expired":                        {signed(map[string]any{"exp": now.Add(-time.Second).Unix()}), "invalid_request"},
		"good for too long":              {signed(map[string]any{"exp": now.Add(61 * time.Minute).Unix()}), "invalid_request"},
		"no nbf":                         {signed(map[string]any{"nbf": nil}), "invalid_request"},
		"nbf to come":                    {signed(map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}), "invalid_request"},
		"nbf long ago":                   {signed(map[string]any{"nbf": now.Add(-61 * time.Minute).Unix()}), "invalid_request"},
		"no iat":                         {signed(map[string]any{"iat": nil}), "invalid_request"},
		"iat to come":                    {signed(map[string]any{"iat": now.Add(2 * time.Minute).Unix()}), "invalid_request"},
		"no jti":                         {signed(map[string]any{"jti": nil}), "invalid_request"},
		"a sub":                          {signed(map[string]any{"sub": "signing"}), "invalid_request"},
		"another client_id":              {signed(map[string]any{"client_id": "desk"}), "invalid_request"},
		"a request within":               {signed(map[string]any{"request": good()}), "invalid_request"},
		"no hint":                        {signed(map[string]any{"login_hint": nil}), "invalid_request"},
		"two hints":                      {signed(map[string]any{"id_token_hint": "x"}), "invalid_request"},
		"a login_hint_token":             {signed(map[string]any{"login_hint": nil, "login_hint_token": "x"}), "invalid_request"},
		"no scope":                       {signed(map[string]any{"scope": nil}), "invalid_request"},
		"no openid":                      {signed(map[string]any{"scope": "user"}), "invalid_scope"},
		"a long message":                 {signed(map[string]any{"binding_message": strings.Repeat("é", 101)}), "invalid_binding_message"},
		"nobody":                         {signed(map[string]any{"login_hint": "nobody"}), "unknown_user_id"},
		"a scope beside it":              {beside("scope", "openid"), "invalid_request"},
		"a hint beside it":               {beside("login_hint", "ann"), "invalid_request"},
		"a resource beside it":           {beside("resource", "https://api.example"), "invalid_request"},
		"a notification token beside it": {beside("client_notification_token", "x"), "invalid_request"},
	} {
		mustRefuse(t, name, test.answer, http.StatusBadRequest, test.code)
	}
	var waiting int
	if h.World.Get(`select count(*) from platform.backchannel_requests`, nil, &waiting); waiting != 0 {
		t.Errorf("%d requests were kept", waiting)
	}
}

// A signed request is good once, on whichever replica.
func TestCIBA_SignedRequestOnce(t *testing.T) {
	t.Parallel()
	h, k := newSigningDesk(t)
	replicas, request, taken := h.Three(), k.sign(t, askClaims(h, "signing", nil)), 0
	for _, a := range atOnce(30, func(i int) webtest.Answer { return askSigned(replicas[i%3], "signing", request) }) {
		if a.Status == http.StatusOK {
			taken++
			continue
		}
		mustRefuse(t, "one of thirty", a, http.StatusBadRequest, "invalid_request")
	}
	if taken != 1 {
		t.Errorf("%d of 30 were taken", taken)
	}
}

// FAPI-CIBA §5.2.2: under a profile requests are signed, and say what binds them to what
// the person sees.
func TestCIBA_UnderAProfile(t *testing.T) {
	t.Parallel()
	h, k := newHouse(t), newAssertionKey(t)
	d := directory.New(h.Store, nil, h.Now)
	register := func(algorithm string) (storage.Client, error) {
		c, _, err := d.CreateClient(t.Context(), directory.Actor{Host: true, Name: "test"}, directory.CreateClient{
			Name: "Bank", Kind: storage.ClientService, Scopes: []authz.Pattern{"openid"}, JWKS: k.jwks(t), Tenant: "acme", OpenTo: storage.OpenToTenant,
			Metadata: storage.ClientMetadata{Profile: storage.ProfileFAPI2, BackChannelDelivery: "poll", BackChannelRequestAlg: algorithm},
		})
		return c, err
	}
	for _, algorithm := range []string{"", "RS256"} {
		if _, err := register(algorithm); err == nil || !strings.Contains(err.Error(), "backchannel_authentication_request_signing_alg") {
			t.Errorf("registered with %q: %v", algorithm, err)
		}
	}
	bank, err := register("ES256")
	noError(t, err)
	send := func(change map[string]any) webtest.Answer {
		request := k.sign(t, askClaims(h, string(bank.ID), change))
		return h.Call(cibaPath, "", "", signedForm(t, h, k, bank, url.Values{"request": {request}}))
	}
	mustRefuse(t, "without a message", send(map[string]any{"binding_message": nil}), http.StatusBadRequest, "invalid_binding_message")
	if a := send(nil); a.Status != http.StatusOK {
		t.Errorf("with one: %d %s", a.Status, a.Raw)
	}
}
