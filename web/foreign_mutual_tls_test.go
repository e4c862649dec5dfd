package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// newForeignCertificate is one of a client of its own making, with its key, in PEM.
func newForeignCertificate(t *testing.T) (certificate *x509.Certificate, inPEM, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bank"}, DNSNames: []string{"bank.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "bank"}}, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, inPEMOf("CERTIFICATE", der), inPEMOf("PRIVATE KEY", pkcs8)
}

func inPEMOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Certificates of clients by a client library that this project did not write, over a
// TLS listener of its own: at each endpoint that discovery names an alias for.
func TestForeign_MutualTLS(t *testing.T) {
	t.Parallel()
	var h *webtest.House
	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	listener.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	listener.StartTLS()
	t.Cleanup(listener.Close)
	certificate, inPEM, key := newForeignCertificate(t)
	authorities := x509.NewCertPool()
	authorities.AddCert(certificate)
	h = webtest.Boot(t, func(c *web.Config, _ *postgres.Options) {
		c.MutualTLS, c.ClientAuthorities = listener.URL, authorities
	})
	ann := h.User("ann").String()
	h.Client("bank", func(c *storage.Client) {
		c.AuthMethod, c.IDTokenAlg, c.Introspect = storage.AuthMethodTLS, "ES256", true
		c.Metadata.TLSSubjectDNS, c.Metadata.TLSBound = "bank.example", true
	})
	got := answered{}
	newPerson(t, h).serve("mutual-tls.mjs", map[string]any{
		"client_id": "bank", "certificate": inPEM, "key": key, "authority": inPEMOf("CERTIFICATE", listener.Certificate().Raw),
	}, &got)
	if got.at("userinfo", "sub") != ann || got.at("before", "active") != true || got.at("cnf", "x5t#S256") == nil || got.at("before", "cnf", "x5t#S256") != got.at("cnf", "x5t#S256") {
		t.Errorf("with its certificate: %v", got)
	}
	if got.at("refused") != "refused" || got.at("stranger") != "invalid_client" {
		t.Errorf("without it: %v", got)
	}
}
