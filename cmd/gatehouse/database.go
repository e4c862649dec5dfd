package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage/embedded"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// A private PostgreSQL that was killed recovers before it answers.
const startLimit = 2 * time.Minute

// database is the database that a command works on.
type database struct {
	dsn string
	// private: it is run from the data directory and not configured by anyone.
	private bool
	// server is the private PostgreSQL where this process started it.
	server *embedded.Server
}

// openDatabase finds the configured database. Where none is configured it joins
// the private one that a running server of this data directory has, or runs it
// until close.
func (i *invocation) openDatabase(ctx context.Context, c *config.Config) (*database, error) {
	if err := c.ValidateDatabase(); err != nil {
		return nil, err
	}
	if c.DatabaseURL.IsSet() {
		return &database{dsn: c.DatabaseURL.Reveal()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	options := embedded.Options{DataDir: c.DataDir, Log: i.quiet(c)}
	for {
		if dsn, running, err := embedded.Attach(ctx, options); err != nil || running {
			return &database{dsn: dsn, private: true}, err
		}
		server, err := embedded.Start(ctx, options)
		if errors.Is(err, embedded.ErrLocked) && ctx.Err() == nil {
			continue // another process was faster: it can be joined
		}
		if err != nil {
			return nil, err
		}
		return &database{dsn: server.DSN(embedded.Database), private: true, server: server}, nil
	}
}

func (d *database) close() error {
	if d.server == nil {
		return nil
	}
	// What a busy disk still has to write can take minutes; cut short, the next start
	// has to recover.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return d.server.Stop(ctx)
}

// withDatabase runs a command on the database and gives it back.
func (i *invocation) withDatabase(ctx context.Context, c *config.Config, act func(*database) error) error {
	d, err := i.openDatabase(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(act(d), d.close())
}

// withMigrator runs a command that moves the schema, or asks where it stands.
func withMigrator(d *database, act func(*postgres.Migrator) error) error {
	m, err := postgres.NewMigrator(d.dsn)
	if err != nil {
		return err
	}
	return errors.Join(act(m), m.Close())
}

// currentSchema makes sure that the schema is what this program needs. A private
// database that nobody else is using is brought there; any other is its
// operator's to migrate.
func (d *database) currentSchema(ctx context.Context) error {
	return withMigrator(d, func(m *postgres.Migrator) error {
		if d.server != nil {
			_, err := m.Up(ctx)
			return err
		}
		have, want, err := m.Version(ctx)
		if err == nil && have < want {
			err = fmt.Errorf("the schema of the database is at version %d and this program needs %d: run gatehouse migrate", have, want)
		}
		return err
	})
}

// withStore runs a command on the rows of the database.
func (i *invocation) withStore(ctx context.Context, c *config.Config, act func(*postgres.Store) error) error {
	return i.withDatabase(ctx, c, func(d *database) error {
		if err := d.currentSchema(ctx); err != nil {
			return err
		}
		store, err := i.openStore(ctx, d.dsn, postgres.Options{MaxConns: 2, Log: i.quiet(c)})
		if err != nil {
			return err
		}
		defer store.Close()
		return act(store)
	})
}

// openStore opens the database, whose clock is this invocation's from then on.
func (i *invocation) openStore(ctx context.Context, dsn string, o postgres.Options) (*postgres.Store, error) {
	o.Clock = postgres.NewClock(i.now)
	store, err := postgres.Open(ctx, dsn, o)
	if err != nil {
		return nil, err
	}
	i.now = o.Clock.Now
	return store, nil
}
