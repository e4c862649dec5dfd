// Package remote is the command line as a client of a server that runs elsewhere:
// it signs a person in by a browser on this machine (RFC 8252) or on
// any other (RFC 8628), keeps what it was given,
// refreshes it, and gives it back.
//
// It owns the file of credentials. It refuses to read one that others can read,
// to send a token where nobody encrypts, and to follow a redirect with one. It
// decides nothing about output or exit codes. cmd/gatehouse alone may import it.
package remote
