// Package recovery is one-time links: who may have one, and what it does when it is
// spent. A link verifies an address, chooses a password, signs in, changes an
// address or takes that back, accepts an invitation, or makes an account.
//
// Its law: whoever asks learns nothing about who has an account, because the
// question is answered before it is looked into; opening a link spends nothing,
// because mail scanners open links; of any number who spend it one wins, in the
// transaction of what it does; and a link is never a second factor, nor does it stand in for
// one.
//
// How long links last: to sign in 10 minutes, to choose a new password 15, to prove an
// address 30. Those for people who do not wait for them last longer: taking back a change of
// address and setting up an account three days, an invitation seven.
//
// The package refuses to know pages, cookies and words. web alone may import it.
package recovery
