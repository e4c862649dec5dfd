// Package templates is everything that a person sees: the pages, their one
// style sheet and the one script.
//
// A page is one exported struct and one file in page/ of the same name. The
// struct carries facts (names, instants, what went wrong), the file carries the
// markup, and message/ the words: one catalogue for each language, a JSON object of
// texts by key. No sentence is put together in Go. [Render] is the only way to a
// page, [Static] the only way to the files that pages refer to.
//
// To add a text, give it a key beginning with its page's name, write it into every
// catalogue, and ask for it with
//
//	{{t "consent.heading" "client" .Client.Name}}
//
// where the pairs fill the placeholders ({client}); each is escaped, and kept apart
// from the direction of the text around it. A text that counts is an object of the
// plural forms of its language (Unicode CLDR) and is given an integer named count. A
// catalogue may carry the markup that the English text has, and no other. Keys are
// written out, so that the tests find them: they hold the catalogues complete and
// the templates free of words. The console and the demonstration are English.
//
// To add a language, add its catalogue and its line in language.go.
//
// Pages work without any script and under the policy
//
//	default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'
//
// plus the form-action that the handler knows. [FormPost] alone has a script
// and also needs script-src 'self'. Nothing is ever requested from another host.
//
// The package refuses to know requests, cookies and storage: it stands on the
// standard library, golang.org/x/text and authz. The web packages and the demo application may
// import it.
package templates
