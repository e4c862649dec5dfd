// Package jobs does the work that changes set off: mail, notices, and what is due
// every so often. It is the only door to the job library.
//
// A job is enqueued by storage/postgres, in the transaction that causes it, so
// there is no job without its change and no change without its job. Any number of
// replicas run [Run] on one database: a job is taken by one of them, tried again
// after a pause that grows when it fails, and given up after a day and a half. Work that
// was going on when a replica died is done again by another; a job therefore
// may run twice, and must bear it.
//
// A new kind is a type with a method Kind ([storage.Job]) and one entry in the list
// that cmd/gatehouse hands to Run. The package refuses to know what the work is.
package jobs
