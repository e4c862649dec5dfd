package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const me = "/api/v1/me"

func TestC17_ProofsAtTheAPI(t *testing.T) {
	t.Parallel()
	h := withPublic(t)
	replica := h.Replica()
	k, thief := newHolder(t, h), newHolder(t, h)
	token := mustGrant(t, "exchange", k.exchange("spa", "", k.proof("POST", "/oauth2/token", "", nil), url.Values{"scope": {"openid user"}})).Text("access_token")
	once := k.proof("GET", me, token, nil)
	elsewhere := holder{k.assertionKey, t, replica}
	atUserInfo := k.proof("GET", "/oauth2/userinfo", token, nil)
	for _, test := range []struct {
		name, scheme, proof string
		by                  holder
		status              int
		code                string
	}{
		{"once", "DPoP", once, k, 200, ""},
		{"twice", "DPoP", once, k, 401, "invalid_dpop_proof"},
		{"twice, at another replica", "DPoP", once, elsewhere, 401, "invalid_dpop_proof"},
		{"with another proof", "DPoP", k.proof("GET", me, token, nil), elsewhere, 200, ""},
		{"stolen: as a bearer token", "Bearer", "", k, 401, "invalid_token"},
		{"without a proof", "DPoP", "", k, 401, "invalid_dpop_proof"},
		{"with another key", "DPoP", thief.proof("GET", me, token, nil), k, 401, "invalid_token"},
		{"for another address", "DPoP", atUserInfo, k, 401, "invalid_dpop_proof"},
	} {
		a := test.by.present(me, test.scheme, token, test.proof)
		if a.Status != test.status {
			t.Errorf("%s: %d %s", test.name, a.Status, a.Raw)
		}
		if got := a.Header.Get("WWW-Authenticate"); test.status == 401 &&
			(!strings.HasPrefix(got, `DPoP realm="gatehouse", error="`+test.code+`", scope="user", algs="`) || !strings.HasSuffix(got, `resource_metadata="`+h.URL+`/.well-known/oauth-protected-resource/api/v1"`)) {
			t.Errorf("%s: the challenge is %q", test.name, got)
		}
	}
}

// RFC 8705 §3: the certificate comes as it does to the other endpoints.
func TestC17_CertificatesAtTheAPI(t *testing.T) {
	t.Parallel()
	root := newCertificate(t, nil, authority)
	h := withCertificates(t, root)
	own, other := newCertificate(t, root, nil), newCertificate(t, root, nil)
	h.Client("bound", func(c *storage.Client) {
		c.AuthMethod, c.Metadata.TLSSubjectDNS, c.Metadata.TLSBound = storage.AuthMethodTLS, "client.example", true
		c.Scopes = []authz.Pattern{"openid", "user"}
	})
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "bound", "ann", url.Values{"scope": {"openid user"}}).Get("code")
	token := mustGrant(t, "exchange", own.post(h, "/oauth2/token", "bound", "", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier},
	})).Text("access_token")
	for name, test := range map[string]struct {
		with   *certificate
		status int
	}{"its own": {own, 200}, "another": {other, 401}, "none": {nil, 401}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Socket()+me, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if test.with != nil {
			r.Header.Set("Client-Cert", test.with.header())
		}
		if a := h.Send(r); a.Status != test.status {
			t.Errorf("with %s: %d %s", name, a.Status, a.Raw)
		}
	}
}

// RFC 9728: a client that knows nothing but the address of the API finds out from
// whom to get a token, asks for one by the API's own name, and it opens.
func TestTheAPIDescribesItself(t *testing.T) {
	t.Parallel()
	h := withResources(t)
	k := newHolder(t, h)
	none := k.present(me, "", "", "")
	challenges := none.Header.Values("WWW-Authenticate")
	described := h.URL + "/.well-known/oauth-protected-resource/api/v1"
	if none.Status != http.StatusUnauthorized || len(challenges) != 2 || !strings.HasPrefix(challenges[0], "Bearer ") || !strings.HasPrefix(challenges[1], "DPoP ") {
		t.Fatalf("%d %q", none.Status, challenges)
	}
	for _, challenge := range challenges {
		if !strings.Contains(challenge, `scope="user"`) || !strings.Contains(challenge, `resource_metadata="`+described+`"`) {
			t.Errorf("the challenge is %s", challenge)
		}
	}
	d := k.present("/.well-known/oauth-protected-resource/api/v1", "", "", "")
	scopes, _ := d.JSON["scopes_supported"].([]any)
	if d.Text("resource") != h.URL+"/api/v1" || !slices.Contains(scopes, any("users:manage")) || d.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("the document says %s", d.Raw)
	}
	if servers, _ := d.JSON["authorization_servers"].([]any); len(servers) != 1 || servers[0] != h.URL {
		t.Errorf("authorization servers: %v", servers)
	}
	ask := func(target string) webtest.Answer {
		proof := webtest.NewProof()
		code := h.Browser().Authorize(proof, "web", "ann", url.Values{"scope": {"user"}, "resource": {target}}).Get("code")
		return h.Exchange("web", code, proof)
	}
	a := ask(d.Text("resource"))
	mustBeFor(t, "for the API", a, "user", h.URL+"/api/v1")
	if got := k.present(me, "Bearer", a.Text("access_token"), ""); got.Status != http.StatusOK {
		t.Errorf("its own token: %d %s", got.Status, got.Raw)
	}
	if got := k.present(me, "Bearer", ask(agentsAPI).Text("access_token"), ""); got.Status != http.StatusUnauthorized {
		t.Errorf("a token for another resource: %d %s", got.Status, got.Raw)
	}
}
