package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage/embedded"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

func newDBCommand(i *invocation) *cobra.Command {
	return group("db", "Look after the database",
		`Shows, opens, exports and imports the database that the settings name, or the
private one of the data directory. The tools are PostgreSQL's own: psql, pg_dump
and pg_restore, of the server's major version where it is installed.`,
		`  gatehouse db status
  gatehouse db psql
  gatehouse db export --file backup.dump`,
		newDBStatusCommand(i), newDBDSNCommand(i), newDBPsqlCommand(i), newDBExportCommand(i), newDBImportCommand(i), newDBRestoredCommand(i))
}

// databaseStatus says where the database is and whether it is as it should be.
type databaseStatus struct {
	Private       bool   `json:"private"`
	Running       bool   `json:"running"`
	DataDir       string `json:"data_dir"`
	URL           string `json:"url"`
	SchemaVersion *int64 `json:"schema_version"`
	SchemaWanted  *int64 `json:"schema_wanted"`
	UpToDate      bool   `json:"up_to_date"`
}

func newDBStatusCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show where the database is and whether its schema is current",
		Long: `Shows which database the settings lead to, without its password, and whether its
schema is the one that this program needs. It starts nothing: a private database
that no server is running is shown as not running.`,
		Example: "  gatehouse db status --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			status, err := readStatus(cmd.Context(), c)
			if err != nil {
				return err
			}
			return i.print().One(status)
		},
	}
}

func readStatus(ctx context.Context, c *config.Config) (databaseStatus, error) {
	dsn, err := runningDatabase(ctx, c)
	if err != nil {
		return databaseStatus{}, err
	}
	s := databaseStatus{Private: !c.DatabaseURL.IsSet(), DataDir: c.DataDir, Running: dsn != ""}
	if !s.Running {
		return s, nil
	}
	s.URL, _ = splitPassword(dsn)
	err = withMigrator(&database{dsn: dsn}, func(m *postgres.Migrator) error {
		have, want, err := m.Version(ctx)
		s.SchemaVersion, s.SchemaWanted, s.UpToDate = &have, &want, have >= want
		return err
	})
	return s, err
}

// runningDatabase is the connection string of a database that runs without us,
// or "" where the private one does not.
func runningDatabase(ctx context.Context, c *config.Config) (string, error) {
	if err := c.ValidateDatabase(); err != nil {
		return "", err
	}
	if c.DatabaseURL.IsSet() {
		return c.DatabaseURL.Reveal(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	dsn, _, err := embedded.Attach(ctx, embedded.Options{DataDir: c.DataDir})
	return dsn, err
}
