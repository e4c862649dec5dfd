// Package web is the house over HTTP: one list of routes, what stands around every
// request, and the pages that belong to nobody else.
//
// Nobody registers a route elsewhere (routes.go). What stands around a request
// (middleware.go) is the same for all: a request id, the caller's address as far
// as proxies are trusted, bans, security headers, one line in the log. It decides
// nothing itself. cmd imports it.
package web
