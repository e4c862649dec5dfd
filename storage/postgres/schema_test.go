package postgres_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse/gatehouse/storage/storagetest"
)

var update = flag.Bool("update", false, "write migrations/schema.sql anew")

const schemaFile = "../../migrations/schema.sql"

// TestSchema holds migrations/schema.sql, which people read, equal to what the
// migrations build.
func TestSchema(t *testing.T) {
	t.Parallel()
	built := dumpSchema(t)
	if *update {
		if err := os.WriteFile(schemaFile, []byte(built), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(kept), "\n"), strings.Split(built, "\n")); diff != "" {
		t.Errorf("migrations/schema.sql is stale; make schema writes it anew (-kept +built):\n%s", diff)
	}
}

// What versions of pg_dump differ in, and what says nothing about the schema.
var noise = regexp.MustCompile(`(?m)^(--.*|SET .*;|SELECT pg_catalog\.set_config\(.*|\\(un)?restrict .*)\n`)

var blank = regexp.MustCompile(`\n{3,}`)

func dumpSchema(t *testing.T) string {
	t.Helper()
	out := storagetest.Dump(t, storagetest.NewDSN(t), "--schema-only", "--no-owner", "--exclude-table=public.gatehouse_migrations*")
	body := blank.ReplaceAllString(noise.ReplaceAllString(out, ""), "\n\n")
	return "-- The whole schema, dumped from what the migrations build; do not edit (make schema).\n\n" + strings.TrimSpace(body) + "\n"
}
