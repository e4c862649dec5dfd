// Package demo is the demonstration application: a client that signs people in
// with Gatehouse, and an API that its tokens open, on one port of their own.
//
// The two halves trust each other no more than strangers would. The client uses
// libraries that this project did not write (go-oidc, x/oauth2), keeps every token
// on its side, and gives the browser a random id. The API is guarded by
// authz/resource and asks Gatehouse about each token, so that a token dies at once.
// Between them there is HTTP and nothing else.
//
// It refuses to know the database, the provider or the settings: it is built from
// a [Config] alone. It shows decoded tokens on a page, which makes it a thing for
// development. Only cmd/gatehouse may import it.
package demo
