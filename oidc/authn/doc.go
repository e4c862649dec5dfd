// Package authn proves who a user is, and yields how strongly and when: acr, amr
// and auth_time ([Proof]).
//
// It owns the password: its type, its hash (argon2id; this is the only door to
// that library), what a new one must be like, how often one may be tried, and the
// decision of a sign-in. It owns what stands beside and above a password: passkeys
// (the only door to go-webauthn), codes of an authenticator app, recovery codes.
// Every door that takes a password or a code asks here, so that there is one limit
// for all of them. What waits for an answer travels sealed through the browser: no
// row is written for anybody who has not proven anything.
//
// It refuses to tell an outsider anything but "right" or "wrong": an account that
// does not exist, has no password or is disabled costs the same work and yields
// the same error as a wrong password. It knows no HTTP, no cookie and no session.
//
// It may be imported by authz/directory, oidc, the web packages and the command
// line. It stands on authz, storage and storage/postgres.
package authn
