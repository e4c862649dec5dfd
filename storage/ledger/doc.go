// Package ledger holds in memory what decides, without asking anybody, whether an
// access token is still worth what was signed: the ids that are dead, and whose
// rights changed since when. The store's feed keeps it current.
//
// An entry costs some thirty bytes and goes when no token can carry its id any
// more. Looking takes one of 256 locks for reading, so requests do not wait for
// one another.
//
// It refuses to guess: while the feed is older than two seconds its verdict is
// [Unknown], and the caller asks the database. Everything that judges a token may
// import it.
package ledger
