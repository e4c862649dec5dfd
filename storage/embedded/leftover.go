package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// leftoverPatience is how long a server of an earlier run may take to shut
	// down before it is told to drop everything.
	leftoverPatience = 10 * time.Second
	// orphanPatience is how long processes of a dead server may take to end.
	orphanPatience = 5 * time.Second
)

// settle brings the cluster into a state in which a server can start: whatever
// an earlier run left is stopped, waited out, or marked as stale. The caller
// holds the lock, so the earlier run is over.
func settle(ctx context.Context, cluster, socketDir string, a account) error {
	path := pidFilePath(cluster)
	if p, err := readPIDFile(path); err == nil && isServerOf(p.PID, cluster) {
		if err := stopLeftover(ctx, cluster, p.PID); err != nil {
			return err
		}
	}
	if err := endOrphans(ctx, cluster); err != nil {
		return err
	}
	for _, file := range []string{path, filepath.Join(socketDir, socketName+".lock")} {
		if err := reclaim(file, a); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// reclaim makes PostgreSQL see that the file's process is no server of ours. A
// dead one it sees by itself. A living one is another program that was given
// the same number, or a server that nobody has reaped.
func reclaim(path string, a account) error {
	p, err := readPIDFile(path)
	if err != nil {
		return err
	}
	if p.PID > 0 && errors.Is(syscall.Kill(p.PID, 0), syscall.ESRCH) {
		return nil
	}
	return disown(path, a.uid)
}

// stopLeftover ends a server that outlived the process that started it. On
// Linux it is already on its way, and the signal changes nothing. We wait for
// the pid file to vanish and not for the process: it is not our child, and
// where nobody reaps it, its number lives on.
func stopLeftover(ctx context.Context, cluster string, pid int) error {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := signalServer(pid, cluster, sig); err != nil {
			return fmt.Errorf("stop earlier server: %w", err)
		}
		patience, cancel := context.WithTimeout(ctx, leftoverPatience)
		err := until(patience, func() (bool, error) {
			_, err := os.Stat(pidFilePath(cluster))
			return errors.Is(err, fs.ErrNotExist) || !isServerOf(pid, cluster), nil
		})
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("the server of an earlier run (process %d) does not stop", pid)
}

// endOrphans ends what a server that was killed left of itself. PostgreSQL
// refuses to start beside it, and a process in the middle of a long statement
// does not notice for minutes. SIGQUIT is what its server would have sent: it
// drops everything, and the recovery that follows is due anyway.
func endOrphans(ctx context.Context, cluster string) error {
	patience, cancel := context.WithTimeout(ctx, orphanPatience)
	defer cancel()
	err := until(patience, func() (bool, error) {
		orphans, err := processesOf(cluster)
		for _, pid := range orphans {
			if err := signalServer(pid, cluster, syscall.SIGQUIT); err != nil {
				return false, err
			}
		}
		return len(orphans) == 0, err
	})
	if err != nil {
		return fmt.Errorf("end what an earlier server left: %w", err)
	}
	return nil
}

// signalServer signals a process if it still is one of the cluster's server.
func signalServer(pid int, cluster string, sig syscall.Signal) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer process.Release()
	// Looked at now that the handle pins the process to its number.
	if !isServerOf(pid, cluster) {
		return nil
	}
	if err := process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
