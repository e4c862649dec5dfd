package oidc

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

// deviceCode is gth_dc_ + base64url(grant id ‖ secret): what the device keeps.
type deviceCode struct {
	grant  authz.GrantID
	secret []byte
}

func (c deviceCode) encode() string {
	return devicePrefix + base64.RawURLEncoding.EncodeToString(append(c.grant[:], c.secret...))
}

func parseDeviceCode(s string) (deviceCode, error) {
	raw, err := decodeOpaque(s, devicePrefix, len(authz.GrantID{})+secretSize)
	if err != nil {
		return deviceCode{}, err
	}
	return deviceCode{grant: authz.GrantID(raw[:16]), secret: raw[16:]}, nil
}

// userCodeLetters make no words and are hard to mistake (RFC 8628 §6.1). Eight of
// them are 34.5 bits, enough for ten minutes with five guesses.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

func newUserCode() string {
	code := make([]byte, 0, userCodeLength)
	for b := make([]byte, 1); len(code) < userCodeLength; {
		_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
		// 240 is the last multiple of 20 in a byte: what lies above would favour some letters.
		if b[0] < 240 {
			code = append(code, userCodeLetters[b[0]%20])
		}
	}
	return string(code)
}

// showUserCode is the code as people read it: XXXX-XXXX.
func showUserCode(folded string) string {
	return folded[:userCodeLength/2] + "-" + folded[userCodeLength/2:]
}

// foldUserCode reads what a person typed: in any case, with or without dash and
// spaces. False means that it can be no code.
func foldUserCode(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	code := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(" -_.\t\u2010\u2011\u2013\u2014", r):
			return -1
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, typed)
	return code, len(code) == userCodeLength && strings.Trim(code, userCodeLetters) == ""
}
