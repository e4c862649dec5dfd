package api

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/gatehouse/gatehouse/authz/directory"
)

// cursors seals the keys that lists are read on by: what comes back is what was
// given out, or nothing that reaches the database.
type cursors struct{ key []byte }

func newCursors(master []byte) (cursors, error) {
	key, err := hkdf.Key(sha256.New, master, nil, "gatehouse api cursor", 32)
	if err != nil {
		return cursors{}, fmt.Errorf("derive cursor key: %w", err)
	}
	return cursors{key}, nil
}

const sealSize = 16

func (c cursors) seal(key string) string {
	if key == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(c.mac(key), key...))
}

// open is the key of a cursor; the error names the parameter, for whoever made it up.
func (c cursors) open(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err == nil && len(sealed) > sealSize {
		// The decoder overlooks line breaks; there is one spelling.
		if key := string(sealed[sealSize:]); hmac.Equal([]byte(cursor), []byte(c.seal(key))) {
			return key, nil
		}
	}
	return "", &directory.InvalidError{Field: "after", Problem: "is not the next of any list: begin without it"}
}

func (c cursors) mac(key string) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(key))
	return mac.Sum(nil)[:sealSize]
}
