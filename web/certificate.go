package web

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// clientCertificates are those that the caller has proven to hold the key of: in
// the handshake of this very connection or, in a header, in the one with a proxy
// that is trusted. The header of anybody else is not looked at, and neither is the
// certificate that such a proxy shows for itself, as [resource.ForwardedCertificate] has it.
func (s *Server) clientCertificates(r *http.Request) []*x509.Certificate {
	if s.ClientCertificateHeader == "" || !s.fromTrustedProxy(r) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			return nil
		}
		return r.TLS.PeerCertificates
	}
	// Of two, the proxy has added the one and somebody else has sent the other.
	given := r.Header.Values(s.ClientCertificateHeader)
	if len(given) != 1 {
		return nil
	}
	certificate, err := resource.ParseForwardedCertificate(given[0])
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
