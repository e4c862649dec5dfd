package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// flowLifetime is how long a person may take over sign-in and consent.
const flowLifetime = 30 * time.Minute

// maxFlows is how many requests wait in one browser: what it began before the last
// sixteen is too old, whatever the clock says.
const maxFlows = 16

// errFlow says that a paused request is not ours, not this browser's, or too old.
var errFlow = errors.New("paused authorization request is not valid here")

// question is what a sealed request waits for: what was sealed for one question is
// no answer to another.
type question string

const (
	toAuthorize question = "authorization"
	toSignOut   question = "sign-out"
	toDevice    question = "device"
	toRequest   question = "backchannel request"
)

// flow is an authorization request that waits for a person. It travels sealed
// through the browser, so that nobody who has not signed in makes us keep
// anything, and it is worth nothing in another browser.
type flow struct {
	// ID becomes the id of the grant: one request leads to one grant at most.
	ID         authz.GrantID `json:"id"`
	Parameters url.Values    `json:"p"`
	// Signed and Pushed say how the parameters came.
	Signed      bool      `json:"s,omitempty"`
	Pushed      bool      `json:"u,omitempty"`
	RequestedAt time.Time `json:"t"`
	// Browser is the digest of the cookie of the browser that began it.
	Browser []byte `json:"b"`
	// Turn is the how-manyth of that browser it is.
	Turn int `json:"n"`
	// Approved is what the consent page was answered with, and by whom.
	Approved *approval `json:"a,omitempty"`
	// WithoutStepUp: the person goes on with the sign-in there is.
	WithoutStepUp bool `json:"w,omitempty"`
}

type approval struct {
	Session authz.SessionID `json:"s"`
	Tenant  authz.TenantID  `json:"t"`
	Scopes  authz.ScopeSet  `json:"c"`
}

type flowSealer struct{ aead cipher.AEAD }

func newFlowSealer(master []byte) (flowSealer, error) {
	key, err := hkdf.Key(sha256.New, master, nil, "gatehouse paused authorization request", 32)
	if err != nil {
		return flowSealer{}, fmt.Errorf("derive key for paused requests: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return flowSealer{}, fmt.Errorf("prepare cipher for paused requests: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	return flowSealer{aead}, err
}

func (s flowSealer) seal(q question, f flow) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("encode paused request: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.sealBytes(string(q), plain)), nil
}

// sealBytes encrypts what can be opened for the same purpose alone.
func (s flowSealer) sealBytes(purpose string, plain []byte) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, plain, []byte(purpose))
}

// open reads a paused request back, in the browser that began it. Its error is errFlow.
func (s flowSealer) open(q question, text, browser string, now time.Time) (flow, error) {
	var f flow
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return f, errFlow
	}
	plain, err := s.openBytes(string(q), sealed)
	if err != nil || json.Unmarshal(plain, &f) != nil {
		return flow{}, errFlow
	}
	if browser == "" || !hmac.Equal(f.Browser, digest([]byte(browser))) || now.After(f.RequestedAt.Add(flowLifetime)) {
		return flow{}, errFlow
	}
	return f, nil
}

// paused opens an authorization request that waits in a browser. Its error is errFlow.
func (p *Provider) paused(b Browser, sealed string) (flow, error) {
	f, err := p.flows.open(toAuthorize, sealed, b.ID, p.Now())
	if err == nil && b.Begun-f.Turn >= maxFlows {
		return flow{}, errFlow
	}
	return f, err
}

// openBytes is the way back from sealBytes. Its error is errFlow.
func (s flowSealer) openBytes(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize() {
		return nil, errFlow
	}
	plain, err := s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], []byte(purpose))
	if err != nil {
		return nil, errFlow
	}
	return plain, nil
}
