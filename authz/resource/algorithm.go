package resource

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
)

// verifier checks the signature over a JWS signing input with one key under one
// algorithm.
type verifier func(input, signature []byte) bool

// verifiersOf is every algorithm that a public key may be used with, by its
// registered name (RFC 7518 §3.1, RFC 8037). The key decides, the token merely
// chooses from what is here: there is no HMAC to feed a public key to, no "none",
// and nothing at all for a key that is too weak or needlessly slow.
func verifiersOf(public any) map[string]verifier {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return map[string]verifier{"ES256": verifyES256(key)}
		}
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= 2048 && bits <= 4096 && key.E >= 65537 && key.E <= 1<<31-1 {
			return map[string]verifier{"RS256": verifyRS256(key), "PS256": verifyPS256(key)}
		}
	case ed25519.PublicKey:
		return map[string]verifier{"EdDSA": func(input, signature []byte) bool {
			return ed25519.Verify(key, input, signature)
		}}
	}
	return nil
}

// verifyES256 reads r and s as two numbers of 32 bytes (RFC 7518 §3.4).
func verifyES256(key *ecdsa.PublicKey) verifier {
	return func(input, signature []byte) bool {
		if len(signature) != 64 {
			return false
		}
		digest := sha256.Sum256(input)
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest[:], r, s)
	}
}

func verifyRS256(key *rsa.PublicKey) verifier {
	return func(input, signature []byte) bool {
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	}
}

// verifyPS256 wants a salt as long as the digest (RFC 7518 §3.5).
func verifyPS256(key *rsa.PublicKey) verifier {
	return func(input, signature []byte) bool {
		digest := sha256.Sum256(input)
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, options) == nil
	}
}
