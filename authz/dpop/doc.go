// Package dpop judges DPoP proofs (RFC 9449): a client shows, with each request,
// that it holds the key that its token is bound to.
//
// It judges what a proof says by itself, and for which request. That a proof is
// used once is the caller's to see to, who knows how many servers there are: for
// one process there is [Replays]. [Nonces] serve any number of them. It refuses to know tokens and clients. It may be imported by anything: by the
// authorization server and by whoever guards a resource.
package dpop
