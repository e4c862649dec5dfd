// Package browser is what stands between a person's browser and the pages: its
// cookies, the session behind them, the token that proves a form is ours, and the
// headers under which a page is sent.
//
// A browser has two cookies. One names the browser: paused requests and forms are
// bound to it, and it says nothing about anybody. The other holds a session's id
// and secret; the row in the database is the truth. The package refuses to decide
// who somebody is (oidc/authn) or what they may do. The web packages import it.
package browser
