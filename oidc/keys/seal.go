package keys

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
)

// ErrSealBroken says that a stored key does not open under the configured
// secret. Its text tells the operator what to do.
var ErrSealBroken = errors.New("the stored signing keys were sealed under another secret, or were altered: " +
	"set GATEHOUSE_SECRET to the secret that this database was first started with; " +
	"if it is lost, delete every row of platform.signing_keys and start again, which ends all tokens issued so far")

const minSecretLength = 32

// sealer seals private keys with AES-256-GCM under a key that is derived from
// the master secret for this one purpose (HKDF, RFC 5869).
type sealer struct{ aead cipher.AEAD }

func newSealer(master []byte) (sealer, error) {
	if len(master) < minSecretLength {
		return sealer{}, fmt.Errorf("the secret has %d bytes, at least %d are needed", len(master), minSecretLength)
	}
	key, err := hkdf.Key(sha256.New, master, nil, "gatehouse signing keys v1", 32)
	if err != nil {
		return sealer{}, fmt.Errorf("derive sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("derive sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("derive sealing key: %w", err)
	}
	return sealer{aead}, nil
}

// seal returns nonce ‖ ciphertext ‖ tag of the key in PKCS #8 (RFC 5958).
func (s sealer) seal(private crypto.Signer, kid string, algorithm Algorithm) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return s.aead.Seal(nil, nil, der, bound(kid, algorithm)), nil
}

// open undoes seal. Its error is [ErrSealBroken], of which a wrong secret, an
// altered row and two rows that changed places cannot be told apart.
func (s sealer) open(sealed []byte, kid string, algorithm Algorithm) (crypto.Signer, error) {
	der, err := s.aead.Open(nil, nil, sealed, bound(kid, algorithm))
	if err != nil {
		return nil, fmt.Errorf("open signing key %s: %w", kid, ErrSealBroken)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("decode signing key %s: %w", kid, err)
	}
	return private.(crypto.Signer), nil
}

// bound is what the seal ties the key to: a sealed key works in no other row.
func bound(kid string, algorithm Algorithm) []byte {
	return []byte(kid + "\x00" + string(algorithm))
}
