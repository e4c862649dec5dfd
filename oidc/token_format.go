package oidc

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// The prefixes of opaque secrets, so that secret scanners can find them.
const (
	codePrefix    = "gth_ac_"
	refreshPrefix = "gth_rt_"
	devicePrefix  = "gth_dc_"
	requestPrefix = "gth_br_"
)

const secretSize = 32

// errMalformed says that a text is not a code or token of ours.
var errMalformed = errors.New("malformed")

// digest is what the database keeps of a secret of 256 random bits.
func digest(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

func newSecret() []byte {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails (crypto/rand, Go 1.24)
	return secret
}

// decodeOpaque accepts exactly one spelling of each token.
func decodeOpaque(s, prefix string, size int) ([]byte, error) {
	encoded, found := strings.CutPrefix(s, prefix)
	if !found || len(encoded) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, errMalformed
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != size || bytes.ContainsAny([]byte(encoded), "\r\n") {
		return nil, errMalformed
	}
	return raw, nil
}
