package storage

import (
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// DeviceCode is a device's request for a sign-in on another one (RFC 8628), while
// it waits for a person.
type DeviceCode struct {
	// ID becomes the id of the grant.
	ID authz.GrantID
	// Hash is the digest of the device code's secret.
	Hash []byte
	// UserCode is as it is typed: folded, without the dash.
	UserCode  string
	Client    authz.ClientID
	Requested authz.ScopeSet
	Details   GrantDetails
	// IPAddress is where the device asked from.
	IPAddress   netip.Addr
	RequestedAt time.Time
	ExpiresAt   time.Time
	// Interval is how long the device has to wait between two polls.
	Interval time.Duration
}

// Poll is what a client finds that asks again and again whether a person has answered.
type Poll struct {
	ExpiresAt time.Time
	// Decided reports that the person has answered, Approved what.
	Decided, Approved bool
	// Hasty reports that the poll came before the interval was over.
	Hasty bool
}
