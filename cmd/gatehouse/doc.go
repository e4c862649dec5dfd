// Command gatehouse is the whole program: the server, and the command line that
// operates it.
//
// The root command and its groups are composed in root.go, one file per command
// or noun. Commands read flags, call a package below, and print what it answers;
// they decide nothing.
//
// Every admin command is a call of the API (web/api), by the value that the server
// registers: its flags fill the parameters of an operation, and one or list
// (operator.go) call it and print the document. Where it is answered is for
// operation to choose: by the server that was chosen or signed in to, or, without
// one, in this process on the database of the settings, in the name of the host.
//
//	var in api.UserFilter
//	narrowingFlags(cmd, &in.UserNarrowing)
//	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListUsers, in) })
//
// Secrets come from standard input or from a file, never from an argument, which
// every user of the machine can read. The exit code is 0, 1 (it failed), 2 (it
// was called wrongly) or 3 (it was refused).
package main
