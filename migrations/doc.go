// Package migrations embeds the numbered SQL that builds the database, and
// schema.sql, the dumped whole.
//
// A migration opens with one sentence of why, and release N of the program runs
// both before and after migration N. schema.sql is generated (make schema) and a
// test holds it equal to what the migrations build. The package refuses to run
// anything: storage/postgres does that, under a lock.
package migrations

import "embed"

// Files holds the numbered migrations, in the form that goose reads.
//
//go:embed *.sql
var Files embed.FS
