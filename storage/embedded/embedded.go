package embedded

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Role is the superuser that every connection string names, and Database the
// database that a new cluster holds for Gatehouse.
const (
	Role     = "gatehouse"
	Database = "gatehouse"
)

// Errors that a caller can tell apart. Each arrives wrapped with the particulars.
var (
	// ErrLocked says that another process runs the server of this data
	// directory; [Attach] gives its connection string.
	ErrLocked = errors.New("the data directory is in use by another gatehouse process")
	// ErrNoBinaries says that no PostgreSQL 15 or newer was found; the whole
	// message names the one command that installs it.
	ErrNoBinaries = errors.New("no PostgreSQL 15 or newer found on this machine")
	// ErrVersionMismatch says that the data was made by a major version of
	// which there are no binaries. Nothing has been touched.
	ErrVersionMismatch = errors.New("the data was made by another major version of PostgreSQL")
)

// Options says where the data lives and how carefully it is kept.
type Options struct {
	// DataDir is the directory of the deployment; the cluster lives in its
	// subdirectory "postgres". It is made when missing.
	DataDir string
	// Log receives what PostgreSQL says: warnings and worse at warn or error,
	// the rest at debug. Nil discards it.
	Log *slog.Logger
	// Throwaway trades every durability for speed: the data does not survive a
	// crash of the machine. It is meant for tests.
	Throwaway bool
}

// DefaultDataDir is /var/lib/gatehouse for root, and gatehouse under
// XDG_DATA_HOME (or ~/.local/share) for anyone else. It is not under /root,
// where the account that PostgreSQL runs as could not reach it.
func DefaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/gatehouse", nil
	}
	// The XDG specification has relative values ignored.
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gatehouse"), nil
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, ".local", "share", "gatehouse"), nil
}

// pollEvery is how often a file or a lock is looked at while waiting for it.
const pollEvery = 3 * time.Millisecond

// until looks again and again until condition holds or fails, or ctx ends.
func until(ctx context.Context, condition func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if ok, err := condition(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
