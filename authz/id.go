package authz

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ErrInvalidID says that a text is not a UUID in its canonical form.
var ErrInvalidID = errors.New("not a valid id (expected a UUID)")

// ID is the identifier of one kind of thing: a UUID that the compiler will not
// let stand in for the identifier of another kind. New ids are UUIDv7 (RFC 9562
// §5.7), so they sort by the time they were made. The zero value means "none".
type ID[Kind any] [16]byte

// The kinds of thing that have an identifier.
type (
	userKind       struct{}
	tenantKind     struct{}
	projectKind    struct{}
	groupKind      struct{}
	membershipKind struct{}
	sessionKind    struct{}
	grantKind      struct{}
	auditKind      struct{}
	pushedKind     struct{}
	webhookKind    struct{}
	passkeyKind    struct{}
	modelKind      struct{}
	linkKind       struct{}
	fileKind       struct{}
	registrarKind  struct{}
	issuerKind     struct{}

	// UserID names a user, TenantID a tenant, and so on.
	UserID       = ID[userKind]
	TenantID     = ID[tenantKind]
	ProjectID    = ID[projectKind]
	GroupID      = ID[groupKind]
	MembershipID = ID[membershipKind]
	SessionID    = ID[sessionKind]
	GrantID      = ID[grantKind]
	AuditID      = ID[auditKind]
	PasskeyID    = ID[passkeyKind]

	// AuthenticatorModelID is an AAGUID (WebAuthn L3 §4).
	AuthenticatorModelID = ID[modelKind]
	LinkID               = ID[linkKind]
	FileID               = ID[fileKind]

	// RegistrationTokenID names an initial access token (RFC 7591 §1.2).
	RegistrationTokenID = ID[registrarKind]

	// TrustedIssuerID names somebody else whose word counts here.
	TrustedIssuerID = ID[issuerKind]

	// PushedRequestID names a pushed authorization request (RFC 9126).
	PushedRequestID = ID[pushedKind]
	WebhookID       = ID[webhookKind]
)

// ClientID is the client_id of an OAuth client (RFC 6749 §2.2). It is a text,
// not a UUID: a client may be named by the operator or, one day, by an URL.
type ClientID string

// NewID makes a UUIDv7 for the instant now. Ids of one millisecond sort by its
// fraction too (RFC 9562 §6.2, method 3): a list in the order of ids is a list in
// the order of events.
func NewID[I ~[16]byte](now time.Time) I {
	var id I
	// rand.Read never fails and always fills its argument (crypto/rand, Go 1.24).
	_, _ = rand.Read(id[:])
	putTime(id[:], now)
	id[8] = id[8]&0x3f | 0x80
	return id
}

// FirstIDAt is the lowest id that [NewID] could have made at the instant: ids
// below it are older.
func FirstIDAt[I ~[16]byte](at time.Time) I {
	var id I
	putTime(id[:], at)
	id[8] = 0x80
	return id
}

func putTime(id []byte, at time.Time) {
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	fraction := at.Nanosecond() % 1e6 * 4096 / 1e6
	id[6], id[7] = byte(fraction>>8)|0x70, byte(fraction)
}

// RandomID makes a UUIDv4, for an id that must be hard to guess and must not tell
// when it was made.
func RandomID[I ~[16]byte]() I {
	var id I
	_, _ = rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseID reads the canonical form of 36 characters, in either case. The nil UUID
// (RFC 9562 §5.9) is refused: it would mean "none", which nobody may say by
// naming an id. Its error is [ErrInvalidID].
func ParseID[I ~[16]byte](s string) (I, error) {
	var id I
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return I{}, fmt.Errorf("%w: %.40q", ErrInvalidID, s)
	}
	packed := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(id[:], []byte(packed)); err != nil || id == (I{}) {
		return I{}, fmt.Errorf("%w: %.40q", ErrInvalidID, s)
	}
	return id, nil
}

// IsZero reports whether the id names nothing.
func (id ID[Kind]) IsZero() bool { return id == ID[Kind]{} }

// String is the canonical form, or "" for the zero id.
func (id ID[Kind]) String() string {
	if id.IsZero() {
		return ""
	}
	var b [36]byte
	hex.Encode(b[:8], id[:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// MarshalText is [ID.String].
func (id ID[Kind]) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is [ParseID]; the empty text is the zero id.
func (id *ID[Kind]) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID[Kind]{}
		return nil
	}
	parsed, err := ParseID[ID[Kind]](string(text))
	*id = parsed
	return err
}

// Bytes is the UUID in the order of RFC 9562 §4.
func (id ID[Kind]) Bytes() [16]byte { return id }

// Value stores the zero id as SQL NULL.
func (id ID[Kind]) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, nil
	}
	return id.String(), nil
}

// Scan reads what Value wrote.
func (id *ID[Kind]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*id = ID[Kind]{}
		return nil
	case string:
		return id.UnmarshalText([]byte(v))
	case []byte:
		return id.UnmarshalText(v)
	case [16]byte:
		*id = v
		return nil
	}
	return fmt.Errorf("%w: from %T", ErrInvalidID, src)
}
