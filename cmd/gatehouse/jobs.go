package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/oidc/mail"
	"github.com/gatehouse/gatehouse/storage/jobs"
)

// jobs is every kind of work that is done behind the requests, one line each.
func (i *invocation) jobs(c *config.Config, h *house, log *slog.Logger) ([]jobs.Entry, error) {
	carrier, err := i.carrier(c)
	if err != nil {
		return nil, err
	}
	from, err := c.Sender()
	if err != nil {
		return nil, err
	}
	return append(h.server.Jobs(carrier, from),
		jobs.Every[cleaning](5*time.Minute, func(ctx context.Context) error {
			removed, err := h.store.ForOperator().Clean(ctx, i.now(), c.RefreshAbsoluteLifetime)
			removedExpired(ctx, log, removed)
			return err
		}),
		jobs.Every[sweeping](time.Hour, func(ctx context.Context) error {
			removed, err := h.store.ForOperator().Sweep(ctx, i.now())
			removedExpired(ctx, log, removed)
			return err
		}),
		jobs.Every[retiring](time.Hour, func(ctx context.Context) error {
			removed, err := directory.NewRegistrar(directory.New(h.store, nil, i.now)).RemoveUnused(ctx)
			if removed > 0 {
				log.InfoContext(ctx, "removed clients that nobody has used", "clients", removed)
			}
			return err
		}),
		jobs.Every[rotation](time.Hour, func(ctx context.Context) error {
			_, err := h.keys.Rotate(ctx)
			return err
		}),
	), nil
}

func removedExpired(ctx context.Context, log *slog.Logger, rows int64) {
	if rows > 0 {
		log.InfoContext(ctx, "removed what had expired", "rows", rows)
	}
}

// carrier takes letters from here: to a mail server, into the folder of a development server, or nowhere.
func (i *invocation) carrier(c *config.Config) (mail.Carrier, error) {
	server, err := c.Post()
	switch {
	case err != nil:
		return nil, err
	case server != nil:
		return server, nil
	}
	if folder := i.mailbox(c); folder != nil {
		return folder, nil
	}
	return nil, nil
}

// mailbox is where a development server without a mail server keeps letters; nil for any other.
func (i *invocation) mailbox(c *config.Config) *mail.Folder {
	if c.Env != config.Development || c.SMTPAddress != "" {
		return nil
	}
	return &mail.Folder{Dir: filepath.Join(c.DataDir, "mail"), Now: i.now}
}

// cleaning removes what has expired.
type cleaning struct{}

func (cleaning) Kind() string { return "clean" }

// sweeping removes what has expired and is found by looking everywhere.
type sweeping struct{}

func (sweeping) Kind() string { return "sweep" }

// retiring removes clients that registered openly and that nobody has used.
type retiring struct{}

func (retiring) Kind() string { return "retire_clients" }

// rotation replaces the signing keys that are due.
type rotation struct{}

func (rotation) Kind() string { return "rotate_keys" }
