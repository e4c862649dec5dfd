package authn

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

// ErrLink says that a link was used before, has expired, was replaced by a later
// one, or never was one. Nobody is told which.
var ErrLink = errors.New("the link does not work any more")

// LinkPath is where a one-time link leads, below the issuer.
const LinkPath = "/link"

const linkPrefix = "gth_ol_"

// Links makes the addresses of one-time links, and reads them. The secret in one is
// an HMAC of 256 bits over its id: it stands in no table and in no queue, and a
// mail that is sent again carries the same one.
type Links struct {
	issuer string
	key    []byte
}

// NewLinks makes links below the issuer, under a key derived from the master secret.
func NewLinks(issuer string, master []byte) (*Links, error) {
	key, err := hkdf.Key(sha256.New, master, nil, "gatehouse one-time links", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key for links: %w", err)
	}
	return &Links{issuer: issuer, key: key}, nil
}

// URL is the address of the link with an id. It is a secret.
func (l *Links) URL(id authz.LinkID) string {
	token := linkPrefix + base64.RawURLEncoding.EncodeToString(append(id[:], l.seal(id)...))
	return l.issuer + LinkPath + "?" + url.Values{"token": {token}}.Encode()
}

// Open reads the token of a link. Its error is [ErrLink]; nothing is asked of the
// database for a token that was not made here.
func (l *Links) Open(token string) (authz.LinkID, error) {
	encoded, found := strings.CutPrefix(token, linkPrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	// The decoder skips line breaks even when strict.
	if !found || err != nil || strings.ContainsAny(encoded, "\r\n") || len(raw) != 16+sha256.Size {
		return authz.LinkID{}, ErrLink
	}
	id := authz.LinkID(raw[:16])
	if !hmac.Equal(raw[16:], l.seal(id)) {
		return authz.LinkID{}, ErrLink
	}
	return id, nil
}

func (l *Links) seal(id authz.LinkID) []byte {
	mac := hmac.New(sha256.New, l.key)
	mac.Write(id[:])
	return mac.Sum(nil)
}
