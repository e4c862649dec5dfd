// Command gatehouse is the whole program: the server, and the command line that
// operates it.
//
// The root command and its groups are composed in root.go, one file per command
// or noun. Commands read flags, call a package below, and print what it answers;
// they decide nothing. The admin commands work on the database of this machine
// through authz/directory, as its host actor: who may run them is a matter of
// who may log in here and read the settings.
//
// Secrets come from standard input or from a file, never from an argument, which
// every user of the machine can read. The exit code is 0, 1 (it failed), 2 (it
// was called wrongly) or 3 (it was refused).
package main
