package guard

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// seals closes what travels through browsers (AES-256-GCM): nobody else can read or
// make it, and what was sealed for one purpose does not open for another.
type seals struct{ keys []cipher.AEAD }

// readSeals reads a key a line, the newest first.
func readSeals(file string) (*seals, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read cookie keys: %w", err)
	}
	s := &seals{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("read cookie keys: %s, line %d: expected 32 bytes in base64 (openssl rand -base64 32)", file, number)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("read cookie keys: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("read cookie keys: %w", err)
		}
		s.keys = append(s.keys, aead)
	}
	if len(s.keys) == 0 {
		return nil, fmt.Errorf("read cookie keys: %s is empty (openssl rand -base64 32)", file)
	}
	return s, nil
}

func (s *seals) seal(purpose string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot happen: it is texts and numbers
	}
	return base64.RawURLEncoding.EncodeToString(s.keys[0].Seal(nil, nil, plain, []byte(purpose)))
}

var errForeignSeal = errors.New("sealed by nobody whom we know, or for another purpose")

func (s *seals) open(purpose, text string, v any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return errForeignSeal
	}
	for _, key := range s.keys {
		if plain, err := key.Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return json.Unmarshal(plain, v)
		}
	}
	return errForeignSeal
}

// randomText is the key of the state of a browser, of a nonce and of a verifier: 260 bits.
func randomText() string { return rand.Text() + rand.Text() }
