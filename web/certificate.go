package web

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// clientCertificates are those that the caller has proven to hold the key of: in
// the handshake of this very connection or, in a header, in the one with a proxy
// that is trusted. The header of anybody else is not looked at.
func (s *Server) clientCertificates(r *http.Request) []*x509.Certificate {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates
	}
	given := ""
	if s.ClientCertificateHeader != "" {
		given = r.Header.Get(s.ClientCertificateHeader)
	}
	if given == "" || !s.fromTrustedProxy(r) {
		return nil
	}
	certificate, err := parseCertificate(given)
	if err != nil {
		return nil
	}
	return []*x509.Certificate{certificate}
}

func (s *Server) fromTrustedProxy(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	peer, err := netip.ParseAddr(host)
	return err == nil && isTrusted(peer.Unmap().WithZone(""), s.TrustedProxies)
}

// parseCertificate reads the two forms that proxies write: a byte sequence of RFC
// 9440 (Client-Cert), and PEM with its special characters encoded (nginx).
func parseCertificate(text string) (*x509.Certificate, error) {
	if inner, found := strings.CutPrefix(text, ":"); found {
		der, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(inner, ":"))
		if err != nil {
			return nil, err
		}
		return x509.ParseCertificate(der)
	}
	plain, err := url.PathUnescape(text)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(plain))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("not a certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
