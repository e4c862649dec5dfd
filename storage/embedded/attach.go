package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Attach finds the server that another process runs for this data directory and
// gives the connection string of [Database], so that a command on the same host
// can use it. running is false when no process does: then [Start] can. While the
// other one is still starting, Attach waits for it, until ctx ends.
//
// Only root and the account that runs PostgreSQL can attach.
func Attach(ctx context.Context, opts Options) (connection string, running bool, err error) {
	h, err := homeAt(opts.DataDir)
	if err != nil {
		return "", false, err
	}
	var p pidFile
	err = until(ctx, func() (bool, error) {
		if running, err = h.locked(); err != nil || !running {
			return true, err
		}
		p, err = readPIDFile(pidFilePath(h.cluster()))
		if err == nil && p.Status == ready && isServerOf(p.PID, h.cluster()) {
			return answers(ctx, p.SocketDir) == nil, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return false, err
	})
	if err != nil {
		return "", false, fmt.Errorf("attach to PostgreSQL in %s: %w", h.cluster(), err)
	}
	if !running {
		return "", false, nil
	}
	return dsn(p.SocketDir, Database), true, nil
}
