package main

import (
	"cmp"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Long:  "Prints the version, the commit that it was built from, and the version of Go that built it.",
		Example: `  gatehouse version
  gatehouse version --output json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return i.print().One(readBuild()) },
	}
}

// release is set by the linker, from the tag that is built.
var release string

type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

func version() string { return readBuild().Version }

// readBuild asks the binary itself: the Go tool writes the version there.
func readBuild() build {
	b := build{Version: "(devel)"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	b.Version = cmp.Or(release, info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
