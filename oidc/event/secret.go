package event

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

// secretPrefix is that of Standard Webhooks, by which scanners find a secret.
const secretPrefix = "whsec_"

// Secrets seals what must be known again to sign a message or to open a door. A sealed
// secret works for its own receiver alone.
type Secrets struct{ aead cipher.AEAD }

// NewSecrets derives the sealing key from the master secret.
func NewSecrets(master []byte) (Secrets, error) {
	key, err := hkdf.Key(sha256.New, master, nil, "gatehouse webhook secrets v1", 32)
	if err != nil {
		return Secrets{}, fmt.Errorf("derive key for webhook secrets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Secrets{}, fmt.Errorf("derive key for webhook secrets: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Secrets{aead}, err
}

// NewSecret is 256 random bits in the form of Standard Webhooks. It is shown once.
func NewSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand, Go 1.24)
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// Seal closes a secret of one receiver.
func (s Secrets) Seal(id authz.WebhookID, secret string) []byte {
	return s.aead.Seal(nil, nil, []byte(secret), id[:])
}

func (s Secrets) open(id authz.WebhookID, sealed []byte) (string, error) {
	secret, err := s.aead.Open(nil, nil, sealed, id[:])
	if err != nil {
		return "", errors.New("open webhook secret: it was sealed under another master secret, or altered")
	}
	return string(secret), nil
}

// signingKey is the bytes that a secret stands for.
func signingKey(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return nil, errors.New("read webhook secret: it is not one of ours")
	}
	return key, nil
}
