package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// PushedRequest is an authorization request that a client pushed (RFC 9126) and
// that a browser will use once.
type PushedRequest struct {
	ID     authz.PushedRequestID
	Client authz.ClientID
	// Request is the parameters as a JSON document.
	Request   []byte
	ExpiresAt time.Time
}
