// Package records reads what people write down for many users at once: CSV with a
// header, NDJSON, or one name to a line.
//
// It reads line by line in constant memory, and refuses rather than guesses: a
// byte-order mark, text that is not UTF-8, a line longer than [MaxLine], a quote that
// does not close, a column or member that nobody asked for, a value that is no text.
// Each refusal says the line and the reason; it does not repeat what it refuses, for
// that may be a password. The package knows nothing of users; the command line alone
// imports it.
package records
