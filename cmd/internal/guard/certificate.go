package guard

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"

	"github.com/gatehouse/gatehouse/authz/resource"
)

func (c Config) judgeCertificates(found *mistakes) {
	if t := c.TLS; t != nil {
		if t.CertFile == "" || t.KeyFile == "" {
			found.add("expected both cert_file and key_file", "tls")
		}
		if t.AskClients && c.ForwardAuth {
			found.add("clients show their certificate to the proxy that asks: it passes it on in client_certificate_header", "tls", "ask_clients")
		}
	}
	if c.ClientCertificateHeader != "" && len(c.TrustedProxies) == 0 {
		found.add("expected trusted_proxies too: nobody else is believed", "client_certificate_header")
	}
	for i, text := range c.TrustedProxies {
		if _, err := parseNetwork(text); err != nil {
			found.add(err.Error(), "trusted_proxies", i)
		}
	}
}

// parseNetwork reads a network, or an address alone.
func parseNetwork(text string) (netip.Prefix, error) {
	if alone, err := netip.ParseAddr(text); err == nil && alone.Zone() == "" {
		return netip.PrefixFrom(alone, alone.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return network, errors.New("expected an address or a network, as in 10.0.0.0/8")
	case network.Bits() == 0:
		return network, errors.New("that is everybody: name the networks of your proxies")
	}
	return network, nil
}

// proxies are the networks of those that are trusted.
func (c Config) proxies() (networks []netip.Prefix) {
	for _, text := range c.TrustedProxies {
		if network, err := parseNetwork(text); err == nil {
			networks = append(networks, network)
		}
	}
	return networks
}

// showsCertificates reports whether the guard sees those of clients.
func (c Config) showsCertificates() bool {
	return c.ClientCertificateHeader != "" || c.TLS != nil && c.TLS.AskClients
}

// certificate is how to find that of a client. The one that is shown by a proxy which asks
// about the requests of others is not theirs.
func (c Config) certificate() func(*http.Request) *x509.Certificate {
	switch {
	case c.ClientCertificateHeader == "" && c.ForwardAuth:
		return func(*http.Request) *x509.Certificate { return nil }
	case c.ClientCertificateHeader == "":
		return nil
	}
	forwarded := resource.ForwardedCertificate(c.ClientCertificateHeader, c.proxies())
	if !c.ForwardAuth {
		return forwarded
	}
	return func(r *http.Request) *x509.Certificate {
		asked := *r
		asked.TLS = nil
		return forwarded(&asked)
	}
}
