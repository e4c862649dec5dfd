package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newDBExportCommand(i *invocation) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "export --file FILE",
		Short: "Write the whole database to a file",
		Long: `Writes everything to a file in pg_dump's custom form, readable by its owner alone:
it holds password hashes and sealed keys. "--file -" writes to standard output.
The sealed keys open only under the same secret, which is not in the file.

The user of the database URL must be able to read every row: the owner of the
schema with BYPASSRLS, or a superuser.`,
		Example: `  gatehouse db export --file backup.dump
  gatehouse db export --file - | age -r "$RECIPIENT" > backup.dump.age`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			return i.withDatabase(cmd.Context(), c, func(d *database) error {
				dump := tool{name: "pg_dump", dsn: d.dsn, args: []string{"--format=custom", "--no-owner", "--no-password"}, out: i.out, errs: i.errs}
				if path == "-" {
					return dump.run(cmd.Context(), i.environ)
				}
				err := writeWhole(path, func(f *os.File) error {
					dump.out = f
					return dump.run(cmd.Context(), i.environ)
				})
				if err != nil {
					return fmt.Errorf("export the database: %w", err)
				}
				return i.print().One(exported{path})
			})
		},
	}
	cmd.Flags().StringVarP(&path, "file", "f", "", "The file to write, or - for standard output")
	require(cmd, "file")
	return cmd
}

type exported struct {
	File string `json:"file"`
}

// writeWhole puts a file in its place only when it is complete, so that half an
// export never stands where a backup was.
func writeWhole(path string, write func(*os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}
