package authn

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrExpired says that an answer belongs to no question that was asked in this
// browser a short while ago, or that the question has been answered already.
var ErrExpired = errors.New("this was begun too long ago, in another browser, or is done already")

// questionLifetime is how long a browser may take over one step.
const questionLifetime = 5 * time.Minute

// sealer seals with AES-256-GCM under a key that is derived from the master secret
// for one purpose (HKDF, RFC 5869).
type sealer struct{ aead cipher.AEAD }

func newSealer(master []byte, purpose string) (sealer, error) {
	key, err := hkdf.Key(sha256.New, master, nil, "gatehouse "+purpose, 32)
	if err != nil {
		return sealer{}, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("prepare cipher for %s: %w", purpose, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// question is a step that waits for its answer. It travels sealed through the
// browser that was asked: nothing is kept for anybody who has not signed in.
type question[T any] struct {
	// Browser is the digest of the cookie of the browser that was asked.
	Browser []byte    `json:"b"`
	AskedAt time.Time `json:"t"`
	Of      T         `json:"q"`
}

func ask[T any](s sealer, browser string, now time.Time, of T) (string, error) {
	plain, err := json.Marshal(question[T]{digest(browser), now, of})
	if err != nil {
		return "", fmt.Errorf("encode question: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, nil)), nil
}

// asked opens what ask has sealed, in the same browser and in time. Its error is
// [ErrExpired].
func asked[T any](s sealer, browser, text string, now time.Time) (T, error) {
	var q question[T]
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return q.Of, ErrExpired
	}
	plain, err := s.aead.Open(nil, nil, sealed, nil)
	if err != nil || json.Unmarshal(plain, &q) != nil ||
		browser == "" || !hmac.Equal(q.Browser, digest(browser)) || now.After(q.AskedAt.Add(questionLifetime)) {
		return *new(T), ErrExpired
	}
	return q.Of, nil
}

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
