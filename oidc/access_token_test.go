package oidc_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestC1_C2_C3_C16_ForgedAccessTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var hits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()
	token := h.Tokens("web", "ann", nil).Text("access_token")
	for name, forged := range forgeries(t, h, token, canary.URL) {
		if a := h.Introspect("rs", forged); a.Status != http.StatusOK || a.Raw != inactive {
			t.Errorf("%s: introspection: %d %s", name, a.Status, a.Raw)
		}
		if a := userInfo(t, h, forged); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo: %d %s", name, a.Status, a.Raw)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("an address in a header was fetched %d times", hits.Load())
	}
	if !isActive(t, h, token) {
		t.Error("the real token is not active")
	}
}

func TestC1_C2_C3_ForgedHints(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	forged := forgeries(t, h, tokens.Text("id_token"), "http://127.0.0.1:1/")
	delete(forged, "C16: real signature, header with typ") // JWT is what an ID token says
	for name, hint := range forged {
		p := b.Get(webtest.NewProof().Authorization("web", url.Values{"id_token_hint": {hint}}))
		if got := shows(p); got != "invalid_request" {
			t.Errorf("%s: authorization: %s", name, got)
		}
		if p := b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {hint}}.Encode()); p.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: logout: %d", name, p.StatusCode)
		}
	}
	if got := shows(b.Get(webtest.NewProof().Authorization("web", nil))); got != "code" {
		t.Errorf("a forged hint signed ann out: %s", got)
	}
}

// resign is a token of ours with other claims: what another program that holds our
// keys could have made.
func resign(t testing.TB, h *webtest.House, token string, typ keys.Type, change map[string]any) string {
	t.Helper()
	claims := claimsOf(t, token)
	maps.Copy(claims, change)
	signed, err := h.Keys.Sign(keys.ES256, typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestC4_TypeConfusion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, tokens := signedIn(h, "web", "ann", nil)
	proof := webtest.NewProof()
	all := map[string]string{
		"access token": tokens.Text("access_token"), "ID token": tokens.Text("id_token"), "refresh token": tokens.Text("refresh_token"),
		"code":         b.Authorize(proof, "web", "ann", nil).Get("code"),
		"logout token": resign(t, h, tokens.Text("id_token"), keys.TypeLogoutToken, map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}),
		// The claims of one in the type of the other.
		"access token's claims as ID token": resign(t, h, tokens.Text("access_token"), keys.TypeIDToken, nil),
	}
	doors := map[string]struct {
		opens []string
		try   func(token string) bool
	}{
		"introspection": {[]string{"access token"}, func(token string) bool { return isActive(t, h, token) }},
		"userinfo":      {[]string{"access token"}, func(token string) bool { return userInfo(t, h, token).Status == http.StatusOK }},
		"id_token_hint": {[]string{"ID token"}, func(token string) bool {
			return shows(b.Get(webtest.NewProof().Authorization("web", url.Values{"id_token_hint": {token}}))) == "code"
		}},
		"logout hint": {[]string{"ID token"}, func(token string) bool {
			return h.Browser().Get("/oauth2/logout?"+url.Values{"id_token_hint": {token}, "client_id": {"web"}}.Encode()).StatusCode == http.StatusOK
		}},
		"client assertion": {nil, func(token string) bool {
			return h.Call("/oauth2/token", "", "", url.Values{"grant_type": {"client_credentials"}, "client_assertion": {token},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}).Status == http.StatusOK
		}},
		"code":          {[]string{"code"}, func(token string) bool { return h.Exchange("web", token, proof).Status == http.StatusOK }},
		"refresh token": {[]string{"refresh token"}, func(token string) bool { return refresh(h, "web", token, nil).Status == http.StatusOK }},
	}
	for door, d := range doors {
		for kind, token := range all {
			opens := len(d.opens) == 1 && d.opens[0] == kind
			if got := d.try(token); got != opens {
				t.Errorf("%s at %s: accepted %t, want %t", kind, door, got, opens)
			}
		}
	}
}

func TestC5_C7_C9_Claims(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.Tokens("web", "ann", nil).Text("access_token")
	now := h.Now().Unix()
	for name, c := range map[string]struct {
		change           map[string]any
		active, userinfo bool
	}{
		"as it was":                       {nil, true, true},
		"C5: for a resource server":       {map[string]any{"aud": []string{"https://api.example"}}, true, false},
		"C5: for nobody":                  {map[string]any{"aud": []string{}}, true, false},
		"C6: expired":                     {map[string]any{"exp": now - 1}, false, false},
		"C6: without an end":              {map[string]any{"exp": 0}, false, false},
		"C6: expired before the epoch":    {map[string]any{"exp": -1 << 62}, false, false},
		"C7: of another issuer":           {map[string]any{"iss": "https://issuer.example"}, false, false},
		"C7: of this issuer with a slash": {map[string]any{"iss": h.URL + "/"}, false, false},
		"C7: of no issuer":                {map[string]any{"iss": ""}, false, false},
		"of an unknown client":            {map[string]any{"client_id": "nobody"}, false, false},
		// What we signed was true then, and memory hears of every change: it holds no
		// list of all users. Where a person is shown the database decides.
		"of no user that there is": {map[string]any{"sub": authz.NewID[authz.UserID](h.Now()).String()}, true, false},
		"of another tenant":        {map[string]any{"tenant_id": authz.NewID[authz.TenantID](h.Now()).String()}, false, false},
		"sub is a list":            {map[string]any{"sub": []string{"a"}}, false, false},
	} {
		forged := resign(t, h, token, keys.TypeAccessToken, c.change)
		if got := isActive(t, h, forged); got != c.active {
			t.Errorf("%s: active is %t, want %t", name, got, c.active)
		}
		if got := userInfo(t, h, forged).Status == http.StatusOK; got != c.userinfo {
			t.Errorf("%s: userinfo answers %t, want %t", name, got, c.userinfo)
		}
	}
}

func TestC5_TokenForAResourceServerOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, name, scopes, created_at) values ('https://api.example', $1, 'API', '{agents:read}', now())`, h.Tenant)
	b := h.Browser()
	var tokens webtest.Answer
	soon(t, "the resource is known", func() bool {
		proof := webtest.NewProof()
		tokens = h.Exchange("web", b.Authorize(proof, "web", "ann", url.Values{"scope": {"agents:read"}}).Get("code"), proof)
		aud, _ := claimsOf(t, tokens.Text("access_token"))["aud"].([]any)
		return len(aud) == 1 && aud[0] == "https://api.example"
	})
	if a := userInfo(t, h, tokens.Text("access_token")); a.Status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d %s", a.Status, a.Raw)
	}
	if tokens.Text("id_token") != "" {
		t.Error("an ID token came without openid")
	}
}

func TestC6_Expiry(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.Tokens("web", "ann", nil).Text("access_token")
	h.Advance(10*time.Minute - 5*time.Second)
	if !isActive(t, h, token) {
		t.Error("inactive five seconds before its end")
	}
	h.Advance(5 * time.Second)
	if isActive(t, h, token) {
		t.Error("active at its end")
	}
	if a := userInfo(t, h, token); a.Status != http.StatusUnauthorized || !strings.Contains(a.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("userinfo: %d %q", a.Status, a.Header.Get("WWW-Authenticate"))
	}
}

func TestC8_EveryTruncationAndBitFlip(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tokens := h.Tokens("web", "ann", nil)
	for typ, token := range map[keys.Type]string{keys.TypeAccessToken: tokens.Text("access_token"), keys.TypeIDToken: tokens.Text("id_token")} {
		refuse := func(what string, i int, altered string) {
			if _, err := h.Keys.Verify(altered, typ); err == nil {
				t.Errorf("%s with %s at %d of %d is accepted", typ, what, i, len(token))
			}
		}
		for i := range len(token) {
			refuse("a cut", i, token[:i])
			refuse("a missing byte", i, token[:i]+token[i+1:])
			refuse("a doubled byte", i, token[:i]+token[i:i+1]+token[i:])
			for bit := range 8 {
				flipped := []byte(token)
				flipped[i] ^= 1 << bit
				refuse("a flipped bit", i, string(flipped))
			}
		}
		for _, tail := range []string{"A", "=", ".", ".A", " ", "\n", "\x00"} {
			refuse("more", len(token), token+tail)
			refuse("more in front", 0, tail+token)
		}
		if _, err := h.Keys.Verify(token, typ); err != nil {
			t.Errorf("%s itself: %v", typ, err)
		}
	}
	// The same through the door, for some of them.
	token := tokens.Text("access_token")
	for i := 0; i < len(token); i += 37 {
		if a := h.Introspect("rs", token[:i]+"~"+token[i+1:]); a.Raw != inactive {
			t.Errorf("altered at %d: %s", i, a.Raw)
		}
		if i > 0 && isActive(t, h, token[:i]) {
			t.Errorf("cut at %d: active", i)
		}
	}
}

func TestC9_GroupsCannotNameClaims(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := h.User("bob")
	for _, name := range []string{"sub", "iss", "scope", `x","sub":"root`} {
		h.World.Join(user, h.Tenant, h.World.Group(h.Tenant, name))
	}
	claims := claimsOf(t, h.Tokens("web", "bob", nil).Text("access_token"))
	if claims["sub"] != user.String() || claims["iss"] != h.URL || claims["client_id"] != "web" {
		t.Errorf("claims are %v", claims)
	}
	if groups, _ := claims["groups"].([]any); len(groups) != 5 {
		t.Errorf("groups are %v", claims["groups"])
	}
}

func TestC10_TokenInTheQuery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.Tokens("web", "ann", nil).Text("access_token")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequestWithContext(t.Context(), method, h.Socket()+"/oauth2/userinfo?access_token="+token, nil)
		noError(t, err)
		if a := h.Send(r); a.Status != http.StatusUnauthorized {
			t.Errorf("%s userinfo: %d %s", method, a.Status, a.Raw)
		}
	}
	mustRefuse(t, "introspection", h.Call("/oauth2/introspect?token="+token, "rs", webtest.ClientSecret, url.Values{}), http.StatusBadRequest, "invalid_request")
	h.Call("/oauth2/revoke?token="+token, "web", webtest.ClientSecret, url.Values{})
	if !isActive(t, h, token) {
		t.Error("a token in the query was revoked")
	}
}

func TestC12_ClientNamedAsAUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := h.User("bob")
	h.Machine(user.String(), func(c *storage.Client) { c.Scopes = []authz.Pattern{"openid", "profile", "email", "agents:read"} })
	token := h.Token(user.String(), url.Values{"grant_type": {"client_credentials"}})
	if a := userInfo(t, h, token.Text("access_token")); a.Status != http.StatusUnauthorized {
		t.Errorf("userinfo of a client: %d %s", a.Status, a.Raw)
	}
	if a := h.Introspect("rs", token.Text("access_token")); a.JSON["active"] != true || a.Text("username") != "" || a.JSON["roles"] != nil {
		t.Errorf("introspection of a client's token: %s", a.Raw)
	}
}
