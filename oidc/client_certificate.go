package oidc

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage"
)

type certificateKey struct{}

// WithCertificates keeps the certificates that a client has proven to hold the key
// of, its own first (RFC 8705). Whoever calls it has seen the proof: in the TLS
// handshake, or by the word of a proxy that is trusted.
func WithCertificates(ctx context.Context, chain []*x509.Certificate) context.Context {
	return context.WithValue(ctx, certificateKey{}, chain)
}

func certificatesFrom(ctx context.Context) []*x509.Certificate {
	chain, _ := ctx.Value(certificateKey{}).([]*x509.Certificate)
	return chain
}

// certificateThumbprint is the x5t#S256 of the request's certificate (RFC 8705
// §3.1), "" without one.
func certificateThumbprint(r *http.Request) string {
	own := Certificate(r)
	if own == nil {
		return ""
	}
	return resource.CertificateThumbprint(own)
}

// Certificate is the one that the client of a request has proven to hold the key
// of, nil without one.
func Certificate(r *http.Request) *x509.Certificate {
	chain := certificatesFrom(r.Context())
	if len(chain) == 0 {
		return nil
	}
	return chain[0]
}

// certificateFits proves a client by its certificate: one of an authority that the
// operator named and with the registered name (RFC 8705 §2.1), or one that it made
// itself, with a key that it has registered (§2.2).
func (p *Provider) certificateFits(ctx context.Context, c *storage.Client) bool {
	chain := certificatesFrom(ctx)
	if len(chain) == 0 {
		return false
	}
	now := p.Now()
	if c.AuthMethod == storage.AuthMethodTLS {
		return p.issuedByAuthority(chain, now) && hasName(c.Metadata, chain[0])
	}
	if now.Before(chain[0].NotBefore) || now.After(chain[0].NotAfter) {
		return false
	}
	set, err := p.keySet(ctx, keysOf(c))
	if err != nil {
		p.Log.InfoContext(ctx, "the keys of a client cannot be had", "client_id", c.ID, "cause", err)
		return false
	}
	presented, err := x509.MarshalPKIXPublicKey(chain[0].PublicKey)
	if err != nil {
		return false
	}
	for _, key := range set.Keys {
		registered, err := x509.MarshalPKIXPublicKey(key.Key)
		if err == nil && subtle.ConstantTimeCompare(registered, presented) == 1 {
			return true
		}
	}
	return false
}

func (p *Provider) issuedByAuthority(chain []*x509.Certificate, now time.Time) bool {
	if p.ClientAuthorities == nil {
		return false
	}
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: p.ClientAuthorities, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

// hasName: the certificate carries the one name that is registered (RFC 8705 §2.1.2).
func hasName(m storage.ClientMetadata, c *x509.Certificate) bool {
	switch {
	case m.TLSSubjectDN != "":
		return c.Subject.String() == m.TLSSubjectDN
	case m.TLSSubjectDNS != "":
		return slices.Contains(c.DNSNames, m.TLSSubjectDNS)
	case m.TLSSubjectEmail != "":
		return slices.Contains(c.EmailAddresses, m.TLSSubjectEmail)
	case m.TLSSubjectURI != "":
		return slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == m.TLSSubjectURI })
	case m.TLSSubjectIP != "":
		return slices.ContainsFunc(c.IPAddresses, func(ip net.IP) bool { return ip.String() == m.TLSSubjectIP })
	}
	return false
}
