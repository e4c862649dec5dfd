package resource

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/gatehouse/gatehouse/authz"
)

// assertionLifetime is how long the word of a [ClientKey] counts: enough for clocks
// that differ a little, on the way to one request.
const assertionLifetime = time.Minute

// ClientKey is the private key of this resource server as a client, with which it
// proves itself instead of with a secret (private_key_jwt, RFC 7523 §2.2). Like
// [Secret] it prints as "[redacted]". The zero value is no key.
type ClientKey struct{ signer jose.Signer }

// ParseClientKey reads a private key: in PEM as PKCS #8, or as a JSON Web Key, whose
// kid goes into each assertion. P-256 signs with ES256, Ed25519 with EdDSA and RSA,
// of 2048 bits and more, with PS256.
func ParseClientKey(document []byte) (ClientKey, error) {
	key := jose.JSONWebKey{}
	if block, _ := pem.Decode(document); block != nil {
		private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			// What x509 says may quote the key.
			return ClientKey{}, errors.New("client key: the PEM block is no private key of PKCS #8")
		}
		key.Key = private
	} else if err := key.UnmarshalJSON(bytes.TrimSpace(document)); err != nil {
		return ClientKey{}, errors.New("client key: expected a private key, in PEM or as a JSON Web Key")
	}
	algorithm, err := algorithmOf(key.Key)
	if err != nil {
		return ClientKey{}, fmt.Errorf("client key: %w", err)
	}
	key.Algorithm, key.Use = "", ""
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return ClientKey{}, fmt.Errorf("client key: %w", err)
	}
	return ClientKey{signer: signer}, nil
}

func algorithmOf(key any) (jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return jose.ES256, nil
		}
	case ed25519.PrivateKey:
		return jose.EdDSA, nil
	case *rsa.PrivateKey:
		if k.N.BitLen() >= 2048 {
			return jose.PS256, nil
		}
	}
	return "", errors.New("expected a private key of P-256, Ed25519 or RSA with at least 2048 bits")
}

// String is "[redacted]".
func (ClientKey) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (ClientKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (ClientKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is "[redacted]".
func (ClientKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// IsZero reports whether there is no key.
func (k ClientKey) IsZero() bool { return k.signer == nil }

// Assertion is the word of a client to its issuer that it is itself, for one request
// to be sent at once.
func (k ClientKey) Assertion(id authz.ClientID, issuer string, now time.Time) (string, error) {
	payload, err := json.Marshal(map[string]any{
		"iss": id, "sub": id, "aud": issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("encode assertion: %w", err)
	}
	signed, err := k.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	return signed.CompactSerialize()
}
