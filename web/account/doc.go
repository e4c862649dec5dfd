// Package account is the pages on which people look after themselves: where they
// are signed in, and which applications may act for them. web alone may import it.
package account
