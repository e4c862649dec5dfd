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
// A token that is bound to a key is let in with the proof of that key alone: a DPoP
// proof, judged when [GuardConfig] says so (RFC 9449), or the client certificate of
// the connection (RFC 8705).
//
// It refuses tokens from anywhere but the Authorization header, tokens made for
// another audience, and tokens of another type. When it cannot know, it answers 503 and never lets
// the request pass.
//
// Nothing but authz, authz/dpop, go-jose v4 and the standard library is beneath it: it knows
// neither the database nor the protocol engine of the authorization server.
// Anybody may import it.
package resource
