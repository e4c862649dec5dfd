package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/output"
)

func newDBDSNCommand(i *invocation) *cobra.Command {
	var whole bool
	cmd := &cobra.Command{
		Use:   "dsn",
		Short: "Print the connection string of the database",
		Long: `Prints the connection string, without the password that may stand in it: as an
argument of another program everybody on the machine could read it. Give the
password to that program by PGPASSWORD or ~/.pgpass, or use --with-password and
keep the output out of arguments.`,
		Example: `  psql "$(gatehouse db dsn)"
  gatehouse db dsn --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			dsn, err := runningDatabase(cmd.Context(), c)
			if err != nil {
				return err
			}
			if dsn == "" {
				return errors.New("the private database is not running: start it with gatehouse serve, or use gatehouse db psql")
			}
			if !whole {
				dsn, _ = splitPassword(dsn)
			}
			if i.format == output.Table {
				_, err = fmt.Fprintln(i.out, dsn)
				return err
			}
			return i.print().One(struct {
				DSN string `json:"dsn"`
			}{dsn})
		},
	}
	cmd.Flags().BoolVar(&whole, "with-password", false, "Print the password too")
	return cmd
}
