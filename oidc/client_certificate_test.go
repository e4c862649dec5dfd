package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
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

// certificate is one with its key.
type certificate struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// newCertificate is issued by an authority, or by itself when that is nil.
func newCertificate(t *testing.T, by *certificate, change func(*x509.Certificate)) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &certificate{&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client", Organization: []string{"Acme"}}, DNSNames: []string{"client.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}, key}
	if change != nil {
		change(c.Certificate)
	}
	if by == nil {
		by = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c.Certificate, by.Certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	if c.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

func authority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage, c.ExtKeyUsage, c.DNSNames = true, x509.KeyUsageCertSign, nil, nil
}

func (c *certificate) thumbprint() string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// header is the certificate as the proxy in front passes it on.
func (c *certificate) header() string { return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":" }

// post calls an endpoint as the proxy in front does, with a certificate in its header.
func (c *certificate) post(h *webtest.House, path, client, authorization string, form url.Values) webtest.Answer {
	h.T.Helper()
	if client != "" {
		form = url.Values(mergeForm(form, "client_id", client))
	}
	r, err := http.NewRequestWithContext(h.T.Context(), http.MethodPost, h.Socket()+path, strings.NewReader(form.Encode()))
	if err != nil {
		h.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c != nil {
		r.Header.Set("Client-Cert", c.header())
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return h.Send(r)
}

func mergeForm(form url.Values, name, value string) map[string][]string {
	merged := map[string][]string{name: {value}}
	for n, v := range form {
		merged[n] = v
	}
	return merged
}

var loopback = netip.MustParsePrefix("127.0.0.0/8")

func withCertificates(t *testing.T, root *certificate) *webtest.House {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(root.Certificate)
	return newHouse(t, func(c *web.Config, _ *postgres.Options) {
		c.TrustedProxies, c.ClientCertificateHeader, c.ClientAuthorities = []netip.Prefix{loopback}, "Client-Cert", pool
		c.MutualTLS = "https://mtls.example"
	})
}

// RFC 8705 §2.1: of an authority that is known, and with the name that is registered.
func TestTLSClientAuth(t *testing.T) {
	t.Parallel()
	root := newCertificate(t, nil, authority)
	stranger := newCertificate(t, nil, authority)
	h := withCertificates(t, root)
	good := newCertificate(t, root, nil)
	for id, set := range map[string]func(*storage.ClientMetadata){
		"by-dn":  func(m *storage.ClientMetadata) { m.TLSSubjectDN = "CN=client,O=Acme" },
		"by-dns": func(m *storage.ClientMetadata) { m.TLSSubjectDNS = "client.example" },
	} {
		h.Machine(id, func(c *storage.Client) {
			c.AuthMethod = storage.AuthMethodTLS
			set(&c.Metadata)
		})
		ask := func(c *certificate) webtest.Answer {
			return c.post(h, "/oauth2/token", id, "", url.Values{"grant_type": {"client_credentials"}})
		}
		mustGrant(t, id, ask(good))
		for name, c := range map[string]*certificate{
			"none":            nil,
			"of a stranger":   newCertificate(t, stranger, nil),
			"self-made":       newCertificate(t, nil, nil),
			"expired":         newCertificate(t, root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
			"of another name": newCertificate(t, root, func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "other", []string{"other.example"} }),
			"for servers":     newCertificate(t, root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		} {
			mustRefuse(t, id+": "+name, ask(c), http.StatusUnauthorized, "invalid_client")
		}
	}
	// A client that is registered for a secret is not proven by a certificate.
	mustRefuse(t, "another method", good.post(h, "/oauth2/token", "rs", "", url.Values{"grant_type": {"client_credentials"}}), http.StatusUnauthorized, "invalid_client")
	if d := document(t, h); d["mtls_endpoint_aliases"].(map[string]any)["token_endpoint"] != "https://mtls.example/oauth2/token" || d["tls_client_certificate_bound_access_tokens"] != true {
		t.Errorf("discovery says %v", d["mtls_endpoint_aliases"])
	}
}

// RFC 8705 §2.2: a certificate that the client made itself, with a registered key.
func TestSelfSignedTLSClientAuth(t *testing.T) {
	t.Parallel()
	h := withCertificates(t, newCertificate(t, nil, authority))
	own, other := newCertificate(t, nil, nil), newCertificate(t, nil, nil)
	old := newCertificate(t, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: own.PublicKey, KeyID: "1"}, {Key: old.PublicKey, KeyID: "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	h.Machine("self", func(c *storage.Client) { c.AuthMethod, c.JWKS = storage.AuthMethodSelfSignedTLS, set })
	form := url.Values{"grant_type": {"client_credentials"}}
	mustGrant(t, "own", own.post(h, "/oauth2/token", "self", "", form))
	mustRefuse(t, "another", other.post(h, "/oauth2/token", "self", "", form), http.StatusUnauthorized, "invalid_client")
	mustRefuse(t, "expired", old.post(h, "/oauth2/token", "self", "", form), http.StatusUnauthorized, "invalid_client")
}

// E12: whoever is no trusted proxy can write what they like into the header.
func TestE12_CertificateHeaderOfAnybody(t *testing.T) {
	t.Parallel()
	root := newCertificate(t, nil, authority)
	trusting := withCertificates(t, root)
	good := newCertificate(t, root, nil)
	trusting.Machine("by-dns", func(c *storage.Client) {
		c.AuthMethod, c.Metadata.TLSSubjectDNS = storage.AuthMethodTLS, "client.example"
	})
	form := url.Values{"grant_type": {"client_credentials"}}
	mustGrant(t, "a trusted proxy", good.post(trusting, "/oauth2/token", "by-dns", "", form))
	pool := x509.NewCertPool()
	pool.AddCert(root.Certificate)
	for name, option := range map[string]webtest.Option{
		"no proxy is trusted": func(c *web.Config, _ *postgres.Options) {
			c.ClientCertificateHeader, c.ClientAuthorities = "Client-Cert", pool
		},
		"another proxy is": func(c *web.Config, _ *postgres.Options) {
			c.ClientCertificateHeader, c.ClientAuthorities, c.TrustedProxies = "Client-Cert", pool, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		},
		"no header is named": func(c *web.Config, _ *postgres.Options) {
			c.ClientAuthorities, c.TrustedProxies = pool, []netip.Prefix{loopback}
		},
	} {
		mustRefuse(t, name, good.post(trusting.Replica(option), "/oauth2/token", "by-dns", "", form), http.StatusUnauthorized, "invalid_client")
	}
	twice, err := http.NewRequestWithContext(t.Context(), http.MethodPost, trusting.Socket()+"/oauth2/token", strings.NewReader("grant_type=client_credentials&client_id=by-dns"))
	if err != nil {
		t.Fatal(err)
	}
	twice.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Client-Cert": {good.header(), newCertificate(t, nil, nil).header()}}
	mustRefuse(t, "a proxy that adds to what was sent", trusting.Send(twice), http.StatusUnauthorized, "invalid_client")
	// nginx writes PEM, with its special characters encoded.
	nginx := trusting.Replica(func(c *web.Config, _ *postgres.Options) {
		c.ClientCertificateHeader, c.ClientAuthorities, c.TrustedProxies = "X-SSL-Client-Cert", pool, []netip.Prefix{loopback}
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, nginx.Socket()+"/oauth2/token", strings.NewReader("grant_type=client_credentials&client_id=by-dns"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-SSL-Client-Cert", url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Raw}))))
	mustGrant(t, "nginx", nginx.Send(r))
}

// E12: a proxy that shows a certificate of its own when it comes to us shows nobody else's by it.
func TestE12_CertificateOfTheProxyItself(t *testing.T) {
	t.Parallel()
	root := newCertificate(t, nil, authority)
	h := withCertificates(t, root)
	good, proxys := newCertificate(t, root, nil), newCertificate(t, root, func(c *x509.Certificate) { c.DNSNames = []string{"proxy.example"} })
	for id, name := range map[string]string{"client": "client.example", "proxy": "proxy.example"} {
		h.Machine(id, func(c *storage.Client) { c.AuthMethod, c.Metadata.TLSSubjectDNS = storage.AuthMethodTLS, name })
	}
	for _, test := range []struct {
		id     string
		passed *certificate
		status int
	}{{"client", good, 200}, {"proxy", good, 401}, {"proxy", nil, 401}} {
		r := httptest.NewRequest(http.MethodPost, "/oauth2/token", strings.NewReader("grant_type=client_credentials&client_id="+test.id))
		r.RemoteAddr, r.TLS = "127.0.0.1:1", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{proxys.Certificate}}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if test.passed != nil {
			r.Header.Set("Client-Cert", test.passed.header())
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != test.status {
			t.Errorf("%s: %d %s, want %d", test.id, w.Code, w.Body, test.status)
		}
	}
}

// RFC 8705 §4: a public client proves nothing but the certificate, so that its refresh
// token is worth nothing without it.
func TestCertificateBoundTokens_OfPublicClients(t *testing.T) {
	t.Parallel()
	root := newCertificate(t, nil, authority)
	h := withCertificates(t, root)
	own, other := newCertificate(t, nil, nil), newCertificate(t, root, nil)
	h.Client("app", func(c *storage.Client) {
		c.Kind, c.AuthMethod, c.Metadata.TLSBound = storage.ClientNative, storage.AuthMethodNone, true
	})
	proof := webtest.NewProof()
	code := func() url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {h.Browser().Authorize(proof, "app", "ann", nil).Get("code")},
			"redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier}}
	}
	mustRefuse(t, "a code without a certificate", (*certificate)(nil).post(h, "/oauth2/token", "app", "", code()), http.StatusBadRequest, "invalid_request")
	a := mustGrant(t, "a code with one that it made itself", own.post(h, "/oauth2/token", "app", "", code()))
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}}
	mustRefuse(t, "another certificate", other.post(h, "/oauth2/token", "app", "", form), http.StatusBadRequest, "invalid_grant")
	mustRefuse(t, "no certificate", (*certificate)(nil).post(h, "/oauth2/token", "app", "", form), http.StatusBadRequest, "invalid_request")
	b := mustGrant(t, "its own", own.post(h, "/oauth2/token", "app", "", form))
	if cnf, _ := claimsOf(t, b.Text("access_token"))["cnf"].(map[string]any); cnf["x5t#S256"] != own.thumbprint() {
		t.Errorf("cnf is %v", cnf)
	}
}

// RFC 8705 §3: a bound token works with its certificate alone.
func TestCertificateBoundTokens(t *testing.T) {
	t.Parallel()
	root := newCertificate(t, nil, authority)
	h := withCertificates(t, root)
	own, other := newCertificate(t, root, nil), newCertificate(t, root, nil)
	h.Client("bound", func(c *storage.Client) {
		c.AuthMethod, c.Metadata.TLSSubjectDNS, c.Metadata.TLSBound = storage.AuthMethodTLS, "client.example", true
		c.Scopes = []authz.Pattern{"openid", "offline_access"}
	})
	proof := webtest.NewProof()
	code := h.Browser().Authorize(proof, "bound", "ann", url.Values{"scope": {"openid offline_access"}}).Get("code")
	a := mustGrant(t, "exchange", own.post(h, "/oauth2/token", "bound", "", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier},
	}))
	token := a.Text("access_token")
	if cnf, _ := claimsOf(t, token)["cnf"].(map[string]any); cnf["x5t#S256"] != own.thumbprint() || a.Text("token_type") != "Bearer" {
		t.Errorf("cnf is %v, token_type %q", cnf, a.Text("token_type"))
	}
	if i := h.Introspect("rs", token); i.JSON["cnf"].(map[string]any)["x5t#S256"] != own.thumbprint() {
		t.Errorf("introspection says %s", i.Raw)
	}
	for name, test := range map[string]struct {
		with   *certificate
		status int
	}{"its own": {own, 200}, "another": {other, 401}, "none": {nil, 401}} {
		if u := test.with.post(h, "/oauth2/userinfo", "", "Bearer "+token, url.Values{}); u.Status != test.status {
			t.Errorf("userinfo with %s: %d %s", name, u.Status, u.Raw)
		}
	}
}
