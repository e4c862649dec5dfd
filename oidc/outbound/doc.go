// Package outbound fetches what strangers point to: the key sets, metadata
// documents and sector identifiers that clients name, and the addresses that
// they want to be told at.
//
// Whoever may name an address may name one inside our network. So there is one
// way out, and it is narrow: https alone, the address judged when the connection
// is made (a name may resolve to another one the second time), no redirect, no
// proxy, small answers, short deadlines, and few requests at once. Whatever goes
// wrong has one text, for the difference between a closed and an open port is
// worth something to an attacker.
//
// It refuses to know what is fetched. It may be imported by oidc and by what
// runs its jobs.
package outbound
