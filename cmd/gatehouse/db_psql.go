package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newDBPsqlCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "psql [-- ARGUMENTS]",
		Short: "Open psql on the database",
		Long: `Opens psql on the database, as the user that owns the schema. What stands after
"--" goes to psql. A private database is run for as long as psql is open.

This user may see and change every row: row-level security binds the server's
role, not the owner. What is changed here leaves no trace in the audit log.`,
		Example: `  gatehouse db psql
  gatehouse db psql -- --command 'select count(*) from platform.users'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			return i.withDatabase(cmd.Context(), c, func(d *database) error {
				t := tool{name: "psql", dsn: d.dsn, args: args, in: i.in, out: i.out, errs: i.errs}
				// An interrupt is for psql, which ends its query and not itself.
				return t.run(context.WithoutCancel(cmd.Context()), i.environ)
			})
		},
	}
}
