package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	// Who waits for a table holds up all who come after. Shorter than deadlock_timeout, so
	// that it is no request that PostgreSQL ends where the two wait for each other.
	config.RuntimeParams["lock_timeout"] = "500"
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

// Up applies what is missing and returns the numbers of what it applied. Where tables are
// in use it steps back and tries again, for some minutes.
func (m *Migrator) Up(ctx context.Context) ([]int64, error) {
	applied, err := persist(ctx, func() ([]*goose.MigrationResult, error) { return m.provider.Up(ctx) })
	return applied, translate("migrate", err)
}

// DownTo takes back every migration after version, as patiently as [Migrator.Up].
func (m *Migrator) DownTo(ctx context.Context, version int64) ([]int64, error) {
	applied, err := persist(ctx, func() ([]*goose.MigrationResult, error) { return m.provider.DownTo(ctx, version) })
	return applied, translate("migrate back", err)
}

const (
	migrationAttempts = 120
	migrationPause    = time.Second
)

// persist moves on until nothing is left to do, or something other than a lock is in the way.
func persist(ctx context.Context, move func() ([]*goose.MigrationResult, error)) (applied []int64, err error) {
	for range migrationAttempts {
		var results []*goose.MigrationResult
		results, err = move()
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			results = partial.Applied
		}
		applied = append(applied, versions(results)...)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != lockNotAvailable && refused.Code != deadlockDetected {
			return applied, err
		}
		select {
		case <-ctx.Done():
			return applied, ctx.Err()
		case <-time.After(migrationPause):
		}
	}
	return applied, err
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
