package guard

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

const (
	// assertionHeader carries the assertion to the service.
	assertionHeader = prefix + "Assertion"
	// assertionType keeps the assertion from being taken for a token of another kind
	// (RFC 8725 §3.11).
	assertionType = "gatehouse-assertion+jwt"
	// assertionLifetime covers the way to the service.
	assertionLifetime = 30 * time.Second
)

// signer tells the service who is asking in a way that counts wherever the request
// came along.
type signer struct {
	issuer, audience string
	signer           jose.Signer
	// published is the key set.
	published []byte
}

func (a *Assertion) open(c Config) (*signer, error) {
	made := &signer{issuer: c.Audience, audience: cmp.Or(a.Audience, c.Upstream)}
	var set jose.JSONWebKeySet
	for i, file := range a.KeyFiles {
		private, err := readKey(file)
		if err != nil {
			return nil, err
		}
		key := jose.JSONWebKey{Key: private, Algorithm: string(jose.ES256), Use: "sig"}
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, fmt.Errorf("assertion key: %w", err)
		}
		key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
		set.Keys = append(set.Keys, key.Public())
		if i > 0 {
			continue
		}
		made.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(assertionType))
		if err != nil {
			return nil, fmt.Errorf("assertion key: %w", err)
		}
	}
	var err error
	if made.published, err = json.Marshal(set); err != nil {
		return nil, fmt.Errorf("encode assertion keys: %w", err)
	}
	return made, nil
}

func readKey(file string) (*ecdsa.PrivateKey, error) {
	document, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read assertion key: %w", err)
	}
	block, _ := pem.Decode(document)
	if block != nil {
		// What x509 says may quote the key.
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, is := parsed.(*ecdsa.PrivateKey); is && key.Curve == elliptic.P256() {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("read assertion key: %s: expected a private key of P-256 in PEM (openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)", file)
}

// assert is the assertion of who asks, at the instant now.
func (s *signer) assert(p *resource.Principal, now time.Time) (string, error) {
	claims := struct {
		Issuer    string         `json:"iss"`
		Audience  string         `json:"aud"`
		ID        string         `json:"jti"`
		IssuedAt  int64          `json:"iat"`
		ExpiresAt int64          `json:"exp"`
		Subject   string         `json:"sub"`
		ClientID  authz.ClientID `json:"client_id"`
		Tenant    string         `json:"tenant_id,omitempty"`
		Scope     string         `json:"scope"`
		Roles     []string       `json:"roles,omitempty"`
		Groups    []string       `json:"groups,omitempty"`
		ACR       authz.ACR      `json:"acr,omitempty"`
		AMR       []string       `json:"amr,omitempty"`
		AuthTime  int64          `json:"auth_time,omitempty"`
	}{
		Issuer: s.issuer, Audience: s.audience, ID: rand.Text(), IssuedAt: now.Unix(), ExpiresAt: now.Add(assertionLifetime).Unix(),
		Subject: p.Subject, ClientID: p.ClientID, Scope: p.Scopes.String(), Roles: p.Roles, Groups: p.Groups, ACR: p.ACR, AMR: p.AMR,
	}
	if !p.Tenant.IsZero() {
		claims.Tenant = p.Tenant.String()
	}
	if !p.AuthTime.IsZero() {
		claims.AuthTime = p.AuthTime.Unix()
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode assertion: %w", err)
	}
	signed, err := s.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	return signed.CompactSerialize()
}

// ServeHTTP answers with the public keys.
func (s *signer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	// The client is gone when this fails.
	_, _ = w.Write(s.published)
}
