// Package console is the operator's overview of the deployment: who is signed in,
// which clients there are, which keys sign. It shows and changes nothing; changes
// are made through web/api and the command line.
//
// It opens to a signed-in person whose role holds "admin", and asks
// authz/directory in that person's name. web alone may import it.
package console
