package webtest

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Secrets is what must never be found again, by the name of what it is.
type Secrets map[string]string

// Without is the secrets but for those of some names.
func (s Secrets) Without(names ...string) Secrets {
	rest := maps.Clone(s)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// ToldBy names the secrets that a text tells: whole, by either half, escaped, or as
// base64 or hexadecimal digits, of their text or of the bytes that it stands for.
func (s Secrets) ToldBy(text string) []string {
	folded := strings.ToLower(text)
	var told []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		value := s[name]
		found := slices.ContainsFunc(spellings(value), func(spelt string) bool { return strings.Contains(text, spelt) })
		for _, raw := range append(bytesOf(value), []byte(value)) {
			found = found || strings.Contains(folded, hex.EncodeToString(raw))
		}
		if found {
			told = append(told, name)
		}
	}
	return told
}

// spellings is how a secret may stand in a text.
func spellings(value string) []string {
	all := []string{value, url.QueryEscape(value), url.PathEscape(value)}
	for _, raw := range append(bytesOf(value), []byte(value)) {
		all = append(all, base64.RawStdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw))
	}
	for _, half := range []string{value[:len(value)/2], value[len(value)/2:]} {
		// The first part of a JWT is the same for all of a key.
		if isHeader := strings.HasPrefix(half, "eyJ") && !strings.Contains(half, "."); len(half) >= 10 && !isHeader {
			all = append(all, half)
		}
	}
	return all
}

// bytesOf is the random bytes that a secret is the text of: an opaque token has 32 of them
// at its end, an authenticator app's key all.
func bytesOf(value string) [][]byte {
	var all [][]byte
	text := value
	if strings.HasPrefix(value, "gth_") {
		text = value[len("gth_xx_"):]
	}
	if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(raw) >= 32 {
		all = append(all, raw[len(raw)-32:])
	}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "whsec_")); err == nil && len(raw) >= 16 {
		all = append(all, raw)
	}
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(value); err == nil && len(raw) >= 16 {
		all = append(all, raw)
	}
	return all
}
