package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/storage/postgres"
)

func newDBImportCommand(i *invocation) *cobra.Command {
	var path string
	var replace bool
	cmd := &cobra.Command{
		Use:   "import --file FILE",
		Short: "Put the whole database back from a file",
		Long: `Reads a file that "db export" wrote, in one transaction: it takes the place of
everything, or nothing changes. "--file -" reads standard input. Then it applies
the migrations that the file is behind, ends every session and revokes every
signing key of the file: what was revoked after the export must not come back to
life with it. People sign in again. The secret must be the one of the export.

A database that holds anything is left alone without --replace. Stop the servers
first: what they remember would be older or newer than what they find.`,
		Example: `  gatehouse db import --file backup.dump
  gatehouse db import --file backup.dump --replace`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			if err := c.ValidateSecret(); err != nil {
				return err
			}
			in, err := i.open(path)
			if err != nil {
				return err
			}
			defer in.Close()
			return i.withDatabase(cmd.Context(), c, func(d *database) error {
				if d.private && d.server == nil {
					return errors.New("a server runs on this data directory: stop it first")
				}
				secret, err := c.MasterSecret()
				if err != nil {
					return err
				}
				version, err := i.importFrom(cmd.Context(), d, in, replace)
				if err != nil {
					return err
				}
				if _, err := i.endEverything(cmd.Context(), d, secret); err != nil {
					return fmt.Errorf("the database is imported, but what was issued before could not be ended: %w", err)
				}
				return i.print().One(migration{Version: version, Wanted: version, Applied: []int64{}})
			})
		},
	}
	cmd.Flags().StringVarP(&path, "file", "f", "", "The file to read, or - for standard input")
	cmd.Flags().BoolVar(&replace, "replace", false, "Drop what the database holds")
	require(cmd, "file")
	return cmd
}

// open opens a file that an argument names; "-" is standard input.
func (i *invocation) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(i.in), nil
	}
	return os.Open(path)
}

func (i *invocation) importFrom(ctx context.Context, d *database, in io.Reader, replace bool) (version int64, err error) {
	err = withMigrator(d, func(m *postgres.Migrator) error {
		if err := makeRoom(ctx, m, replace); err != nil {
			return err
		}
		restore := tool{
			name: "pg_restore", dsn: d.dsn, in: in, out: i.errs, errs: i.errs,
			args: []string{"--clean", "--if-exists", "--no-owner", "--no-password", "--single-transaction", "--exit-on-error"},
		}
		if err := restore.run(ctx, i.environ); err != nil {
			return fmt.Errorf("import the database (nothing was changed): %w", err)
		}
		if _, err := m.Up(ctx); err != nil {
			return err
		}
		version, _, err = m.Version(ctx)
		return err
	})
	return version, err
}

// makeRoom refuses a database that holds something. In an empty one it makes the
// role that the file's grants name, which belongs to no database and is in no
// export: the first migration makes it, and it stays when that is taken back.
func makeRoom(ctx context.Context, m *postgres.Migrator, replace bool) error {
	have, _, err := m.Version(ctx)
	if err != nil {
		return err
	}
	if have > 0 {
		if !replace {
			return errors.New("the database is not empty: --replace drops what it holds, after which only an export brings it back")
		}
		return nil
	}
	if _, err := m.Up(ctx); err != nil {
		return err
	}
	_, err = m.DownTo(ctx, 0)
	return err
}
