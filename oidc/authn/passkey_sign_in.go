package authn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// BeginSignIn asks the browser for any passkey of this house. It names no account
// and no credential, so it tells nobody which there are, and keeps nothing.
func (p *Passkeys) BeginSignIn(browser string) (Ceremony, error) {
	options, session, err := p.open.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin passkey sign-in: %w", err)
	}
	return p.ceremony(options.Response, browser, waiting{Session: *session})
}

// BeginVerification asks the browser for one of these passkeys of a user who is
// known already. There must be one.
func (p *Passkeys) BeginVerification(ctx context.Context, user authz.UserID, browser string, passkeys []storage.Passkey) (Ceremony, error) {
	handle, err := p.Store.ForUser(user).WebAuthnHandle(ctx, newHandle())
	if err != nil {
		return Ceremony{}, err
	}
	options, session, err := p.open.BeginLogin(account{handle: handle, passkeys: passkeys}, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin passkey verification: %w", err)
	}
	return p.ceremony(options.Response, browser, waiting{Session: *session, User: user})
}

// SignIn judges the answer to either question (WebAuthn L3 §7.2). The error is
// [ErrExpired], [ErrPasskey], or a fault of the machinery. A disabled account's
// passkey is not accepted, like an unknown one.
func (p *Passkeys) SignIn(ctx context.Context, a Answer) (Proof, error) {
	w, err := asked[waiting](p.questions, a.Browser, a.State, p.Now())
	if err != nil || w.Register {
		return Proof{}, ErrExpired
	}
	if len(a.Response) > maxResponse {
		return Proof{}, fmt.Errorf("%w: %d bytes are too long", ErrPasskey, len(a.Response))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(a.Response))
	if err != nil {
		return Proof{}, refused(err)
	}
	owner, err := p.Store.PasskeyByCredentialID(ctx, parsed.RawID)
	if errors.Is(err, storage.ErrNotFound) {
		return Proof{}, fmt.Errorf("%w: nobody has registered it", ErrPasskey)
	}
	if err != nil {
		return Proof{}, err
	}
	used, err := p.verify(owner, w, parsed)
	if err != nil {
		return Proof{}, err
	}
	if !owner.User.DisabledAt.IsZero() {
		return Proof{}, fmt.Errorf("%w: the account is disabled", ErrPasskey)
	}
	if err := p.spend(ctx, w); err != nil {
		return Proof{}, err
	}
	if err := p.Store.ForUser(owner.User.ID).UsePasskey(ctx, used); err != nil {
		return Proof{}, err
	}
	if !used.SuspectAt.IsZero() {
		return Proof{}, fmt.Errorf("%w: its counter went back from %d to %d, as that of a copy does", ErrPasskey,
			owner.Passkey.SignCount, parsed.Response.AuthenticatorData.Counter)
	}
	return passkeyProof(used), nil
}

// verify judges the answer against the passkey, and yields it as it is after use:
// with SuspectAt when it was this answer that went back.
func (p *Passkeys) verify(owner postgres.PasskeyOwner, w waiting, parsed *protocol.ParsedCredentialAssertionData) (storage.Passkey, error) {
	used := owner.Passkey
	who := account{owner.User, owner.Handle, []storage.Passkey{used}}
	session := w.Session
	if !w.User.IsZero() {
		if w.User != owner.User.ID || !bytes.Equal(session.UserID, owner.Handle) {
			return used, fmt.Errorf("%w: it is another user's", ErrPasskey)
		}
		// The library compares the list with all passkeys of the user; here there is the one.
		session.AllowedCredentialIDs = [][]byte{used.CredentialID}
		if !slices.ContainsFunc(w.Session.AllowedCredentialIDs, func(id []byte) bool { return bytes.Equal(id, used.CredentialID) }) {
			return used, fmt.Errorf("%w: it was not asked for", ErrPasskey)
		}
	}
	var c *webauthn.Credential
	var err error
	if w.User.IsZero() {
		c, err = p.open.ValidateDiscoverableLogin(func([]byte, []byte) (webauthn.User, error) { return who, nil }, session, parsed)
	} else {
		c, err = p.open.ValidateLogin(who, session, parsed)
	}
	if err != nil {
		return used, refused(err)
	}
	used.LastUsedAt, used.SuspectAt = p.Now(), time.Time{}
	used.SignCount, used.BackedUp = c.Authenticator.SignCount, c.Flags.BackupState
	if c.Authenticator.CloneWarning {
		used.SuspectAt = used.LastUsedAt
	}
	return used, nil
}

// passkeyProof: RFC 8176 §2. A passkey that may be copied to other devices is a key
// in software; its user was present and verified, which makes it two factors.
func passkeyProof(used storage.Passkey) Proof {
	key := "hwk"
	if used.BackupEligible {
		key = "swk"
	}
	return Proof{
		User: used.User, ACR: authz.ACRPhishingResistant, AMR: []string{key, "user", "mfa"}, AuthTime: used.LastUsedAt, Evidence: storage.Evidence{Passkey: used.ID},
	}
}
