// Package api is /api/v1: the directory for programs, as JSON, described by the
// OpenAPI 3.1 document that stands at /api/v1/openapi.json.
//
// Every operation is one line of routes.go and one call of authz/directory in the
// name of whoever holds the token; what is decided is decided there. A token must
// be one of this issuer's, made for it, and alive at this moment. The package
// refuses cookies, unknown fields and parameters, and bodies beyond 256 KiB; its
// refusals are problem documents (RFC 9457), made in one place (problem.go).
// Nothing that a caller sent is repeated in one. web alone may import it.
package api
