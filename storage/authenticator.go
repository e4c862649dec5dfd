package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// Passkey is a WebAuthn credential of a user: the credential record of WebAuthn
// L3 §4.
type Passkey struct {
	ID   authz.PasskeyID
	User authz.UserID
	// CredentialID is what the authenticator calls it: 16 to 1023 bytes.
	CredentialID []byte
	// PublicKey is a COSE_Key (RFC 9052 §7).
	PublicKey []byte
	// Name is what the user calls it.
	Name string
	// AAGUID tells the model of the authenticator, or is zero.
	AAGUID    [16]byte
	SignCount uint32
	// BackupEligible: the passkey may live on several devices; that never changes.
	// BackedUp: it did when it was last used.
	BackupEligible, BackedUp bool
	// Transports is how the authenticator can be reached, such as "internal".
	Transports                         []string
	AttestationType, AttestationFormat string
	CreatedAt, LastUsedAt              time.Time
	// SuspectAt is when its counter went back, as that of a copy does; zero for never.
	SuspectAt time.Time
}

// FirstPasskey is the one that an account is made with, under the user handle that its
// authenticator keeps (WebAuthn L3 §5.4.3).
type FirstPasskey struct {
	Passkey
	Handle []byte
}

// TOTP is the secret that a user shares with an authenticator app.
type TOTP struct {
	// SecretSealed is sealed by oidc/authn.
	SecretSealed []byte
	// LastStep is the time step (RFC 6238 §4) of the last code that was accepted.
	LastStep              int64
	CreatedAt, LastUsedAt time.Time
}

// Authenticators is by what a user can prove who they are.
type Authenticators struct {
	// Password: there is one.
	Password bool
	Passkeys []Passkey
	// TOTP is nil without an authenticator app.
	TOTP *TOTP
	// RecoveryCodes is how many are left.
	RecoveryCodes int
	// RecoveryCodesAt is when they were made; zero without any.
	RecoveryCodesAt time.Time
	// PasskeyDeclinedAt is when the user said that they want no passkey now.
	PasskeyDeclinedAt time.Time
}

// Strong reports whether there is anything beyond a password.
func (a Authenticators) Strong() bool { return len(a.Passkeys) > 0 || a.TOTP != nil }
