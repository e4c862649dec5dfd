// Package rpc is the guard of authz/resource before the methods of a gRPC server:
// each call with the scopes, the proof and the sign-in that its method needs.
//
// It owns how gRPC says what HTTP says by status and header: the token and its DPoP
// proof come in the metadata "authorization" and "dpop", a refusal is a code, and the
// challenge stands in the header "www-authenticate". It judges nothing itself, and
// refuses every method that is not named. gRPC has its door here, so that who guards
// HTTP does not carry it. Anybody may import it.
package rpc
