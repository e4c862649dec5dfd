package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage/jobs"
)

// jobs is every kind of work that is done behind the requests: the server's own, and
// what is due every so often.
func (i *invocation) jobs(c *config.Config, h *house, log *slog.Logger) []jobs.Entry {
	return append(h.server.Jobs(),
		jobs.Every[cleaning](5*time.Minute, func(ctx context.Context) error {
			removed, err := h.store.ForOperator().Clean(ctx, i.now(), c.RefreshAbsoluteLifetime)
			if removed > 0 {
				log.InfoContext(ctx, "removed what had expired", "rows", removed)
			}
			return err
		}),
		jobs.Every[rotation](time.Hour, func(ctx context.Context) error {
			_, err := h.keys.Rotate(ctx)
			return err
		}),
	)
}

// cleaning removes what has expired.
type cleaning struct{}

func (cleaning) Kind() string { return "clean" }

// rotation replaces the signing keys that are due.
type rotation struct{}

func (rotation) Kind() string { return "rotate_keys" }
