package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Algorithm is a JWS algorithm by its registered name (RFC 7518 §3.1).
type Algorithm string

// The algorithms that every deployment has keys for.
const (
	ES256 Algorithm = "ES256"
	RS256 Algorithm = "RS256"
)

// Algorithms lists them, the preferred one first.
func Algorithms() []Algorithm {
	names := make([]Algorithm, len(schemes))
	for i, s := range schemes {
		names[i] = s.algorithm
	}
	return names
}

// scheme is all that an algorithm must bring along; a new one is a new row.
type scheme struct {
	algorithm Algorithm
	generate  func() (crypto.Signer, error)
	// sign and verify take the JWS signing input, not its digest: EdDSA has none.
	sign   func(private crypto.Signer, input []byte) ([]byte, error)
	verify func(public crypto.PublicKey, input, signature []byte) bool
	// length is how many bytes a signature has.
	length int
}

var schemes = []*scheme{
	{algorithm: ES256, generate: generateES256, sign: signES256, verify: verifyES256, length: 64},
	{algorithm: RS256, generate: generateRS256, sign: signRS256, verify: verifyRS256, length: 256},
}

func schemeOf(name string) (*scheme, error) {
	for _, s := range schemes {
		if string(s.algorithm) == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("unknown signature algorithm %q", name)
}

func generateES256() (crypto.Signer, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// signES256 draws its nonce from key and input (RFC 6979), as RFC 8725 §3.2 recommends: no
// weak random number can give the key away, and it costs a sixth less. It writes r and s as two
// numbers of 32 bytes (RFC 7518 §3.4), where crypto/ecdsa alone writes ASN.1.
func signES256(private crypto.Signer, input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	encoded, err := private.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var pair cryptobyte.String
	var r, s []byte
	if whole := cryptobyte.String(encoded); !whole.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1Integer(&r) || !pair.ReadASN1Integer(&s) {
		return nil, errors.New("crypto/ecdsa wrote no pair of numbers")
	}
	signature := make([]byte, 64)
	copy(signature[32-len(r):], r)
	copy(signature[64-len(s):], s)
	return signature, nil
}

func verifyES256(public crypto.PublicKey, input, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	digest := sha256.Sum256(input)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(public.(*ecdsa.PublicKey), digest[:], r, s)
}

func generateRS256() (crypto.Signer, error) {
	return rsa.GenerateKey(rand.Reader, 2048)
}

func signRS256(private crypto.Signer, input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	return rsa.SignPKCS1v15(nil, private.(*rsa.PrivateKey), crypto.SHA256, digest[:])
}

func verifyRS256(public crypto.PublicKey, input, signature []byte) bool {
	digest := sha256.Sum256(input)
	return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA256, digest[:], signature) == nil
}
