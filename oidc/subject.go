package oidc

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// subjectPairwise is OpenID Connect Core §8: each sector sees another subject for
// one and the same user, so that two clients cannot compare notes.
const subjectPairwise = "pairwise"

// subjects makes what clients see of users.
type subjects struct {
	pairwise []byte
	// seal carries the user's id within a client's tokens, unreadable to it.
	seal cipher.AEAD
}

func newSubjects(pairwise, seal []byte) (subjects, error) {
	block, err := aes.NewCipher(seal)
	if err != nil {
		return subjects{}, fmt.Errorf("prepare cipher for subjects: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return subjects{pairwise, aead}, err
}

// of is the subject (sub) that a client sees of a user.
func (s subjects) of(c *storage.Client, user authz.UserID) string {
	if c.Metadata.SubjectType != subjectPairwise {
		return user.String()
	}
	mac := hmac.New(sha256.New, s.pairwise)
	mac.Write([]byte(sector(c)))
	mac.Write([]byte{0})
	mac.Write(user[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// SubjectOf is the subject (sub) under which a client, or whoever is none (""), knows a user.
func (p *Provider) SubjectOf(ctx context.Context, id authz.ClientID, user authz.UserID) (string, error) {
	if id == "" {
		return user.String(), nil
	}
	c, err := p.Store.Client(ctx, id)
	if err != nil {
		return "", err
	}
	return p.subjects.of(c, user), nil
}

// sector is the host of the sector identifier or, without one, of the redirect
// URIs, which registration has found to be the same for all.
func sector(c *storage.Client) string {
	named := c.Metadata.SectorIdentifierURI
	if named == "" && len(c.RedirectURIs) > 0 {
		named = c.RedirectURIs[0]
	}
	if u, err := url.Parse(named); err == nil && u.Host != "" {
		return u.Host
	}
	return string(c.ID)
}

// hide seals a user's id for a token whose sub does not say it, each time in another way.
func (s subjects) hide(user authz.UserID) string {
	return base64.RawURLEncoding.EncodeToString(s.seal.Seal(nil, nil, user[:], nil))
}

func (s subjects) reveal(hidden string) (authz.UserID, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(hidden)
	if err != nil {
		return authz.UserID{}, errMalformed
	}
	plain, err := s.seal.Open(nil, nil, sealed, nil)
	if err != nil || len(plain) != len(authz.UserID{}) {
		return authz.UserID{}, errMalformed
	}
	return authz.UserID(plain), nil
}
