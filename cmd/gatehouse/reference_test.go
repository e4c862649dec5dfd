package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

const referenceFile = "../../docs/cli.md"

// docs/cli.md is the help of every command, so a change of the tree shows there.
func TestReference_Fresh(t *testing.T) {
	want := reference(newRootCommand(&invocation{format: "table"}))
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("docs/cli.md is stale: run go test ./cmd/gatehouse -run TestReference -update")
	}
}

func reference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands\n\n<!-- Generated from cmd/gatehouse by go test -update; do not edit. -->\n")
	everyCommand(root, func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```sh\n%s\n```\n", cmd.CommandPath(), cmd.Long, unindent(cmd.Example))
		if !cmd.HasSubCommands() {
			fmt.Fprintf(&b, "\nUsage: `%s`\n", cmd.UseLine())
		}
		if flags := cmd.NonInheritedFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(&b, "\n```\n%s```\n", flags)
		}
	})
	return b.String()
}

func unindent(example string) string {
	return strings.TrimPrefix(strings.ReplaceAll(example, "\n  ", "\n"), "  ")
}
