package storagetest

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/gatehouse/gatehouse/storage/embedded"
)

// Dump is what pg_dump writes of a database, as text.
func Dump(t testing.TB, dsn string, options ...string) string {
	t.Helper()
	binaries, err := embedded.FindBinaries(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	tool, err := binaries.Path("pg_dump")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	command := exec.CommandContext(t.Context(), tool, append(options, "--dbname="+dsn)...)
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v: %s", err, said.String())
	}
	return string(out)
}
