package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// The refusals of a registration that its person can do something about.
var (
	// ErrPasskeyExists: the authenticator has a passkey that is registered already.
	ErrPasskeyExists = errors.New("this passkey is registered already")
	// ErrPasskeyModel: a tenant of the user does not accept this model of authenticator.
	ErrPasskeyModel = errors.New("your organization does not accept this kind of authenticator")
)

// MaxPasskeys is how many passkeys a user may have.
const MaxPasskeys = 20

// ErrTooManyPasskeys: a user has [MaxPasskeys] already.
var ErrTooManyPasskeys = fmt.Errorf("there are %d passkeys already: remove one first", MaxPasskeys)

// BeginRegistration asks the browser of a signed-in user to make a passkey: a
// discoverable one, behind the verification of the user. A silent one is made
// without asking where the browser's password manager agrees, right after a
// password sign-in (WebAuthn L3 §5.1.3, conditional mediation).
func (p *Passkeys) BeginRegistration(ctx context.Context, user storage.User, browser string, silent bool) (Ceremony, error) {
	own := p.Store.ForUser(user.ID)
	handle, err := own.WebAuthnHandle(ctx, newHandle())
	if err != nil {
		return Ceremony{}, err
	}
	have, err := own.Authenticators(ctx)
	if err != nil {
		return Ceremony{}, err
	}
	policies, err := own.AttestationPolicies(ctx)
	if err != nil {
		return Ceremony{}, err
	}
	return p.beginRegistration(account{user, handle, have.Passkeys}, policies, browser, waiting{User: user.ID}, silent)
}

func (p *Passkeys) beginRegistration(who account, policies [][][16]byte, browser string, w waiting, silent bool) (Ceremony, error) {
	mediation, verification, attestation := protocol.MediationDefault, protocol.VerificationRequired, protocol.PreferNoAttestation
	if silent {
		// Nobody is there to be verified; every sign-in asks for it anyway.
		mediation, verification = protocol.MediationConditional, protocol.VerificationPreferred
	}
	if len(policies) > 0 {
		attestation = protocol.PreferDirectAttestation
	}
	options, session, err := p.open.BeginMediatedRegistration(who, mediation,
		webauthn.WithConveyancePreference(attestation),
		webauthn.WithExclusions(webauthn.Credentials(who.WebAuthnCredentials()).CredentialDescriptors()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: verification,
		}))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin passkey registration: %w", err)
	}
	w.Session, w.Register = *session, true
	return p.ceremony(options.Response, browser, w)
}

// Register keeps the passkey that a browser made for a signed-in user. name is what
// the user calls it; without one it is called after its model. The event is
// written with it. The error is [ErrExpired], [ErrPasskey], [ErrPasskeyExists],
// [ErrPasskeyModel], [ErrTooManyPasskeys], or a fault of the machinery.
func (p *Passkeys) Register(ctx context.Context, user storage.User, a Answer, name string, e storage.AuditEvent) (storage.Passkey, error) {
	w, err := asked[waiting](p.questions, a.Browser, a.State, p.Now())
	if err != nil || !w.Register || w.User != user.ID || !w.Link.IsZero() {
		return storage.Passkey{}, ErrExpired
	}
	own := p.Store.ForUser(user.ID)
	have, err := own.Authenticators(ctx)
	if err != nil {
		return storage.Passkey{}, err
	}
	if len(have.Passkeys) >= MaxPasskeys {
		return storage.Passkey{}, ErrTooManyPasskeys
	}
	policies, err := own.AttestationPolicies(ctx)
	if err != nil {
		return storage.Passkey{}, err
	}
	made, err := p.verifyNew(user, policies, w, a.Response)
	if err != nil {
		return storage.Passkey{}, err
	}
	made.Name = passkeyName(name, made, have.Passkeys)
	if err := p.spend(ctx, w); err != nil {
		return storage.Passkey{}, err
	}
	// WebAuthn L3 §7.1 step 26: a credential id belongs to one user. The index
	// decides, so that of two who register it at once one wins.
	if err := own.InsertPasskey(ctx, made, e); errors.Is(err, storage.ErrConflict) {
		return storage.Passkey{}, ErrPasskeyExists
	} else if err != nil {
		return storage.Passkey{}, err
	}
	return made, nil
}

// verifyNew judges the answer to a registration (WebAuthn L3 §7.1).
func (p *Passkeys) verifyNew(user storage.User, policies [][][16]byte, w waiting, response string) (storage.Passkey, error) {
	if len(response) > maxResponse {
		return storage.Passkey{}, fmt.Errorf("%w: %d bytes are too long", ErrPasskey, len(response))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return storage.Passkey{}, refused(err)
	}
	rp := p.open
	if len(policies) > 0 {
		rp = p.vouched
	}
	c, err := rp.CreateCredential(account{user: user, handle: w.Session.UserID}, w.Session, parsed)
	if err != nil {
		return storage.Passkey{}, refused(err)
	}
	if len(c.ID) < 16 {
		// L3 §5.8.3 asks for as much: a shorter id can be guessed.
		return storage.Passkey{}, fmt.Errorf("%w: the credential id has %d bytes", ErrPasskey, len(c.ID))
	}
	now := p.Now()
	made := storage.Passkey{
		ID: authz.NewID[authz.PasskeyID](now), User: user.ID, CredentialID: c.ID, PublicKey: c.PublicKey, SignCount: c.Authenticator.SignCount,
		BackupEligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState,
		AttestationType: c.AttestationType, AttestationFormat: c.AttestationFormat, CreatedAt: now,
	}
	copy(made.AAGUID[:], c.Authenticator.AAGUID)
	for _, t := range c.Transport {
		if known := string(t); slices.Contains(transports, known) {
			made.Transports = append(made.Transports, known)
		}
	}
	return made, accepted(made, policies)
}

// transports that are kept: what a browser says is not ours to store unseen.
var transports = []string{"ble", "hybrid", "internal", "nfc", "smart-card", "usb"}

// accepted holds a passkey to the policy of each tenant of its user. A model that
// nothing attests is nobody's word.
func accepted(made storage.Passkey, policies [][][16]byte) error {
	for _, models := range policies {
		if made.AttestationFormat == string(protocol.AttestationFormatNone) || !slices.Contains(models, made.AAGUID) {
			return ErrPasskeyModel
		}
	}
	return nil
}

// maxPasskeyName is in characters.
const maxPasskeyName = 60

// PasskeyName is a name as it may be kept: without control characters, on one
// line, of 60 characters at most; "" when nothing is left.
func PasskeyName(text string) string {
	clean := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' }), " ")
	if utf8.RuneCountInString(clean) > maxPasskeyName {
		clean = strings.TrimSpace(string([]rune(clean)[:maxPasskeyName]))
	}
	return clean
}

// passkeyName is the given name, or the one of the model, told from those there are.
func passkeyName(given string, made storage.Passkey, have []storage.Passkey) string {
	name := PasskeyName(given)
	if name == "" {
		name = PasskeyModel(made.AAGUID).Name
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(have, func(p storage.Passkey) bool { return p.Name == name })
	}
	unique := name
	for n := 2; taken(unique); n++ {
		unique = fmt.Sprintf("%s %d", name, n)
	}
	return unique
}

// Decline remembers that a user wants no passkey now: they are not asked again.
func (p *Passkeys) Decline(ctx context.Context, user authz.UserID) error {
	return p.Store.ForUser(user).DeclinePasskey(ctx, newHandle(), p.Now())
}
