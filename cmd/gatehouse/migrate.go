package main

import (
	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/storage/postgres"
)

func newMigrateCommand(i *invocation) *cobra.Command {
	up := newMigrateUpCommand(i)
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to the schema that this program needs",
		Long: `Applies the migrations that are missing, under a lock in the database, so that
any number of replicas may do it at once. This release of the program runs both
before and after its migrations, so migrate first and then replace the servers.

Migrating connects as the user of the database URL, who must own the schema.`,
		Example: `  gatehouse migrate
  gatehouse migrate status --output json
  gatehouse migrate down --to 3`,
		Args: cobra.NoArgs,
		RunE: up.RunE,
	}
	cmd.AddCommand(up, newMigrateDownCommand(i), newMigrateStatusCommand(i))
	return cmd
}

// migration is what a migration did, or where the schema stands.
type migration struct {
	Version int64   `json:"version"`
	Wanted  int64   `json:"wanted"`
	Applied []int64 `json:"applied"`
}

// migrate moves the schema and prints where it stands after that.
func (i *invocation) migrate(cmd *cobra.Command, move func(*postgres.Migrator) ([]int64, error)) error {
	c, err := i.settings(cmd)
	if err != nil {
		return err
	}
	return i.withDatabase(cmd.Context(), c, func(d *database) error {
		return withMigrator(d, func(m *postgres.Migrator) error {
			moved, err := move(m)
			if err != nil {
				return err
			}
			have, want, err := m.Version(cmd.Context())
			if err != nil {
				return err
			}
			return i.print().One(migration{have, want, append([]int64{}, moved...)})
		})
	})
}

func newMigrateUpCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "up",
		Short:   "Apply the migrations that are missing",
		Long:    "Applies the migrations that are missing. It does nothing when none is.",
		Example: "  gatehouse migrate up",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return i.migrate(cmd, func(m *postgres.Migrator) ([]int64, error) { return m.Up(cmd.Context()) })
		},
	}
}

func newMigrateDownCommand(i *invocation) *cobra.Command {
	var to int64
	cmd := &cobra.Command{
		Use:   "down --to VERSION",
		Short: "Take back the migrations after a version",
		Long: `Takes back every migration after the version. What the tables that they made
hold is lost; "--to 0" loses everything. Make an export first.`,
		Example: `  gatehouse db export --file before.dump
  gatehouse migrate down --to 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return i.migrate(cmd, func(m *postgres.Migrator) ([]int64, error) { return m.DownTo(cmd.Context(), to) })
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, "The version to go back to")
	require(cmd, "to")
	return cmd
}

func newMigrateStatusCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show which migrations the database has",
		Long:    "Shows the version of the schema and the one that this program needs.",
		Example: "  gatehouse migrate status --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return i.migrate(cmd, func(*postgres.Migrator) ([]int64, error) { return nil, nil })
		},
	}
}
