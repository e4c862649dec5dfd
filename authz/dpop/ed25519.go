package dpop

import (
	"crypto/ed25519"
	"errors"

	"github.com/go-jose/go-jose/v4"
)

// Ed25519 is the name that RFC 9864 §2.2 gives to what was EdDSA with this curve
// before (RFC 8037 §3.1). go-jose knows the old name alone.
const Ed25519 jose.SignatureAlgorithm = "Ed25519"

// Verifier makes of a public key what go-jose verifies with, so that a key of
// Ed25519 serves under either name of its algorithm.
func Verifier(key any) any {
	if public, is := key.(ed25519.PublicKey); is {
		return ed25519Verifier(public)
	}
	return key
}

type ed25519Verifier ed25519.PublicKey

// VerifyPayload implements [jose.OpaqueVerifier].
func (v ed25519Verifier) VerifyPayload(payload, signature []byte, algorithm jose.SignatureAlgorithm) error {
	if algorithm != jose.EdDSA && algorithm != Ed25519 {
		return jose.ErrUnsupportedAlgorithm
	}
	if len(v) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(v), payload, signature) {
		return errors.New("the signature does not fit the key")
	}
	return nil
}
