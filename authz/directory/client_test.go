package directory_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

const publicKeys = `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
	"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

func TestCreateClient_ByKind(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	code := []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken}
	self := []string{storage.GrantClientCredentials}
	tests := []struct {
		kind   storage.ClientKind
		method string
		grants []string
	}{
		{storage.ClientWeb, storage.AuthMethodBasic, code},
		{storage.ClientSPA, storage.AuthMethodNone, code},
		{storage.ClientNative, storage.AuthMethodNone, code},
		{storage.ClientService, storage.AuthMethodBasic, self},
		{storage.ClientAgent, storage.AuthMethodBasic, self},
	}
	for _, tt := range tests {
		n := directory.CreateClient{Name: "Büro & Shop!", Kind: tt.kind, Scopes: []authz.Pattern{"tools:*"}, Owner: v.ann.ID}
		if slices.Contains(tt.grants, storage.GrantAuthorizationCode) {
			n.RedirectURIs = []string{"https://shop.example/cb"}
		}
		c, secret, err := v.CreateClient(ctx, host, n)
		if err != nil {
			t.Errorf("%s: %v", tt.kind, err)
			continue
		}
		if c.AuthMethod != tt.method || !slices.Contains(c.GrantTypes, tt.grants[0]) || c.Tenant != v.acme.ID || c.IDTokenAlg != "ES256" ||
			c.Introspect || c.FirstParty || c.SkipConsent || c.SelfRegistered {
			t.Errorf("%s: %+v", tt.kind, c)
		}
		if !regexp.MustCompile(`^[a-z0-9-]*shop-[a-z0-9]{8}$`).MatchString(string(c.ID)) {
			t.Errorf("%s: the client_id is %q", tt.kind, c.ID)
		}
		if secret.IsZero() != (tt.method == storage.AuthMethodNone) {
			t.Errorf("%s: secret: %v", tt.kind, !secret.IsZero())
		}
		if kept, err := v.Client(ctx, host, c.ID); err != nil || kept.Name != n.Name || !slices.Equal(kept.GrantTypes, c.GrantTypes) || !slices.Equal(kept.Scopes, n.Scopes) {
			t.Errorf("%s was kept as %+v, %v", tt.kind, kept, err)
		}
	}
	c, _, err := v.CreateClient(ctx, host, directory.CreateClient{ID: "Robot_7", Name: "Robot", Kind: storage.ClientService, AllTenants: true})
	if err != nil || c.ID != "Robot_7" || !c.Tenant.IsZero() {
		t.Errorf("a client of all tenants: %+v, %v", c, err)
	}
	if _, _, err := v.CreateClient(ctx, host, directory.CreateClient{ID: "Robot_7", Name: "Robot", Kind: storage.ClientService}); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("the same client_id again: %v", err)
	}
}

func TestCreateClient_Invalid(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	good := map[string]directory.CreateClient{
		"web":     {Name: "x", Kind: storage.ClientWeb, RedirectURIs: []string{"https://shop.example/cb"}},
		"spa":     {Name: "x", Kind: storage.ClientSPA, RedirectURIs: []string{"https://shop.example/cb"}},
		"service": {Name: "x", Kind: storage.ClientService},
		"agent":   {Name: "x", Kind: storage.ClientAgent, Owner: v.ann.ID},
	}
	tests := []struct {
		name  string
		of    string
		spoil func(*directory.CreateClient)
		field string
	}{
		{"no name", "web", func(n *directory.CreateClient) { n.Name = "" }, "name"},
		{"a name of two lines", "web", func(n *directory.CreateClient) { n.Name = "a\nb" }, "name"},
		{"no kind", "web", func(n *directory.CreateClient) { n.Kind = "" }, "kind"},
		{"C12: an id like a user's", "web", func(n *directory.CreateClient) { n.ID = authz.ClientID(v.ann.ID.String()) }, "client_id"},
		{"an id with a colon", "web", func(n *directory.CreateClient) { n.ID = "a:b:c" }, "client_id"},
		{"an id with a slash", "web", func(n *directory.CreateClient) { n.ID = "../x" }, "client_id"},
		{"no redirect URI", "web", func(n *directory.CreateClient) { n.RedirectURIs = nil }, "redirect_uri"},
		{"A6: a script as redirect URI", "web", func(n *directory.CreateClient) { n.RedirectURIs = []string{"javascript:alert(1)"} }, "redirect_uri"},
		{"A6: a script as post-logout URI", "web", func(n *directory.CreateClient) { n.PostLogoutRedirectURIs = []string{"javascript:alert(1)"} }, "post_logout_redirect_uri"},
		{"A6: the second of two", "web", func(n *directory.CreateClient) { n.RedirectURIs = append(n.RedirectURIs, "data:text/html,x") }, "redirect_uri"},
		{"a service that people sign in to", "service", func(n *directory.CreateClient) { n.RedirectURIs = []string{"https://shop.example/cb"} }, "redirect_uri"},
		{"E1: a secret in a browser", "spa", func(n *directory.CreateClient) { n.AuthMethod = storage.AuthMethodPost }, "auth_method"},
		{"E1: a service without proof", "service", func(n *directory.CreateClient) { n.AuthMethod = storage.AuthMethodNone }, "auth_method"},
		{"an unknown method", "web", func(n *directory.CreateClient) { n.AuthMethod = "client_secret_jwt" }, "auth_method"},
		{"introspection without proof", "spa", func(n *directory.CreateClient) { n.Introspect = true }, "introspect"},
		{"no consent for others", "web", func(n *directory.CreateClient) { n.SkipConsent = true }, "skip_consent"},
		{"an agent without owner", "agent", func(n *directory.CreateClient) { n.Owner = authz.UserID{} }, "owner"},
		{"an unknown tenant", "web", func(n *directory.CreateClient) { n.Tenant = "nowhere" }, "tenant"},
		{"an unknown algorithm", "web", func(n *directory.CreateClient) { n.IDTokenAlg = "none" }, "id_token_alg"},
		{"a wildcard in the middle", "service", func(n *directory.CreateClient) { n.Scopes = []authz.Pattern{"a*b"} }, "scopes"},
		{"no keys", "service", func(n *directory.CreateClient) { n.AuthMethod = storage.AuthMethodPrivateKeyJWT }, "jwks"},
	}
	for name, document := range map[string]string{
		"not JSON":       `{"keys": [`,
		"no object":      `[]`,
		"an empty set":   `{"keys": []}`,
		"a single key":   `{"kty": "EC"}`,
		"a private key":  `{"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c"}]}`,
		"an RSA factor":  `{"keys": [{"kty": "RSA", "n": "a", "e": "AQAB", "p": "c"}]}`,
		"a shared key":   `{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}`,
		"one bad of two": `{"keys": [` + publicKeys[10:len(publicKeys)-2] + `, {"kty": "oct", "k": "c2VjcmV0"}]}`,
		"O5: too many":   `{"keys": [` + strings.Repeat(`{"kty": "EC"},`, 33) + `{"kty": "EC"}]}`,
		"O5: too large":  `{"keys": [{"kty": "EC", "x": "` + strings.Repeat("x", 64<<10) + `"}]}`,
	} {
		tests = append(tests, struct {
			name  string
			of    string
			spoil func(*directory.CreateClient)
			field string
		}{"jwks: " + name, "service", func(n *directory.CreateClient) {
			n.AuthMethod, n.JWKS = storage.AuthMethodPrivateKeyJWT, []byte(document)
		}, "jwks"})
	}
	for _, tt := range tests {
		n := good[tt.of]
		tt.spoil(&n)
		_, secret, err := v.CreateClient(t.Context(), host, n)
		var invalid *directory.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != tt.field || !secret.IsZero() {
			t.Errorf("%s: %v; want a refusal of %s", tt.name, err, tt.field)
		}
	}
	for of, n := range good {
		if _, _, err := v.CreateClient(t.Context(), host, n); err != nil {
			t.Errorf("the good %s: %v", of, err)
		}
	}
	n := good["service"]
	n.JWKS = []byte(publicKeys)
	if c, secret, err := v.CreateClient(t.Context(), host, n); err != nil || c.AuthMethod != storage.AuthMethodPrivateKeyJWT || !secret.IsZero() {
		t.Errorf("a service with keys: %+v, %v", c, err)
	}
}

// E9: a secret has 256 random bits, is shown once, and only its digest is kept.
func TestE9_ClientSecret(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	c, secret, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "x", Kind: storage.ClientService})
	v.must(err)
	if !regexp.MustCompile(`^gth_cs_[A-Za-z0-9_-]{43}$`).MatchString(secret.Reveal()) {
		t.Errorf("the secret has the form %q", regexp.MustCompile(`[A-Za-z0-9]`).ReplaceAllString(secret.Reveal(), "x"))
	}
	kept, err := v.Client(ctx, host, c.ID)
	if err != nil || !bytes.Equal(kept.SecretHash, storage.HashClientSecret(pepper, secret.Reveal())) {
		t.Errorf("the digest is not the secret's: %v", err)
	}
	if all := v.world.Text(`select * from platform.clients`) + v.world.Text(`select * from platform.audit_events`); strings.Contains(all, secret.Reveal()[7:]) {
		t.Error("the database holds the secret")
	}
	document, err := json.Marshal(map[string]any{"secret": secret})
	v.must(err)
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("made", "secret", secret)
	printed := fmt.Sprintf("%v %+v %#v %s %q %x", secret, secret, secret, secret, secret, secret) + fmt.Sprintf("%v", struct{ s directory.Secret }{secret}) +
		string(document) + logged.String()
	if strings.Contains(printed, secret.Reveal()[7:]) || !strings.Contains(printed, "[redacted]") {
		t.Errorf("the secret prints as %s", printed)
	}
}

// E11: after a rotation the old secret works for the overlap and no longer.
func TestE11_RotateClientSecret(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	c, first, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "x", Kind: storage.ClientService})
	v.must(err)
	second, err := v.RotateClientSecret(ctx, host, c.ID, time.Hour)
	v.must(err)
	kept, err := v.Client(ctx, host, c.ID)
	v.must(err)
	if !bytes.Equal(kept.SecretHash, storage.HashClientSecret(pepper, second.Reveal())) ||
		!bytes.Equal(kept.PreviousSecretHash, storage.HashClientSecret(pepper, first.Reveal())) || !kept.PreviousSecretExpiresAt.Equal(now.Add(time.Hour)) {
		t.Errorf("after the rotation: %+v", kept)
	}
	for _, overlap := range []time.Duration{-time.Second, 31 * 24 * time.Hour} {
		if _, err := v.RotateClientSecret(ctx, host, c.ID, overlap); !refusal(err) {
			t.Errorf("an overlap of %v: %v", overlap, err)
		}
	}
	if _, err := v.RotateClientSecret(ctx, host, v.client(storage.ClientSPA).ID, 0); !refusal(err) {
		t.Errorf("rotating no secret: %v", err)
	}
}

// C15: a client that is disabled or deleted is over at once, with what was granted
// to it, and its id does not bring anything back.
func TestC15_ClientEnds(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	n := directory.CreateClient{ID: "shop", Name: "Shop", Kind: storage.ClientSPA, RedirectURIs: []string{"https://shop.example/cb"}}
	_, _, err := v.CreateClient(ctx, host, n)
	v.must(err)
	_, grant := v.session(v.ann.ID)

	for range 20 {
		v.must(v.DisableClient(ctx, host, "shop"))
		if c, err := v.store.Client(ctx, "shop"); err != nil || c.Active(time.Now()) {
			t.Fatalf("the disabled client: %+v, %v", c, err)
		}
		v.must(v.EnableClient(ctx, host, "shop"))
		if c, err := v.store.Client(ctx, "shop"); err != nil || !c.Active(time.Now()) {
			t.Fatalf("the enabled client: %+v, %v", c, err)
		}
	}
	v.must(v.DeleteClient(ctx, host, "shop", nil))
	if _, err := v.Client(ctx, host, "shop"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the deleted client: %v", err)
	}
	_, _, err = v.CreateClient(ctx, host, n)
	v.must(err)
	standing, err := v.store.Standing(ctx, []string{grant.ID.String()}, v.ann.ID)
	if err != nil || !standing.Dead {
		t.Errorf("the old client's tokens live for the new one: %+v, %v", standing, err)
	}
	if g, err := v.store.Granted(ctx, grant.ID); err == nil && g.Grant.RevokedAt.IsZero() {
		t.Error("the old client's grant lives for the new one")
	}
}

// An agent goes with its owner.
func TestAgent_GoesWithItsOwner(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	agent := v.client(storage.ClientAgent)
	v.must(v.DeleteUser(ctx, host, v.ann.ID, nil))
	if _, err := v.Client(ctx, host, agent.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the agent of a deleted user: %v", err)
	}
}

func TestClients_Pages(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	want := map[authz.ClientID]bool{}
	for range 5 {
		want[v.client(storage.ClientSPA).ID] = true
	}
	p := directory.Paging{Limit: 2}
	for {
		part, err := v.Clients(ctx, host, directory.ClientFilter{Paging: p})
		v.must(err)
		for _, c := range part.Items {
			if !want[c.ID] {
				t.Errorf("%s came twice, or from nowhere", c.ID)
			}
			delete(want, c.ID)
		}
		if p.Cursor = part.Next; p.Cursor == "" {
			break
		}
	}
	if len(want) != 0 {
		t.Errorf("%v did not come", want)
	}
}

// C12: a client's own token has the client_id as its subject, so that no client_id is
// ever the id of a user, however it is written and whatever the client is called.
func TestC12_ClientIDsAreNoUserIDs(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	user := v.ann.ID.String()
	for _, id := range []string{user, strings.ToUpper(user), "{" + user + "}", "urn:uuid:" + user, user + "\n", " " + user, authz.NewID[authz.UserID](now).String()} {
		_, _, err := v.CreateClient(ctx, host, directory.CreateClient{ID: authz.ClientID(id), Name: "Robot", Kind: storage.ClientService})
		var wrong *directory.InvalidError
		if !errors.As(err, &wrong) || wrong.Field != "client_id" {
			t.Errorf("the client_id %q: %v", id, err)
		}
	}
	for _, name := range []string{user, user[:28], strings.ReplaceAll(user, "-", "")[:24]} {
		c, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: name, Kind: storage.ClientService})
		v.must(err)
		if _, err := authz.ParseID[authz.UserID](string(c.ID)); err == nil {
			t.Errorf("a client called %q has the id %s", name, c.ID)
		}
	}
}

// RFC 8705 §2.1.2: a client of tls_client_auth has exactly one name in its certificate.
func TestTLSClientAuth_OneName(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	for name, test := range map[string]struct {
		metadata storage.ClientMetadata
		good     bool
	}{
		"none": {storage.ClientMetadata{}, false}, "a distinguished name": {storage.ClientMetadata{TLSSubjectDN: "CN=client,O=Acme"}, true},
		"a host": {storage.ClientMetadata{TLSSubjectDNS: "client.example"}, true}, "an address": {storage.ClientMetadata{TLSSubjectIP: "192.0.2.1"}, true},
		"a URI": {storage.ClientMetadata{TLSSubjectURI: "spiffe://acme/client"}, true}, "a mailbox": {storage.ClientMetadata{TLSSubjectEmail: "client@acme.example"}, true},
		"two":   {storage.ClientMetadata{TLSSubjectDNS: "client.example", TLSSubjectIP: "192.0.2.1"}, false},
		"three": {storage.ClientMetadata{TLSSubjectDNS: "client.example", TLSSubjectIP: "192.0.2.1", TLSSubjectDN: "CN=client"}, false},
	} {
		_, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "Bank", Kind: storage.ClientService, AuthMethod: storage.AuthMethodTLS, Metadata: test.metadata})
		var wrong *directory.InvalidError
		if test.good && err != nil || !test.good && !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// OpenID Connect Core §3.2.2.1: an ID token comes through the browser to web pages over
// https alone, and never to a client under a profile.
func TestLegacyResponseTypes_WhoMay(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	web := func(change func(*directory.CreateClient), types ...string) directory.CreateClient {
		n := directory.CreateClient{Name: "Old", Kind: storage.ClientWeb, RedirectURIs: []string{"https://old.example/cb"}, Metadata: storage.ClientMetadata{ResponseTypes: types}}
		if change != nil {
			change(&n)
		}
		return n
	}
	for name, test := range map[string]struct {
		client directory.CreateClient
		good   bool
	}{
		"code":                {web(nil, "code"), true},
		"with a code":         {web(nil, "code id_token"), true},
		"both, and code":      {web(nil, "code", "code id_token", "id_token"), true},
		"a single page":       {web(func(n *directory.CreateClient) { n.Kind = storage.ClientSPA }, "id_token"), true},
		"an access token":     {web(nil, "token"), false},
		"everything":          {web(nil, "code id_token token"), false},
		"another order":       {web(nil, "id_token code"), false},
		"nothing":             {web(nil, ""), false},
		"an app on a device":  {web(func(n *directory.CreateClient) { n.Kind = storage.ClientNative }, "id_token"), false},
		"http on the machine": {web(func(n *directory.CreateClient) { n.RedirectURIs = append(n.RedirectURIs, "http://localhost/cb") }, "id_token"), false},
		"under a profile": {web(func(n *directory.CreateClient) {
			n.AuthMethod, n.Metadata.TLSSubjectDNS, n.Metadata.Profile = storage.AuthMethodTLS, "old.example", storage.ProfileFAPI2
		}, "code id_token"), false},
		"code alone under a profile": {web(func(n *directory.CreateClient) {
			n.AuthMethod, n.Metadata.TLSSubjectDNS, n.Metadata.Profile = storage.AuthMethodTLS, "old.example", storage.ProfileFAPI2
		}, "code"), true},
	} {
		_, _, err := v.CreateClient(ctx, host, test.client)
		var wrong *directory.InvalidError
		if test.good && err != nil || !test.good && (!errors.As(err, &wrong) || wrong.Field != "response_types") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
