package storage

import "time"

// IdempotencyKey is what is kept of a request that creates something, so that it
// can be asked again.
type IdempotencyKey struct {
	// Actor and Key name it: a key is its actor's own.
	Actor, Key  string
	RequestHash []byte
	// Answer is sealed; nil until the request has made what it is for, and empty until
	// it has been answered.
	Answer               []byte
	CreatedAt, ExpiresAt time.Time
}
