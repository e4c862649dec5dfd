package oidc_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const (
	jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	idp            = "https://idp.example"
	identityType   = "oauth-id-jag+jwt"
)

// bridge is a house that trusts an issuer with the people of its tenant, and a client
// that takes its assertions.
type bridge struct {
	*webtest.House
	key    *assertionKey
	issuer storage.TrustedIssuer
	ann    authz.UserID
}

// trusts makes the house trust another issuer, by the key of this one.
func (b *bridge) trusts(change func(*storage.TrustedIssuer), tenant string) storage.TrustedIssuer {
	b.T.Helper()
	i := storage.TrustedIssuer{
		VouchesFor: storage.VouchesForPeople, Issuer: idp, JWKS: b.key.jwks(b.T), Subject: storage.SubjectEmail,
		Scopes: []authz.Pattern{"openid", "profile", "agents:*", "tools:execute"},
	}
	if change != nil {
		change(&i)
	}
	made, err := directoryOf(b.House).AddTrustedIssuer(b.T.Context(), host, i, tenant, tenant == "")
	noError(b.T, err)
	return made
}

func newBridge(t testing.TB, options ...webtest.Option) *bridge {
	t.Helper()
	b := &bridge{House: newHouse(t, options...), key: newAssertionKey(t)}
	b.World.Exec(`update platform.users set email_verified_at = now()`)
	b.World.Get(`select id from platform.users where username = 'ann'`, nil, &b.ann)
	b.taker("taker", nil)
	b.issuer = b.trusts(nil, "acme")
	return b
}

// taker adds a client that takes the assertions of the issuer.
func (b *bridge) taker(id string, change func(*storage.Client)) {
	b.T.Helper()
	b.Machine(id, func(c *storage.Client) {
		c.GrantTypes, c.OpenTo = []string{storage.GrantJWTBearer}, storage.OpenToTenant
		c.Scopes, c.Metadata.TakesAssertionsOf = []authz.Pattern{"openid", "profile", "agents:read", "tools:execute", "offline_access"}, []string{idp}
		if change != nil {
			change(c)
		}
	})
}

// vouches is an assertion for ann that is in order, but for what change says.
func (b *bridge) vouches(change map[string]any) string {
	b.T.Helper()
	claims := map[string]any{"sub": "ann@example.com"}
	maps.Copy(claims, change)
	return b.key.assertion(b.T, b.House, idp, claims)
}

// typed is the same with another typ, nil for none.
func (b *bridge) typed(typ any, change map[string]any) string {
	b.T.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	if typ != nil {
		options.ExtraHeaders[jose.HeaderType] = typ
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: b.key.JSONWebKey}, options)
	noError(b.T, err)
	jws, err := jose.ParseSigned(b.vouches(change), []jose.SignatureAlgorithm{jose.ES256})
	noError(b.T, err)
	jws, err = signer.Sign(jws.UnsafePayloadWithoutVerification())
	noError(b.T, err)
	text, err := jws.CompactSerialize()
	noError(b.T, err)
	return text
}

func bear(h *webtest.House, client, assertion string, more url.Values) webtest.Answer {
	h.T.Helper()
	form := url.Values{"grant_type": {jwtBearerGrant}, "assertion": {assertion}}
	maps.Copy(form, more)
	return h.Token(client, form)
}

func (b *bridge) mustRefuse(t testing.TB, what string, a webtest.Answer) {
	t.Helper()
	mustRefuse(t, what, a, http.StatusBadRequest, "invalid_grant")
}

// RFC 7523 §2.1: the token is the person's, for no more than all of them hold.
func TestJWTBearer(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	a := mustGrant(t, "bear", bear(b.House, "taker", b.vouches(nil), nil))
	if a.Text("scope") != "openid profile agents:read tools:execute" || a.Text("token_type") != "Bearer" || a.Text("refresh_token") != "" || a.Text("id_token") != "" {
		t.Errorf("the answer is %s", a.Raw)
	}
	if lives, _ := a.JSON["expires_in"].(float64); lives <= 0 || lives > 600 {
		t.Errorf("expires_in is %v", lives)
	}
	c := claimsOf(t, a.Text("access_token"))
	if c["sub"] != b.ann.String() || c["client_id"] != "taker" || c["tenant_id"] != b.Tenant.String() || c["grant_id"] == nil {
		t.Errorf("the token says %v", c)
	}
	for _, none := range []string{"sid", "auth_time", "acr", "amr", "act"} {
		if c[none] != nil {
			t.Errorf("nobody has signed in, and %s is %v", none, c[none])
		}
	}
	if aud, _ := c["aud"].([]any); len(aud) != 1 || aud[0] != b.URL {
		t.Errorf("aud is %v", c["aud"])
	}
	if i := b.Introspect("rs", a.Text("access_token")); i.JSON["active"] != true || i.Text("sub") != b.ann.String() {
		t.Errorf("introspection says %s", i.Raw)
	}
	if u := userInfo(t, b.House, a.Text("access_token")); u.Text("sub") != b.ann.String() || u.Text("preferred_username") != "ann" {
		t.Errorf("userinfo: %d %s", u.Status, u.Raw)
	}
	b.Call("/oauth2/revoke", "taker", webtest.ClientSecret, url.Values{"token": {a.Text("access_token")}})
	if isActive(t, b.House, a.Text("access_token")) {
		t.Error("active after it was revoked")
	}
	again := mustGrant(t, "another", bear(b.House, "taker", b.vouches(nil), nil))
	if !isActive(t, b.House, again.Text("access_token")) || claimsOf(t, again.Text("access_token"))["grant_id"] != c["grant_id"] {
		t.Error("the next assertion makes a grant of its own")
	}
	b.Advance(25 * time.Hour)
	if late := mustGrant(t, "a day later", bear(b.House, "taker", b.vouches(nil), nil)); claimsOf(t, late.Text("access_token"))["grant_id"] == c["grant_id"] {
		t.Error("a grant of yesterday's is used")
	}
}

func TestC14_JWTBearerScopes(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	b.taker("narrow", func(c *storage.Client) { c.Scopes = []authz.Pattern{"agents:read"} })
	b.taker("wide", func(c *storage.Client) { c.Scopes = []authz.Pattern{"*"} })
	b.World.Exec(`insert into platform.scopes (name, title, needs_acr) values ('agents:strong', 'x', 'aal2')`)
	b.World.Exec(`insert into platform.user_scopes (user_id, tenant_id, scope, created_at) values ($1, $2, 'agents:strong', now())`, b.ann, b.Tenant)
	for name, tt := range map[string]struct {
		client, asked string
		change        map[string]any
		want          string // "" for invalid_scope
	}{
		"what was asked for":                {"taker", "agents:read", nil, "agents:read"},
		"what the client may have":          {"narrow", "", nil, "agents:read"},
		"more than the client may have":     {"narrow", "agents:read tools:execute", nil, ""},
		"more than the issuer may give":     {"wide", "user", nil, ""},
		"more than ann holds":               {"wide", "agents:delete", nil, ""},
		"a scope that needs a sign-in":      {"wide", "agents:strong", nil, ""},
		"a wildcard names nothing":          {"wide", "", nil, ""},
		"what the assertion names":          {"wide", "", map[string]any{"scope": "agents:read user"}, "agents:read"},
		"more than the assertion names":     {"taker", "agents:read tools:execute", map[string]any{"scope": "agents:read"}, ""},
		"less than the assertion names":     {"taker", "agents:read", map[string]any{"scope": "agents:read tools:execute"}, "agents:read"},
		"an assertion that names nothing":   {"taker", "", map[string]any{"scope": ""}, "openid profile agents:read tools:execute"},
		"C14: to refresh without a sign-in": {"taker", "openid offline_access", nil, ""},
		"malformed":                         {"taker", `a"b`, nil, ""},
	} {
		form := url.Values{}
		if tt.asked != "" {
			form.Set("scope", tt.asked)
		}
		a := bear(b.House, tt.client, b.vouches(tt.change), form)
		if tt.want == "" {
			mustRefuse(t, name, a, http.StatusBadRequest, "invalid_scope")
		} else if mustGrant(t, name, a).Text("scope") != tt.want {
			t.Errorf("%s: %s", name, a.Raw)
		}
	}
	b.mustRefuse(t, "an assertion whose scope is malformed", bear(b.House, "taker", b.vouches(map[string]any{"scope": `a"b`}), nil))
}

func TestJWTBearer_Subjects(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	beta := b.World.Tenant("beta")
	bob := b.UserOf("bob", beta)
	b.User("cleo") // whose address is not proven
	b.User("dora@example.com")
	b.World.Exec(`update platform.users set email_verified_at = now(), email = 'dora@elsewhere.example', email_folded = 'dora@elsewhere.example' where username = 'dora@example.com'`)
	for subject, takes := range map[storage.SubjectForm]string{storage.SubjectID: "https://ids.example", storage.SubjectUsername: "https://names.example"} {
		b.trusts(func(i *storage.TrustedIssuer) { i.Issuer, i.Subject = takes, subject }, "acme")
	}
	b.taker("all", func(c *storage.Client) {
		c.Metadata.TakesAssertionsOf = []string{idp, "https://ids.example", "https://names.example"}
	})
	b.taker("closed", func(c *storage.Client) { c.OpenTo = storage.OpenToNobody })
	b.taker("few", func(c *storage.Client) {
		c.OpenTo, c.Groups = storage.OpenToGroups, []authz.GroupID{b.World.Group(b.Tenant, "few")}
	})
	for name, tt := range map[string]struct {
		client, issuer, subject string
		found                   bool
	}{
		"by address":                     {"all", idp, "ann@example.com", true},
		"by address, in another case":    {"all", idp, "Ann@Example.COM", true},
		"by address, which is not":       {"all", idp, "ann", false},
		"by an address nobody proved":    {"all", idp, "cleo@example.com", false},
		"by another's name":              {"all", idp, "dora@example.com", false},
		"by an id, where an address is":  {"all", idp, b.ann.String(), false},
		"by name":                        {"all", "https://names.example", "ANN", true},
		"by name, which is an address":   {"all", "https://names.example", "ann@example.com", false},
		"by id":                          {"all", "https://ids.example", b.ann.String(), true},
		"by an id that is none":          {"all", "https://ids.example", "ann", false},
		"by an id of nobody":             {"all", "https://ids.example", "019f7c1e-5a30-7b2f-9d31-6f0a4f6b8c11", false},
		"M1: by an id of another tenant": {"all", "https://ids.example", bob.String(), false},
		"nobody":                         {"all", idp, "nobody@example.com", false},
		"nobody with a zero byte":        {"all", idp, "ann@example.com\x00", false},
		"through a client that is shut":  {"closed", idp, "ann@example.com", false},
		"through a client for a few":     {"few", idp, "ann@example.com", false},
	} {
		a := bear(b.House, tt.client, b.key.assertion(t, b.House, tt.issuer, map[string]any{"sub": tt.subject}), nil)
		if !tt.found {
			b.mustRefuse(t, name, a)
		} else if claimsOf(t, mustGrant(t, name, a).Text("access_token"))["sub"] != b.ann.String() {
			t.Errorf("%s: %s", name, a.Raw)
		}
	}
}

// M1: what one tenant trusts counts nowhere else; what the deployment trusts counts
// everywhere, and each tenant's own comes first.
func TestM1_IssuersOfOneTenant(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	beta := b.World.Tenant("beta")
	bob := b.UserOf("bob", beta)
	both := b.UserOf("both", b.Tenant, beta)
	b.World.Exec(`update platform.users set email_verified_at = now()`)
	b.taker("btaker", func(c *storage.Client) { c.Tenant = beta })
	b.taker("everywhere", func(c *storage.Client) { c.Tenant, c.OpenTo = authz.TenantID{}, storage.OpenToEveryone })
	of := func(name string) map[string]any { return map[string]any{"sub": name + "@example.com"} }
	b.mustRefuse(t, "another tenant's issuer", bear(b.House, "btaker", b.vouches(of("bob")), nil))
	b.mustRefuse(t, "a tenant's issuer for the deployment", bear(b.House, "everywhere", b.vouches(nil), nil))

	mine := b.key
	b.key = newAssertionKey(t)
	b.trusts(nil, "")
	is := func(what, client, name string, user authz.UserID, tenant authz.TenantID) {
		t.Helper()
		c := claimsOf(t, mustGrant(t, what, bear(b.House, client, b.vouches(of(name)), nil)).Text("access_token"))
		if c["sub"] != user.String() || c["tenant_id"] != tenant.String() {
			t.Errorf("%s: %v", what, c)
		}
	}
	is("the deployment's, in beta", "btaker", "bob", bob, beta)
	is("the deployment's, of bob", "everywhere", "bob", bob, beta)
	is("where both belong by default", "everywhere", "both", both, b.Tenant)
	b.World.Exec(`update platform.user_preferences set default_tenant_id = $1 where user_id = $2`, beta, both)
	is("where both belong by default, now", "everywhere", "both", both, beta)
	is("in the client's tenant", "btaker", "both", both, beta)
	b.mustRefuse(t, "ann, who is not of beta", bear(b.House, "btaker", b.vouches(nil), nil))
	b.mustRefuse(t, "the deployment's key for a tenant with an issuer of its own", bear(b.House, "taker", b.vouches(nil), nil))
	b.key = mine
	is("the tenant's own", "taker", "ann", b.ann, b.Tenant)
	b.World.Exec(`update platform.tenants set suspended_at = now() where id = $1`, b.Tenant)
	a := bear(b.House, "taker", b.vouches(nil), nil)
	mustRefuse(t, "a suspended tenant", a, http.StatusUnauthorized, "invalid_client")
}

// Everything that ends what a person has ends these tokens too, at once.
func TestC15_JWTBearerEnds(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	d, ctx := directoryOf(b.House), t.Context()
	get := func(what string) string {
		t.Helper()
		return mustGrant(t, what, bear(b.House, "taker", b.vouches(nil), nil)).Text("access_token")
	}
	ends := func(what, token string) {
		t.Helper()
		if isActive(t, b.House, token) {
			t.Errorf("%s: active", what)
		}
	}
	token := get("first")
	_, err := d.RevokeAllSessions(ctx, host, b.ann)
	noError(t, err)
	ends("everything of ann's was ended", token)
	token = get("a new grant")
	noError(t, b.Store.ForUser(b.ann).WithdrawConsent(ctx, "taker", host.IPAddress, b.Now(), b.Now().Add(time.Hour)))
	ends("ann took it back", token)
	token = get("once more")
	noError(t, d.DisableUser(ctx, host, b.ann))
	ends("ann is disabled", token)
	b.mustRefuse(t, "a disabled user", bear(b.House, "taker", b.vouches(nil), nil))
	noError(t, d.EnableUser(ctx, host, b.ann))
	token = get("enabled")
	noError(t, d.DisableClient(ctx, host, "taker"))
	ends("its client is disabled", token)
	noError(t, d.EnableClient(ctx, host, "taker"))
	token = get("enabled, too")
	viewer := authz.RoleViewer
	_, err = d.UpdateUser(ctx, host, b.ann, directory.UserChange{Role: &viewer})
	noError(t, err)
	if got := b.Introspect("rs", token).Text("scope"); got != "openid profile agents:read" {
		t.Errorf("a viewer holds %q", got)
	}
	token = get("a viewer")
	noError(t, d.RemoveTrustedIssuer(ctx, host, b.issuer.ID))
	ends("its issuer is trusted no more", token)
	b.mustRefuse(t, "an issuer that is trusted no more", bear(b.House, "taker", b.vouches(nil), nil))
	b.trusts(nil, "acme")
	token = get("trusted again")
	noError(t, d.DeleteUser(ctx, host, b.ann, nil))
	ends("ann is gone", token)
}

func TestE3_AssertionGrantReplay(t *testing.T) {
	t.Parallel()
	b := newBridge(t, webtest.Wide)
	replicas := b.Three()
	for range webtest.Rounds(t, 3) {
		assertion, won := b.vouches(nil), 0
		for _, a := range atOnce(100, func(i int) webtest.Answer { return bear(replicas[i%3], "taker", assertion, nil) }) {
			if a.Status == http.StatusOK {
				won++
				continue
			}
			b.mustRefuse(t, "replay", a)
		}
		if won != 1 {
			t.Errorf("%d of 100 were accepted, want 1", won)
		}
	}
	id := map[string]any{"jti": "the same"}
	b.mustRefuse(t, "another's", bear(b.House, "taker", newAssertionKey(t).assertion(t, b.House, idp, id), nil))
	mustRefuse(t, "for too much", bear(b.House, "taker", b.vouches(id), url.Values{"scope": {"admin"}}), http.StatusBadRequest, "invalid_scope")
	mustGrant(t, "what was refused spends nothing", bear(b.House, "taker", b.vouches(id), nil))
	b.mustRefuse(t, "the same jti in another assertion", bear(b.House, "taker", b.vouches(id), nil))
	b.taker("another", nil)
	b.mustRefuse(t, "the same jti at another client", bear(b.House, "another", b.vouches(id), nil))
}

func TestE4_E5_E6_AssertionGrantClaims(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	now := b.Now()
	for name, c := range map[string]struct {
		change map[string]any
		right  bool
	}{
		"in order":                      {nil, true},
		"E4: token endpoint":            {map[string]any{"aud": b.URL + "/oauth2/token"}, true},
		"E4: PAR endpoint":              {map[string]any{"aud": b.URL + "/oauth2/par"}, false},
		"E4: list with the issuer":      {map[string]any{"aud": []string{b.URL}}, false},
		"E4: list with more":            {map[string]any{"aud": []string{b.URL, "https://evil.example"}}, false},
		"E4: issuer and slash":          {map[string]any{"aud": b.URL + "/"}, false},
		"E4: the client":                {map[string]any{"aud": "taker"}, false},
		"E4: nobody":                    {map[string]any{"aud": nil}, false},
		"E5: without exp":               {map[string]any{"exp": nil}, false},
		"E5: expired":                   {map[string]any{"exp": now.Add(-time.Second).Unix()}, false},
		"E5: in four minutes":           {map[string]any{"exp": now.Add(4 * time.Minute).Unix()}, true},
		"E5: in six minutes":            {map[string]any{"exp": now.Add(6 * time.Minute).Unix()}, false},
		"E5: in ten years":              {map[string]any{"exp": now.AddDate(10, 0, 0).Unix()}, false},
		"E5: beyond all dates":          {map[string]any{"exp": 1e300}, false},
		"E5: a string":                  {map[string]any{"exp": "4102444800"}, false},
		"E5: issued in the future":      {map[string]any{"iat": now.Add(2 * time.Minute).Unix()}, false},
		"E5: issued in half a minute":   {map[string]any{"iat": now.Add(30 * time.Second).Unix()}, true},
		"E5: not before two minutes on": {map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}, false},
		"E5: without iat":               {map[string]any{"iat": nil}, true},
		"E6: of an unknown issuer":      {map[string]any{"iss": "https://other.example"}, false},
		"E6: of the server itself":      {map[string]any{"iss": b.URL}, false},
		"E6: of the client itself":      {map[string]any{"iss": "taker"}, false},
		"E6: no issuer":                 {map[string]any{"iss": nil}, false},
		"E6: no subject":                {map[string]any{"sub": nil}, false},
		"E6: subject is a list":         {map[string]any{"sub": []string{"ann@example.com"}}, false},
		"E6: for another client":        {map[string]any{"client_id": "web"}, false},
		"E6: for this client":           {map[string]any{"client_id": "taker"}, true},
		"E3: without jti":               {map[string]any{"jti": nil}, false},
		"E3: empty jti":                 {map[string]any{"jti": ""}, false},
		"E3: a jti that is not text":    {map[string]any{"jti": 7}, false},
	} {
		a := bear(b.House, "taker", b.vouches(c.change), nil)
		if !c.right {
			b.mustRefuse(t, name, a)
		} else if a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	mustRefuse(t, "no assertion", bear(b.House, "taker", "", nil), http.StatusBadRequest, "invalid_request")
	b.mustRefuse(t, "longer than 16 KiB", bear(b.House, "taker", b.vouches(map[string]any{"x": strings.Repeat("x", 16<<10)}), nil))
}

// Who may present an assertion: a client that proves itself, and is registered for it.
func TestJWTBearer_Clients(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	b.taker("public", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientNative, storage.AuthMethodNone })
	b.taker("ungranted", func(c *storage.Client) { c.GrantTypes = []string{storage.GrantClientCredentials} })
	b.taker("others", func(c *storage.Client) { c.Metadata.TakesAssertionsOf = []string{"https://other.example"} })
	mustRefuse(t, "public", b.bears("public", ""), http.StatusBadRequest, "unauthorized_client")
	mustRefuse(t, "not registered for the grant", b.bears("ungranted", webtest.ClientSecret), http.StatusBadRequest, "unauthorized_client")
	b.mustRefuse(t, "not registered for the issuer", b.bears("others", webtest.ClientSecret))
	mustRefuse(t, "a wrong secret", b.bears("taker", "wrong"), http.StatusUnauthorized, "invalid_client")
	mustRefuse(t, "none", b.bears("", ""), http.StatusUnauthorized, "invalid_client")
}

// bears presents an assertion as a client with some secret.
func (b *bridge) bears(client, secret string) webtest.Answer {
	return b.Call("/oauth2/token", client, secret, url.Values{"grant_type": {jwtBearerGrant}, "assertion": {b.vouches(nil)}})
}

// C1, C2, C3, C16: what the header says leads nowhere, and nothing is fetched.
func TestC1_C2_C3_C16_AssertionGrantForgeries(t *testing.T) {
	t.Parallel()
	b := newBridge(t, insecureOutbound)
	canary, asked := published(t, func() (int, []byte) { return http.StatusOK, b.key.jwks(t) })
	all := forgeries(t, b.House, b.vouches(nil), canary)
	delete(all, "C16: real signature, header with typ") // JWT is what the assertion says
	for name, forged := range all {
		b.mustRefuse(t, name, bear(b.House, "taker", forged, nil))
	}
	in := b.vouches(nil)
	for name, text := range map[string]string{
		"another's key": newAssertionKey(t).assertion(t, b.House, idp, nil), "cut": in[:len(in)-1], "without a signature": in[:strings.LastIndex(in, ".")+1],
		"junk": "junk", "dots": strings.Repeat(".", 1000),
	} {
		b.mustRefuse(t, name, bear(b.House, "taker", text, nil))
	}
	if asked.Load() != 0 {
		t.Error("an address in the header was fetched")
	}
	mustGrant(t, "the real one", bear(b.House, "taker", in, nil))
}

// C4: a token of another kind is no assertion, whoever has signed it.
func TestC4_OtherTokensAsAssertions(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	b.taker("own", func(c *storage.Client) { c.Metadata.TakesAssertionsOf = []string{idp, b.URL} })
	tokens := b.Tokens("web", "ann", nil)
	for _, kind := range []string{"access_token", "id_token", "refresh_token"} {
		b.mustRefuse(t, kind, bear(b.House, "own", tokens.Text(kind), nil))
	}
	for _, typ := range []any{"at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "oauth-authz-req+jwt", "token-introspection+jwt", ""} {
		b.mustRefuse(t, "typ "+typ.(string), bear(b.House, "taker", b.typed(typ, map[string]any{"client_id": "taker"}), nil))
	}
	mustGrant(t, "without typ", bear(b.House, "taker", b.typed(nil, nil), nil))
	mustGrant(t, "JWT", bear(b.House, "taker", b.typed("JWT", nil), nil))
	client := robot(t, b.House)
	b.mustRefuse(t, "a client's assertion", bear(b.House, "own", client.assertion(t, b.House, "robot", nil), nil))
}

// An Identity Assertion JWT Authorization Grant says whose hands it is for, and what it
// is good for.
func TestJWTBearer_IdentityAssertion(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	for _, identifier := range []string{agentsAPI, toolsAPI} {
		b.World.Exec(`insert into platform.resources (identifier, tenant_id, scopes, created_at) values ($1, $2, $3, now())`, identifier, b.Tenant,
			map[string][]string{agentsAPI: {"agents:read"}, toolsAPI: {"tools:execute"}}[identifier])
	}
	mine := map[string]any{"client_id": "taker"}
	with := func(name string, value any) map[string]any { return map[string]any{"client_id": "taker", name: value} }
	mustGrant(t, "in order", bear(b.House, "taker", b.typed(identityType, mine), nil))
	b.mustRefuse(t, "without client_id", bear(b.House, "taker", b.typed(identityType, nil), nil))
	b.mustRefuse(t, "another's", bear(b.House, "taker", b.typed(identityType, map[string]any{"client_id": "web"}), nil))
	mustBeFor(t, "one resource", bear(b.House, "taker", b.typed(identityType, with("resource", agentsAPI)), url.Values{"scope": {"agents:read"}}), "agents:read", agentsAPI)
	mustBeFor(t, "two, twice", bear(b.House, "taker", b.typed(identityType, with("resource", []string{toolsAPI, agentsAPI, toolsAPI})), url.Values{"scope": {"agents:read tools:execute"}}),
		"agents:read tools:execute", agentsAPI, toolsAPI)
	mustBeFor(t, "one of two", bear(b.House, "taker", b.typed(identityType, with("resource", []string{toolsAPI, agentsAPI})), url.Values{"resource": {toolsAPI}, "scope": {"tools:execute"}}),
		"tools:execute", toolsAPI)
	for name, a := range map[string]webtest.Answer{
		"not one of those":   bear(b.House, "taker", b.typed(identityType, with("resource", agentsAPI)), url.Values{"resource": {toolsAPI}}),
		"an unknown one":     bear(b.House, "taker", b.typed(identityType, with("resource", "https://unknown.example")), nil),
		"more than a few":    bear(b.House, "taker", b.typed(identityType, with("resource", strings.Fields("a b c d e f g h i"))), nil),
		"unknown, asked for": bear(b.House, "taker", b.typed(identityType, mine), url.Values{"resource": {"https://unknown.example"}}),
	} {
		mustRefuse(t, name, a, http.StatusBadRequest, "invalid_target")
	}
	if profiles := listed(t, document(t, b.House), "authorization_grant_profiles_supported"); len(profiles) != 1 || profiles[0] != "urn:ietf:params:oauth:grant-profile:id-jag" {
		t.Errorf("announced: %v", profiles)
	}
}

// The keys of an issuer by reference, by the algorithms that it is held to.
func TestJWTBearer_Keys(t *testing.T) {
	t.Parallel()
	b := newBridge(t, insecureOutbound)
	now := b.key
	address, asked := published(t, func() (int, []byte) { return http.StatusOK, now.jwks(t) })
	b.taker("remote", func(c *storage.Client) {
		c.Metadata.TakesAssertionsOf = []string{"https://remote.example", "https://strict.example"}
	})
	b.trusts(func(i *storage.TrustedIssuer) { i.Issuer, i.JWKS, i.JWKSURI = "https://remote.example", nil, address }, "acme")
	b.trusts(func(i *storage.TrustedIssuer) { i.Issuer, i.Algorithms = "https://strict.example", []string{"PS256"} }, "acme")
	of := func(issuer string) webtest.Answer {
		return bear(b.House, "remote", now.assertion(t, b.House, issuer, map[string]any{"sub": "ann@example.com"}), nil)
	}
	mustGrant(t, "by reference", of("https://remote.example"))
	mustGrant(t, "again", of("https://remote.example"))
	b.mustRefuse(t, "by an algorithm that is not the issuer's", of("https://strict.example"))
	now = newAssertionKey(t)
	now.KeyID = "k2"
	b.Advance(2 * time.Minute)
	mustGrant(t, "by a new key", of("https://remote.example"))
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestF6_IssuerKeysInside(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	address, asked := published(t, func() (int, []byte) { return http.StatusOK, b.key.jwks(t) })
	b.taker("inside", func(c *storage.Client) { c.Metadata.TakesAssertionsOf = []string{"https://inside.example"} })
	b.trusts(func(i *storage.TrustedIssuer) { i.Issuer, i.JWKS, i.JWKSURI = "https://inside.example", nil, address }, "acme")
	b.mustRefuse(t, "inside", bear(b.House, "inside", b.key.assertion(t, b.House, "https://inside.example", map[string]any{"sub": "ann@example.com"}), nil))
	if asked.Load() != 0 {
		t.Error("it was fetched")
	}
}

// A token that is bound to a key, of an assertion that a nonce was asked for with: what
// was refused for the proof has spent nothing.
func TestJWTBearer_DPoP(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	k := newHolder(t, b.House)
	b.taker("bound", func(c *storage.Client) { c.Metadata.DPoPBound = true })
	form := url.Values{"grant_type": {jwtBearerGrant}, "assertion": {b.vouches(nil)}}
	mustRefuse(t, "without a proof", k.token("bound", webtest.ClientSecret, "", form), http.StatusBadRequest, "invalid_dpop_proof")
	a := mustGrant(t, "with a proof", k.token("bound", webtest.ClientSecret, k.proof("POST", "/oauth2/token", "", nil), form))
	if cnf, _ := claimsOf(t, a.Text("access_token"))["cnf"].(map[string]any); cnf["jkt"] != k.thumbprint() || a.Text("token_type") != "DPoP" {
		t.Errorf("the answer is %s", a.Raw)
	}
}
