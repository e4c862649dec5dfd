// Package keys owns the keys that sign the tokens of this issuer: it makes,
// seals, rotates, publishes and revokes them, and signs and verifies with them.
//
// For every algorithm one key signs (it is active) and one more already stands
// in the JWKS (it is next), so that a rotation promotes a key that verifiers
// with a cache have known for days. A key that was replaced stays published
// until the last token that it signed has expired.
//
//	next ── Rotate ──▶ active ── Rotate ──▶ retired ── Retention ──▶ expired
//	  └───────────────────┴───── Revoke ───────┴────────────────────────▲
//
// What is published is derived from what was unsealed, never read back: a row
// that somebody planted in the database opens under no secret and signs nothing.
//
// The package refuses to read claims. Whether a token is for us, in time and not
// revoked is judged by oidc; here it is only proven to be ours, unaltered and of
// the type that the caller expects. A JWS signature is no identifier: from one
// ECDSA signature anybody can compute a second valid one, so revocation is keyed
// on the jti within the payload.
//
// It may be imported by oidc and by what wires the house together. It stands on
// storage and go-jose v4, which makes the JWKs and their thumbprints. The compact
// serialization is written here: a server that verifies its own tokens knows
// every header that it can have written, so it compares the header and parses
// none, and base64 is read strictly, which go-jose does not do.
package keys
