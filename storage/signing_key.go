package storage

import "time"

// SigningKey is one row of platform.signing_keys: a key pair whose private half
// is sealed before it comes near the database. A zero time means "not yet".
type SigningKey struct {
	// KID names the key in the header of every token that it signed.
	KID string
	// Algorithm is the JWS algorithm (RFC 7518 §3.1), such as "ES256".
	Algorithm string
	// PublicJWK is the public half as JSON (RFC 7517 §4), for people and tools.
	PublicJWK []byte
	// PrivateSealed is what package oidc/keys made of the private half. It is
	// empty once the key has left the JWKS.
	PrivateSealed []byte
	CreatedAt     time.Time
	// PublishedAt is when the key entered the JWKS.
	PublishedAt time.Time
	// ActiveAt is when it began to sign.
	ActiveAt time.Time
	// RetiredAt is when it ceased to sign.
	RetiredAt time.Time
	// ExpiresAt is when it leaves the JWKS.
	ExpiresAt time.Time
}
