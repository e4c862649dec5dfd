package guard_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// tlsFront ends TLS by the documented lines of nginx or Caddy.
type tlsFront struct {
	name, certificate, key string
	trusted                *x509.CertPool
}

func newTLSFront(t *testing.T, name string) tlsFront {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate, which is for example.com
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	f := tlsFront{name, filepath.Join(t.TempDir(), "tls.pem"), filepath.Join(t.TempDir(), "tls.key"), x509.NewCertPool()}
	for file, block := range map[string]*pem.Block{f.certificate: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, f.key: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.trusted.AddCert(server.Certificate())
	return f
}

// lines is the documented file in front of a server, of which the first lines are those
// that end TLS.
func (f tlsFront) lines(t *testing.T, listen, behind string) (text string) {
	t.Helper()
	_, port, _ := strings.Cut(listen, ":")
	replace := map[string][]string{
		"nginx": {"listen 8443", "listen " + listen, "/etc/nginx/tls.pem", f.certificate, "/etc/nginx/tls.key", f.key},
		"caddy": {"https://api.example.com:8443", "https://example.com:" + port, "/etc/caddy/tls.pem", f.certificate, "/etc/caddy/tls.key", f.key},
	}[f.name]
	return documented(t, "Certificates of clients", languages[f.name], append(replace, "127.0.0.1:8088", hostOf(behind))...)
}

// asking is the documented file of a proxy that asks a guard, behind the lines that end TLS.
func (f tlsFront) asking(t *testing.T, listen, guarded, service string) string {
	t.Helper()
	tls := f.lines(t, listen, "127.0.0.1:1")
	if f.name == "nginx" {
		_, tls, _ = strings.Cut(tls, "server {\n")
		tls, _, _ = strings.Cut(tls, "\n\n")
		return strings.Replace(asking(t, f.name, listen, guarded, service), "    listen "+listen+";", tls, 1)
	}
	tls, _, _ = strings.Cut(tls, "\treverse_proxy")
	return strings.Replace(asking(t, f.name, listen, guarded, service), "http://"+listen+" {\n", tls, 1)
}

// client shows a certificate, or none.
func (f tlsFront) client(listen string, shown *tls.Certificate) *http.Client {
	config := &tls.Config{RootCAs: f.trusted, ServerName: "example.com"}
	if shown != nil {
		config.Certificates = []tls.Certificate{*shown}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

// Through nginx and Caddy, with the lines that are documented: a client proves itself to
// Gatehouse by its certificate, and its token passes a guard with that certificate alone.
// What a caller writes into the header is replaced or taken out.
func TestE12_C17_CertificatesBehindGateways(t *testing.T) {
	t.Parallel()
	own, other := newCertificate(t), newCertificate(t)
	parsed, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: parsed.PublicKey, KeyID: "own"}}})
	if err != nil {
		t.Fatal(err)
	}
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) {
		c.TrustedProxies, c.ClientCertificateHeader = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "Client-Cert"
	})
	h.World.Exec(`insert into platform.resources (identifier, name, scopes, created_at) values ($1, 'Agents', '{user,agents:read}', now())`, audience)
	h.Machine("agents-guard", func(c *storage.Client) { c.Introspect = true })
	h.Machine("robot", func(c *storage.Client) {
		c.AuthMethod, c.JWKS = storage.AuthMethodSelfSignedTLS, set
		c.Scopes, c.Metadata.TLSBound = []authz.Pattern{"agents:read", "user"}, true
	})
	const trusting = "client_certificate_header: Client-Cert\ntrusted_proxies: [127.0.0.1]\n"
	asked := httptest.NewServer(open(t, h, "forward_auth: true\n"+trusting+routes))
	t.Cleanup(asked.Close)
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})))
	ways := map[string]struct {
		shown  *tls.Certificate
		header http.Header
		in     bool
	}{
		"its own certificate":                {&own, nil, true},
		"none":                               {nil, nil, false},
		"another's":                          {&other, nil, false},
		"none, and a forged header":          {nil, http.Header{"Client-Cert": {inHeader(own)}}, false},
		"none, and one as nginx writes it":   {nil, http.Header{"Client-Cert": {escaped}}, false},
		"none, and one in small letters":     {nil, http.Header{"client-cert": {inHeader(own)}}, false},
		"none, and one with a low line":      {nil, http.Header{"Client_Cert": {inHeader(own)}}, false},
		"none, and two forged headers":       {nil, http.Header{"Client-Cert": {inHeader(own), inHeader(own)}}, false},
		"none, and one that the hop removes": {nil, http.Header{"Client-Cert": {inHeader(own)}, "Connection": {"close, Client-Cert"}}, false},
		"another's, and a forged header":     {&other, http.Header{"Client-Cert": {inHeader(own)}}, false},
		"its own, and a forged header":       {&own, http.Header{"Client-Cert": {inHeader(other)}}, true},
		"its own, and nothing in the header": {&own, http.Header{"Client-Cert": {""}}, true},
	}
	for name := range gateways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := newTLSFront(t, name), newService(t)
			guarded := start(t, h, s.URL, trusting)
			issuer, before, beside := webtest.FreeAddress(t), webtest.FreeAddress(t), webtest.FreeAddress(t)
			startGateway(t, name, issuer, f.lines(t, issuer, h.Socket()))
			startGateway(t, name, before, f.lines(t, before, guarded.URL))
			startGateway(t, name, beside, f.asking(t, beside, asked.URL, s.URL))
			send := func(listen, path, bearer string, form url.Values, shown *tls.Certificate, header http.Header) webtest.Answer {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listen+path, nil)
				if form != nil {
					r, err = http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+listen+path, strings.NewReader(form.Encode()))
				}
				if err != nil {
					t.Fatal(err)
				}
				for name, values := range header {
					r.Header[name] = values
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if bearer != "" {
					r.Header.Set("Authorization", "Bearer "+bearer)
				}
				r.Host = "example.com"
				if _, port, _ := strings.Cut(listen, ":"); name == "caddy" {
					r.Host += ":" + port
				}
				response, err := f.client(listen, shown).Do(r)
				if err != nil {
					t.Fatalf("%s: %v", listen, err)
				}
				defer func() { _ = response.Body.Close() }()
				a := webtest.Answer{Status: response.StatusCode}
				_ = json.NewDecoder(response.Body).Decode(&a.JSON)
				return a
			}
			ask := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "resource": {audience}, "scope": {"agents:read user"}}
			token := send(issuer, "/oauth2/token", "", ask, &own, nil).Text("access_token")
			if token == "" {
				t.Fatal("no token")
			}
			for what, way := range ways {
				if a := send(issuer, "/oauth2/token", "", ask, way.shown, way.header); (a.Status == http.StatusOK) != way.in || !way.in && a.Text("error") != "invalid_client" {
					t.Errorf("a token with %s: %d %v", what, a.Status, a.JSON)
				}
				for kind, listen := range map[string]string{"before the service": before, "beside the service": beside} {
					s.last = nil
					if a := send(listen, "/agents", token, nil, way.shown, way.header); way.in != (a.Status == http.StatusOK) || !way.in && a.Status != http.StatusUnauthorized {
						t.Errorf("the guard %s, with %s: %d", kind, what, a.Status)
					}
					switch {
					case (s.last != nil) != way.in:
						t.Errorf("the guard %s, with %s: reached the service: %v", kind, what, s.last != nil)
					case s.last != nil && s.last.Header["Client-Cert"] != nil:
						t.Errorf("the guard %s, with %s: the header went on", kind, what)
					}
				}
			}
		})
	}
}
