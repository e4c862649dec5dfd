// Package login is the pages between an authorization request and its answer:
// sign-in, the choice of a tenant, consent; and the page where a person lets a
// device in that has no browser (device.go).
//
// Its law: no step leads to another. Each ends where it began, at the
// authorization endpoint, which judges the request again, or at the device page;
// when nothing waits, the end is the account page. It decides nothing about
// passwords (oidc/authn) or requests (oidc). web alone may import it.
package login
