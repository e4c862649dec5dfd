// Package resource is what a resource server imports: it proves who presents an
// access token, requires scopes before the business logic runs, and tells the
// client what was missing.
//
// Two ways lead to a [Principal], behind one interface, [Authenticator]:
//
//   - [Verifier] checks the signature with the issuer's published keys (RFC 9068).
//     It costs no round trip, and learns of a revocation when the token expires.
//   - [Introspector] asks the authorization server each time (RFC 7662). It costs
//     a round trip, and learns of a revocation and of a lost scope at once.
//
// A [Guard] puts either in front of a handler; a [Requirement] says which scopes
// open it, as "security" in an OpenAPI document does; [Metadata] publishes where
// tokens come from (RFC 9728).
//
// It refuses tokens from anywhere but the Authorization header, tokens made for
// another audience, tokens of another type, and tokens bound to a key whose
// possession it cannot check. When it cannot know, it answers 503 and never lets
// the request pass.
//
// Nothing but authz, go-jose v4 and the standard library is beneath it: it knows
// neither the database nor the protocol engine of the authorization server.
// Anybody may import it.
package resource
