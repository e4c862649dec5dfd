package storage

import (
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// AuditEvent is one change: who, what, on whom, from where, when. Before and
// After are JSON documents without secrets; either may be nil.
type AuditEvent struct {
	ID         authz.AuditID
	At         time.Time
	Actor      string
	ActorID    authz.UserID
	Action     string
	ObjectKind string
	ObjectID   string
	Tenant     authz.TenantID
	IPAddress  netip.Addr
	Before     []byte
	After      []byte
	// Language is that of the letter that tells of the event: a tag (BCP 47), or "" where
	// it is not known. It is not kept.
	Language string
}

// Ban keeps a network away until it expires; a zero ExpiresAt means for good.
type Ban struct {
	Network   netip.Prefix
	Reason    string
	CreatedAt time.Time
	ExpiresAt time.Time
}
