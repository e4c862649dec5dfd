package resource

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// maxTokenLength is the length in bytes of the longest token that is looked at.
const maxTokenLength = 16 << 10

// token is a JWS in compact serialization (RFC 7515 §7.1), taken apart and not
// yet believed.
type token struct {
	header    header
	payload   string // still in base64url: nothing is decoded before it is proven
	input     []byte
	signature []byte
}

// header is all that is read of the JOSE header. The members that offer a key
// (jwk, jku, x5u, x5c) are not among them, so nothing they say can count.
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`

	Critical json.RawMessage `json:"crit"`
	Base64   json.RawMessage `json:"b64"`
}

// parseToken takes an access token apart. It refuses any other type of token and
// any header that must be understood, since there is none that it understands.
func parseToken(text string) (token, error) {
	if len(text) > maxTokenLength {
		return token{}, fmt.Errorf("longer than %d bytes", maxTokenLength)
	}
	protected, rest, _ := strings.Cut(text, ".")
	payload, signature, complete := strings.Cut(rest, ".")
	if !complete {
		return token{}, errors.New("fewer than three parts")
	}
	h, err := parseHeader(protected)
	if err != nil {
		return token{}, err
	}
	raw, err := decodePart(signature)
	if err != nil {
		return token{}, fmt.Errorf("signature: %w", err)
	}
	return token{header: h, payload: payload, input: []byte(text[:len(protected)+1+len(payload)]), signature: raw}, nil
}

func parseHeader(part string) (header, error) {
	raw, err := decodePart(part)
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	var h header
	if err := json.Unmarshal(raw, &h); err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	if h.Critical != nil || h.Base64 != nil {
		return header{}, errors.New("header: crit and b64 are not understood")
	}
	// RFC 9068 §4: only this type, so that an ID token or a logout token, signed
	// with the same key, is never taken for an access token.
	if typ := strings.ToLower(h.Type); typ != "at+jwt" && typ != "application/at+jwt" {
		return header{}, errors.New("header: typ is not at+jwt")
	}
	return h, nil
}

// decodePart reads base64url so that no two texts mean the same: the bits left
// over at the end must be zero, and there are no line breaks, which
// encoding/base64 skips even when strict.
func decodePart(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("line break in base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}
