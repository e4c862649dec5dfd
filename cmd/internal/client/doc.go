// Package client calls the operations of web/api: over HTTPS, or in this process
// through a handler that never listens. The operation is the value that the server
// registers, so address, parameters and answer are written once.
//
// Refusals are a [*Problem], which is [ErrRefused] where something may not be done.
// The package knows nothing of flags or of output. cmd/gatehouse alone may import it.
package client
