package resource

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
)

func newCertificate(t testing.TB) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// What proxies write is believed of ours alone, and of ours nothing else.
func TestE12_ForwardedCertificate(t *testing.T) {
	t.Parallel()
	client, own := newCertificate(t), newCertificate(t)
	encoded := base64.StdEncoding.EncodeToString(client.Raw)
	armored := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: client.Raw})))
	read := ForwardedCertificate("Client-Cert", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	const proxy = "10.1.2.3:4711"
	for name, tt := range map[string]struct {
		from  string
		given []string
		shown *x509.Certificate
		want  *x509.Certificate
	}{
		"a byte sequence":              {proxy, []string{":" + encoded + ":"}, nil, client},
		"PEM":                          {proxy, []string{armored}, nil, client},
		"the inside of PEM":            {proxy, []string{encoded}, nil, client},
		"of a chain the first":         {proxy, []string{encoded + "," + base64.StdEncoding.EncodeToString(own.Raw)}, nil, client},
		"over the next protocol":       {"[::1]:4711", []string{encoded}, nil, client},
		"an address in the other form": {"[::ffff:10.1.2.3]:4711", []string{encoded}, nil, client},
		"the proxy shows its own":      {proxy, []string{encoded}, own, client},
		"the proxy shows only its own": {proxy, nil, own, nil},
		"twice":                        {proxy, []string{encoded, encoded}, own, nil},
		"nothing":                      {proxy, []string{""}, own, nil},
		"no certificate":               {proxy, []string{":MAAA:"}, own, nil},
		"from anybody":                 {"192.0.2.1:4711", []string{encoded}, nil, nil},
		"from anybody with their own":  {"192.0.2.1:4711", []string{encoded}, own, own},
		"from nowhere":                 {"", []string{encoded}, nil, nil},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["Client-Cert"] = tt.from, tt.given
		if tt.shown != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{tt.shown}}
		}
		if got := read(r); !got.Equal(tt.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParseForwardedCertificate(f *testing.F) {
	certificate := newCertificate(f)
	f.Add(":" + base64.StdEncoding.EncodeToString(certificate.Raw) + ":")
	f.Add(base64.StdEncoding.EncodeToString(certificate.Raw) + ",MAAA")
	f.Add(url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))))
	f.Add("-----BEGIN%20CERTIFICATE-----%0AMAA=%0A-----END%20CERTIFICATE-----")
	f.Add(":MAAA:")
	f.Add("%zz")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseForwardedCertificate(text)
		if (err == nil) != (c != nil && len(c.Raw) > 0) {
			t.Fatalf("%q: %v, %v", text, c, err)
		}
		if err != nil {
			return
		}
		again, err := ParseForwardedCertificate(":" + base64.StdEncoding.EncodeToString(c.Raw) + ":")
		if err != nil || !bytes.Equal(again.Raw, c.Raw) {
			t.Errorf("%q is another certificate when it is written again: %v", text, err)
		}
	})
}
