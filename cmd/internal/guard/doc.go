// Package guard is a reverse proxy that protects a service which knows nothing of
// tokens: it lets a request through when a route names it and its access token has
// the scopes that the route asks for, and tells the service who is asking.
//
// Behind another proxy (forward.go) it answers whether a request may pass, and who asks.
// Browsers it sends to sign in (sign_in.go) and knows again by a sealed cookie
// (session.go, visit.go) whose tokens it keeps fresh (tokens.go); nothing is kept here.
//
// It owns the file of routes ([Config]), every mistake in it (mistake.go), and the way
// from a request to a route (route.go, target.go). Who presents a token is proven by
// authz/resource, for a session too. It
// refuses what no route names, paths that two readers could read differently, and
// every X-Gatehouse- header from outside. Paths are compared letter by letter; one that a service
// which ignores case, or a slash at the end, takes for a more specific place is refused.
// cmd/gatehouse alone may import it.
package guard
