// Package spelling finds the name that somebody meant when they wrote one that does not
// exist. It knows nothing of what is named; anybody may import it, and it imports the
// standard library alone.
package spelling
