// Package oidc is the protocol: OAuth 2.1 and OpenID Connect over HTTP, composed
// from fosite in one file (compose.go), one file for each endpoint.
//
// It owns what goes over the wire between a client and the authorization server.
// It refuses to know how a person proves who they are or what a page looks like:
// the browser and the pages are handed in ([Browser], [Pages]). It is the only
// door to fosite; no other package may import it. web may import this package.
//
// Two laws hold in it. The steps of an authorization (sign-in, consent) never
// route to one another; each returns to the authorization endpoint, which judges
// the whole request again. And fosite's storage is only marked while a token
// request runs; what it means is decided by one conditional statement at the end
// (unit.go), because fosite itself promises nothing about two requests at once.
package oidc
