// Package templates is everything that a person sees: the pages, their one
// style sheet and the one script.
//
// A page is one exported struct and one file in page/ of the same name. The
// struct carries facts (names, instants, what went wrong), the file carries the
// words: no sentence is put together in Go, so a second language is a second
// directory. [Render] is the only way to a page, [Static] the only way to the
// files that pages refer to.
//
// Pages work without any script and under the policy
//
//	default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'
//
// plus the form-action that the handler knows. [FormPost] alone has a script
// and also needs script-src 'self'. Nothing is ever requested from another host.
//
// The package refuses to know requests, cookies and storage: it stands on the
// standard library and authz. The web packages and the demo application may
// import it.
package templates
