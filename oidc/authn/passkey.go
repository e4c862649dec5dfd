package authn

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// ErrPasskey says that what the browser answered proves nothing. Why stands
// beneath it, for the log.
var ErrPasskey = errors.New("the passkey was not accepted")

// PasskeyConfig is what [Passkeys] are made of.
type PasskeyConfig struct {
	// Issuer is where the pages stand; its host is the relying party's id.
	Issuer *url.URL
	// RelatedOrigins may use the same passkeys (WebAuthn L3 §5.11).
	RelatedOrigins []string
	// Metadata vouches for models of authenticators; nil without any.
	Metadata *Metadata
	// Secret is the master secret.
	Secret []byte
	Store  *postgres.Store
	Now    func() time.Time
}

// Passkeys registers passkeys and signs people in with them. It may be used from
// many goroutines.
type Passkeys struct {
	PasskeyConfig
	// open takes any authenticator; vouched one that the metadata knows.
	open, vouched *webauthn.WebAuthn
	questions     sealer
	// handles makes the user handle of an account that is not made yet.
	handles []byte
}

// NewPasskeys is nil where the issuer's host is an IP address: browsers have
// passkeys for names alone.
func NewPasskeys(c PasskeyConfig) (*Passkeys, error) {
	if _, err := netip.ParseAddr(c.Issuer.Hostname()); err == nil {
		return nil, nil
	}
	p := &Passkeys{PasskeyConfig: c}
	var err error
	if p.questions, err = newSealer(c.Secret, "passkey challenge"); err != nil {
		return nil, err
	}
	if p.handles, err = hkdf.Key(sha256.New, c.Secret, nil, "gatehouse user handle", sha512.Size); err != nil {
		return nil, fmt.Errorf("derive key for user handles: %w", err)
	}
	if p.open, err = c.relyingParty(nil); err != nil {
		return nil, err
	}
	p.vouched = p.open
	if c.Metadata != nil {
		p.vouched, err = c.relyingParty(c.Metadata.provider)
	}
	return p, err
}

func (c PasskeyConfig) relyingParty(vouching metadata.Provider) (*webauthn.WebAuthn, error) {
	rp, err := webauthn.New(&webauthn.Config{
		RPID:          c.Issuer.Hostname(),
		RPDisplayName: "Gatehouse",
		RPOrigins:     append([]string{c.Issuer.Scheme + "://" + c.Issuer.Host}, c.RelatedOrigins...),
		MDS:           vouching,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare passkeys: %w", err)
	}
	return rp, nil
}

// Ceremony is a question to the browser's authenticators.
type Ceremony struct {
	// Options is what navigator.credentials is asked, as JSON (WebAuthn L3 §5.1.8).
	Options json.RawMessage
	// State comes back with the answer.
	State string
}

// Answer is what a browser posts back.
type Answer struct {
	// Browser is the cookie of the browser, to which the question was bound.
	Browser string
	// State is the one of the [Ceremony].
	State string
	// Response is the credential as JSON (WebAuthn L3 §5.1).
	Response string
}

// maxResponse bounds an answer: no attestation is as long.
const maxResponse = 48 << 10

// waiting is the question behind a ceremony.
type waiting struct {
	Session webauthn.SessionData `json:"s"`
	// Register tells a registration from a sign-in.
	Register bool `json:"r,omitempty"`
	// User is who must answer; zero for whoever does.
	User authz.UserID `json:"u"`
	// Link is the one-time link that was opened for it; zero where a session asks.
	Link authz.LinkID `json:"l,omitzero"`
}

func (p *Passkeys) ceremony(options any, browser string, w waiting) (Ceremony, error) {
	document, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fmt.Errorf("encode passkey options: %w", err)
	}
	state, err := ask(p.questions, browser, p.Now(), w)
	return Ceremony{Options: document, State: state}, err
}

// spend uses up the challenge of a question, after its answer was found right: of
// any number of answers to one question, on any number of replicas, one counts.
func (p *Passkeys) spend(ctx context.Context, w waiting) error {
	err := p.Store.Consume(ctx, "passkey challenge", digest(w.Session.Challenge), p.Now().Add(2*questionLifetime))
	if errors.Is(err, storage.ErrConflict) {
		return ErrExpired
	}
	return err
}

// refused keeps what the library says of an answer for the log.
func refused(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s (%s)", ErrPasskey, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrPasskey, err)
}

// account is a user as the library asks for one.
type account struct {
	user     storage.User
	handle   []byte
	passkeys []storage.Passkey
}

func (a account) WebAuthnID() []byte   { return a.handle }
func (a account) WebAuthnName() string { return a.user.Username }
func (a account) WebAuthnDisplayName() string {
	return a.user.Name()
}

func (a account) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(a.passkeys))
	for i, k := range a.passkeys {
		all[i] = webauthn.Credential{
			ID: k.CredentialID, PublicKey: k.PublicKey, AttestationType: k.AttestationType, AttestationFormat: k.AttestationFormat,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.BackupEligible, BackupState: k.BackedUp},
			Authenticator: webauthn.Authenticator{AAGUID: slices.Clone(k.AAGUID[:]), SignCount: k.SignCount},
		}
		for _, t := range k.Transports {
			all[i].Transport = append(all[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return all
}

// newHandle is a user handle: as long as can be, and about nobody (WebAuthn L3 §14.6.1).
func newHandle() []byte {
	handle := make([]byte, 64)
	_, _ = rand.Read(handle) // never fails (crypto/rand, Go 1.24)
	return handle
}
