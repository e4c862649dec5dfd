package resource

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// peerCertificate is the certificate that the client has proven to hold the key of
// in the handshake of this connection.
func peerCertificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// ForwardedCertificate is for [GuardConfig].Certificate behind proxies that end TLS: what
// they, and nobody else, pass on in a header that they set over whatever their clients
// sent. A certificate that a proxy itself shows is not its client's. Whoever comes by
// another way shows their own.
func ForwardedCertificate(header string, proxies []netip.Prefix) func(*http.Request) *x509.Certificate {
	return func(r *http.Request) *x509.Certificate {
		if !ComesFrom(r, proxies) {
			return peerCertificate(r)
		}
		given := r.Header.Values(header)
		if len(given) != 1 {
			return nil
		}
		certificate, err := ParseForwardedCertificate(given[0])
		if err != nil {
			return nil
		}
		return certificate
	}
}

// ComesFrom reports whether the peer of a request is in one of the networks.
func ComesFrom(r *http.Request, proxies []netip.Prefix) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	peer, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(peer.Unmap().WithZone("")) })
}

// ParseForwardedCertificate reads the forms in which proxies write the certificate of a
// client: a byte sequence of RFC 9440 (Client-Cert), PEM with its special characters
// encoded (nginx), and the text inside of PEM alone (Traefik), of which the first of
// several counts.
func ParseForwardedCertificate(text string) (*x509.Certificate, error) {
	encoded, sequence := strings.CutPrefix(text, ":")
	if sequence {
		encoded = strings.TrimSuffix(encoded, ":")
	} else {
		encoded, _, _ = strings.Cut(encoded, ",")
	}
	if der, err := base64.StdEncoding.DecodeString(encoded); err == nil || sequence {
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
