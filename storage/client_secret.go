package storage

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// ClientSecretPrefix lets secret scanners find a client secret.
const ClientSecretPrefix = "gth_cs_"

// ClientSecretPepper is the key under which client secrets are digested, derived
// from the master secret.
func ClientSecretPepper(master []byte) ([]byte, error) {
	pepper, err := hkdf.Key(sha256.New, master, nil, "gatehouse client secret pepper", 32)
	if err != nil {
		return nil, fmt.Errorf("derive client secret pepper: %w", err)
	}
	return pepper, nil
}

// NewSecret makes a secret of 256 random bits behind a prefix by which secret scanners
// find it.
func NewSecret(prefix string) string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand, Go 1.24)
	return prefix + base64.RawURLEncoding.EncodeToString(secret)
}

// HashClientSecret is what is kept of a client secret. One keyed hash is enough:
// 256 random bits cannot be guessed, and a slow hash at every token request would let
// anybody keep the processors busy.
func HashClientSecret(pepper []byte, secret string) []byte {
	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte(secret))
	return mac.Sum(nil)
}
