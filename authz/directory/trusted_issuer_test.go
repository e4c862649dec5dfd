package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// idp is an issuer that vouches for people, for these scopes.
func idp(scopes ...authz.Pattern) storage.TrustedIssuer {
	return storage.TrustedIssuer{
		VouchesFor: storage.VouchesForPeople, Issuer: "https://idp.example", Subject: storage.SubjectEmail, Scopes: scopes, JWKSURI: "https://idp.example/jwks",
	}
}

func TestTrustedIssuers(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	mine, err := v.AddTrustedIssuer(ctx, host, idp("openid"), "acme", false)
	v.must(err)
	all, err := v.AddTrustedIssuer(ctx, host, idp("openid"), "", true)
	v.must(err)
	software := storage.TrustedIssuer{VouchesFor: storage.VouchesForSoftware, Issuer: "https://idp.example", JWKS: []byte(publicKeys), Algorithms: []string{"ES256"}}
	_, err = v.AddTrustedIssuer(ctx, host, software, "acme", false)
	v.must(err)
	if mine.Tenant != v.acme.ID || !all.Tenant.IsZero() {
		t.Errorf("trusted by %v and %v", mine.Tenant, all.Tenant)
	}
	if _, err := v.AddTrustedIssuer(ctx, host, idp("profile"), "acme", false); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("trusted twice: %v", err)
	}
	page, err := v.TrustedIssuers(ctx, host, "acme", directory.Paging{Limit: 1})
	v.must(err)
	rest, err := v.TrustedIssuers(ctx, host, "acme", directory.Paging{Cursor: page.Next})
	v.must(err)
	// Both are of one instant, so either may come first.
	listed := append(page.Items, rest.Items...)
	slices.SortFunc(listed, func(a, b storage.TrustedIssuer) int {
		return strings.Compare(string(a.VouchesFor), string(b.VouchesFor))
	})
	if len(page.Items) != 1 || len(listed) != 2 || listed[0].ID != mine.ID || !slices.Equal(listed[1].Algorithms, software.Algorithms) || len(listed[1].JWKS) == 0 {
		t.Errorf("listed: %v", listed)
	}
	v.must(v.RemoveTrustedIssuer(ctx, host, mine.ID))
	if _, err := v.TrustedIssuer(ctx, host, mine.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("after its end: %v", err)
	}
}

func TestAddTrustedIssuer_Refuses(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	for name, tt := range map[string]struct {
		spoil func(*storage.TrustedIssuer)
		field string
	}{
		"with nothing":                   {func(i *storage.TrustedIssuer) { i.VouchesFor = "" }, "vouches_for"},
		"no issuer":                      {func(i *storage.TrustedIssuer) { i.Issuer = "" }, "issuer"},
		"an issuer with a space":         {func(i *storage.TrustedIssuer) { i.Issuer = "https://idp.example/ " }, "issuer"},
		"a long one":                     {func(i *storage.TrustedIssuer) { i.Issuer = strings.Repeat("x", 2049) }, "issuer"},
		"no subject":                     {func(i *storage.TrustedIssuer) { i.Subject = "" }, "subject"},
		"an unknown subject":             {func(i *storage.TrustedIssuer) { i.Subject = "phone" }, "subject"},
		"no scopes":                      {func(i *storage.TrustedIssuer) { i.Scopes = nil }, "scopes"},
		"a malformed scope":              {func(i *storage.TrustedIssuer) { i.Scopes = []authz.Pattern{"a*b"} }, "scopes"},
		"software with people's subject": {func(i *storage.TrustedIssuer) { i.VouchesFor, i.Scopes = storage.VouchesForSoftware, nil }, "subject"},
		"software with scopes":           {func(i *storage.TrustedIssuer) { i.VouchesFor, i.Subject = storage.VouchesForSoftware, "" }, "subject"},
		"no keys":                        {func(i *storage.TrustedIssuer) { i.JWKSURI = "" }, "jwks"},
		"keys twice":                     {func(i *storage.TrustedIssuer) { i.JWKS = []byte(publicKeys) }, "jwks_uri"},
		"keys by http":                   {func(i *storage.TrustedIssuer) { i.JWKSURI = "http://idp.example/jwks" }, "jwks_uri"},
		"a shared key": {func(i *storage.TrustedIssuer) {
			i.JWKSURI, i.JWKS = "", []byte(`{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}`)
		}, "jwks"},
		"C1: none":  {func(i *storage.TrustedIssuer) { i.Algorithms = []string{"none"} }, "algorithms"},
		"C2: HS256": {func(i *storage.TrustedIssuer) { i.Algorithms = []string{"ES256", "HS256"} }, "algorithms"},
	} {
		i := idp("openid")
		tt.spoil(&i)
		_, err := v.AddTrustedIssuer(t.Context(), host, i, "acme", false)
		var invalid *directory.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != tt.field {
			t.Errorf("%s: %v; want a refusal of %s", name, err, tt.field)
		}
	}
}

// A client is registered for the issuers whose assertions it takes, and so for the grant.
func TestCreateClient_TakesAssertions(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	n := directory.CreateClient{Name: "Bridge", Kind: storage.ClientService, OpenTo: storage.OpenToTenant, Metadata: storage.ClientMetadata{TakesAssertionsOf: []string{"https://idp.example"}}}
	c, _, err := v.CreateClient(t.Context(), host, n)
	if err != nil || !c.Allows(storage.GrantJWTBearer) || !c.Allows(storage.GrantClientCredentials) {
		t.Errorf("%v, %v", c.GrantTypes, err)
	}
	c, err = v.UpdateClient(t.Context(), host, c.ID, directory.ClientChange{Metadata: &storage.ClientMetadata{}, OpenTo: pointer(storage.OpenToNobody)})
	if err != nil || c.Allows(storage.GrantJWTBearer) {
		t.Errorf("without issuers: %v, %v", c.GrantTypes, err)
	}
	for name, spoil := range map[string]func(*directory.CreateClient){
		"a public client": func(n *directory.CreateClient) {
			n.Kind, n.RedirectURIs = storage.ClientSPA, []string{"https://shop.example/cb"}
		},
		"too many":     func(n *directory.CreateClient) { n.Metadata.TakesAssertionsOf = make([]string, 33) },
		"an empty one": func(n *directory.CreateClient) { n.Metadata.TakesAssertionsOf = []string{""} },
	} {
		n := n
		spoil(&n)
		_, _, err := v.CreateClient(t.Context(), host, n)
		var invalid *directory.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "takes_assertions_of" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
