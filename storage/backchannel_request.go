package storage

import (
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// BackchannelRequest is a client's request for the sign-in of a person whom it names
// (OpenID CIBA Core 1.0), while it waits for the person.
type BackchannelRequest struct {
	// ID becomes the id of the grant.
	ID        authz.GrantID
	User      authz.UserID
	Client    authz.ClientID
	Requested authz.ScopeSet
	Details   GrantDetails
	// BindingMessage is shown to the person, who compares it with what the client shows.
	BindingMessage string
	// NotificationToken is what the client wants to be told the answer with, sealed; nil
	// for a client that polls.
	NotificationToken []byte
	// IPAddress is where the client asked from.
	IPAddress   netip.Addr
	RequestedAt time.Time
	ExpiresAt   time.Time
	// Interval is how long the client has to wait between two polls.
	Interval time.Duration
}

// BackchannelNotice tells a client that the person has answered (OpenID CIBA Core 1.0
// §10.2).
type BackchannelNotice struct {
	Request authz.GrantID `json:"request"`
}

// Kind implements [Job].
func (BackchannelNotice) Kind() string { return "backchannel_ping" }
