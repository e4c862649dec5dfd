package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/cmd/internal/guard"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func inHeader(c tls.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":"
}

// A token that is bound to a certificate is worth something with it alone: shown in the
// handshake, or passed on by a proxy that is trusted.
func TestC17_CertificatesAtTheGuard(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) {
		c.TrustedProxies, c.ClientCertificateHeader = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "Client-Cert"
	})
	h.World.Exec(`insert into platform.resources (identifier, name, scopes, created_at) values ($1, 'Agents', '{user,agents:read}', now())`, audience)
	h.Machine("agents-guard", func(c *storage.Client) { c.Introspect = true })
	h.Machine("robot", func(c *storage.Client) {
		c.Scopes, c.Metadata.TLSBound = []authz.Pattern{"agents:read", "user"}, true
	})
	own, other := newCertificate(t), newCertificate(t)
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {audience}, "scope": {"agents:read user"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Client-Cert", inHeader(own))
	r.SetBasicAuth("robot", webtest.ClientSecret)
	token := h.Send(r).Text("access_token")
	if token == "" {
		t.Fatal("no token")
	}
	s := newService(t)
	const trusting = "client_certificate_header: Client-Cert\ntrusted_proxies: [127.0.0.1]\n"
	const another = "client_certificate_header: Client-Cert\ntrusted_proxies: [10.0.0.0/8]\n"
	upstream := "upstream: " + s.URL + "\n"
	asked := "forward_auth: true\n"
	for name, tt := range map[string]struct {
		lines  string
		shown  *tls.Certificate
		header string
		status int
	}{
		"in the handshake":                  {upstream, &own, "", 200},
		"another in the handshake":          {upstream, &other, "", 401},
		"none":                              {upstream, nil, "", 401},
		"written by anybody":                {upstream, nil, inHeader(own), 401},
		"written beside another":            {upstream + another, &other, inHeader(own), 401},
		"written to who trusts another":     {upstream + another, nil, inHeader(own), 401},
		"passed on":                         {upstream + trusting, nil, inHeader(own), 200},
		"another passed on":                 {upstream + trusting, &own, inHeader(other), 401},
		"of who asks":                       {asked, &own, "", 401},
		"of who asks, who may pass it on":   {asked + trusting, &own, "", 401},
		"passed on by who asks":             {asked + trusting, &other, inHeader(own), 200},
		"passed on by who asks and may not": {asked + another, nil, inHeader(own), 401},
	} {
		server := httptest.NewUnstartedServer(open(t, h, tt.lines+routes))
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		server.StartTLS()
		client := server.Client()
		if tt.shown != nil {
			client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{*tt.shown}
		}
		at := "/agents"
		if strings.HasPrefix(tt.lines, asked) {
			at = "/"
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+at, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-Forwarded-Method", "GET")
		r.Header.Set("X-Forwarded-Uri", "/agents")
		if tt.header != "" {
			r.Header.Set("Client-Cert", tt.header)
		}
		a, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = a.Body.Close()
		if a.StatusCode != tt.status {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
		if tt.lines == upstream+trusting && a.StatusCode == http.StatusOK && s.last.Header["Client-Cert"] != nil {
			t.Errorf("%s: the header went on to the service", name)
		}
		server.Close()
	}
}

func TestParseConfig_Certificates(t *testing.T) {
	const good = "issuer: https://id.example\naudience: https://api.example\ncheck: signature\nroutes: [{path: /, security: [{}]}]\n"
	for lines, want := range map[string]string{
		"upstream: http://s\ntls: {cert_file: a}\n":                                                "tls: expected both",
		"forward_auth: true\ntls: {cert_file: a, key_file: b, ask_clients: true}\n":                "passes it on",
		"upstream: http://s\nclient_certificate_header: X\n":                                       "nobody else is believed",
		"upstream: http://s\ntrusted_proxies: [10.0.0.1]\n":                                        "",
		"upstream: http://s\nclient_certificate_header: X\ntrusted_proxies: [nowhere]\n":           "expected an address or a network",
		"upstream: http://s\nclient_certificate_header: X\ntrusted_proxies: [\"::/0\"]\n":          "that is everybody",
		"upstream: http://s\nclient_certificate_header: X\ntrusted_proxies: [\"::1\", 10.0.0.0/8]": "",
	} {
		_, err := guard.ParseConfig(strings.NewReader(good + lines))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", lines, err)
		}
	}
}
