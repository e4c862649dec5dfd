package migrations_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/migrations"
)

// What the release before would trip over: it still reads and writes the schema that it
// knows while, and after, this one migrates.
var breaking = []*regexp.Regexp{
	regexp.MustCompile(`\bdrop\s+(table|view|schema|type|column)\b`),
	regexp.MustCompile(`\brename\s+(to|column|constraint)\b`),
	regexp.MustCompile(`\balter\s+column\s+\w+\s+(set\s+data\s+)?type\b`),
	regexp.MustCompile(`\balter\s+column\s+\w+\s+(set\s+not\s+null|drop\s+default)\b`),
	regexp.MustCompile(`\btruncate\b`),
}

// A column that must have a value breaks every insert that does not know it.
var (
	added   = regexp.MustCompile(`\badd\s+column\s+[^;,]+`)
	demands = regexp.MustCompile(`\bnot\s+null\b`)
	fills   = regexp.MustCompile(`\b(default|generated)\b`)
)

// contract is how a migration says that nothing uses any more what it takes away: since
// which migration the program, and so the release before, has not.
var contract = regexp.MustCompile(`(?m)^-- Unused since 0\d{4}: .+`)

// breaks is the first statement of a migration that the release before would trip over.
func breaks(migration string) string {
	up, _, _ := strings.Cut(migration, "-- +goose Down")
	if contract.MatchString(up) {
		return ""
	}
	up = strings.ToLower(regexp.MustCompile(`--[^\n]*`).ReplaceAllString(up, ""))
	for _, r := range breaking {
		if found := r.FindString(up); found != "" {
			return found
		}
	}
	for _, column := range added.FindAllString(up, -1) {
		if demands.MatchString(column) && !fills.MatchString(column) {
			return column
		}
	}
	return ""
}

// TestExpandFirst holds migrations to it that the release before works on what they make:
// they add, and take away only what is unused for a release.
func TestExpandFirst(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.Files, "0*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	// Made before there was a release before.
	first := map[string]bool{"00006_clients_and_audit.sql": true}
	for _, file := range files {
		text, err := migrations.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := breaks(string(text)); found != "" && !first[file] {
			t.Errorf("%s: %q breaks the release before: take it away one release later, and say \"-- Unused since 0NNNN: …\" there", file, found)
		}
	}
}

func TestBreaks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"alter table t drop column a;":                                         true,
		"DROP TABLE t;":                                                        true,
		"alter table t rename column a to b;":                                  true,
		"alter table t rename to u;":                                           true,
		"alter table t alter column a type bigint;":                            true,
		"alter table t alter column a set not null;":                           true,
		"alter table t add column a text not null;":                            true,
		"alter table t add column a text,\n  add column b int not null;":       true,
		"alter table t add column a text not null default '';":                 false,
		"alter table t add column a text;":                                     false,
		"create table t (a text not null);":                                    false,
		"-- drop table t\nselect 1;":                                           false,
		"select 1;\n-- +goose Down\ndrop table t;":                             false,
		"-- Unused since 00031: nobody reads a.\nalter table t drop column a;": false,
	} {
		if found := breaks(text); (found != "") != want {
			t.Errorf("%q: found %q", text, found)
		}
	}
}
