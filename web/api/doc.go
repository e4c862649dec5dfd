// Package api is /api/v1: the directory for programs, as JSON, described by the
// OpenAPI 3.1 document that stands at /api/v1/openapi.json, and as a page at
// /api/v1/docs.
//
// An operation is one value of type [Operation] at the top of the file of its noun:
// address, parameters, answer, and who may call it. The server registers the value
// with add (or addLines, for what streams), and the command line calls the same value
// through cmd/internal/client, so nothing is written twice:
//
//	var ShowUser = Operation[UserPath, Person]{"GET", "/users/{user}", "getUser", "Show a user", 200, people}
//
//	add(a, ShowUser, a.showUser)                                             // here
//	person, err := client.Call(ctx, c, api.ShowUser, api.UserPath{User: "ann"}) // there
//
// A handler is one call of authz/directory in the name of whoever asks; what is
// decided is decided there. A path names an object as people do (id, user name,
// e-mail address, slug), and the handler resolves the name. What is about a whole
// collection ends in a verb after a colon, /users:count, which is nobody's name.
//
// A token must be one of this issuer's, made for it, and alive at this moment;
// [API.ForHost] is the same API for the operator at the host, in the process. The
// package refuses cookies, unknown fields and parameters, and bodies beyond 256 KiB;
// its refusals are problem documents (RFC 9457), made in one place (problem.go).
// Nothing that a caller sent is repeated in one. web and the command line may import it.
package api
