// Package embedded runs a private PostgreSQL as a child process, from the
// machine's own binaries, so that Gatehouse starts with nothing configured.
//
// It owns the data directory: the cluster, the lock that keeps a second server
// out, the account PostgreSQL runs as when we are root, and the Unix socket
// that is its only door (no TCP). It promises that the server ends when our
// process does, also by kill -9, and that the next start works at once.
//
// Connections are not asked for a password. What keeps other local users out is
// the directory of the socket, which only the account that runs PostgreSQL (and
// root) may enter; as a rule that is the cluster's own directory.
//
// It refuses to delete or convert data: a cluster of another major version is
// left as it is. It knows no schema and no driver; it hands out a connection
// string, and storage/postgres does the rest. Commands and tests may import it.
//
// On Linux the kernel ends the server with us. Elsewhere nothing does: there a
// server that outlived a killed parent is stopped by the next [Start].
package embedded
