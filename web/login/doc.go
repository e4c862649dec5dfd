// Package login is the pages between an authorization request and its answer:
// sign-in, the choice of a tenant, consent.
//
// Its law: no step leads to another. Each ends where it began, at the
// authorization endpoint, which judges the request again; without a waiting
// request the end is the account page. It decides nothing about passwords
// (oidc/authn) or requests (oidc). web alone may import it.
package login
