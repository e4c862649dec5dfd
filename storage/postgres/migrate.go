package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/gatehouse/gatehouse/migrations"
)

// Migrator moves the schema of one database forward and back. Whoever runs it
// owns the schema, so it connects as the login itself and not as the
// application's role.
type Migrator struct {
	db       *sql.DB
	provider *goose.Provider
}

// NewMigrator connects to the database of a connection string. Migrations run
// under a lock held in the database, so replicas may all start at once.
func NewMigrator(dsn string) (*Migrator, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("parse the database URL: it is not a valid PostgreSQL connection string")
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return nil, fmt.Errorf("prepare migration lock: %w", err)
	}
	// What a migration changes is everybody's, and row-level security binds the tables' owner, too.
	config.RuntimeParams["app.operator"] = "on"
	db := stdlib.OpenDB(*config)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files,
		goose.WithSessionLocker(locker), goose.WithTableName("public.gatehouse_migrations"))
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return &Migrator{db: db, provider: provider}, nil
}

// Close ends the connection.
func (m *Migrator) Close() error { return m.db.Close() }

// Up applies what is missing and returns the numbers of what it applied.
func (m *Migrator) Up(ctx context.Context) ([]int64, error) {
	results, err := m.provider.Up(ctx)
	return versions(results), translate("migrate", err)
}

// DownTo takes back every migration after version.
func (m *Migrator) DownTo(ctx context.Context, version int64) ([]int64, error) {
	results, err := m.provider.DownTo(ctx, version)
	return versions(results), translate("migrate back", err)
}

// Version is the number of the last migration applied, and of the last there is.
func (m *Migrator) Version(ctx context.Context) (have, want int64, err error) {
	for _, source := range m.provider.ListSources() {
		want = max(want, source.Version)
	}
	have, err = m.provider.GetDBVersion(ctx)
	return have, want, translate("read schema version", err)
}

func versions(results []*goose.MigrationResult) []int64 {
	var applied []int64
	for _, r := range results {
		applied = append(applied, r.Source.Version)
	}
	return applied
}
