package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// home is the data directory, absolute. The cluster is one directory in it;
// whatever else lives there is not this package's.
type home string

func (h home) cluster() string  { return filepath.Join(string(h), "postgres") }
func (h home) lockFile() string { return filepath.Join(string(h), "postgres.lock") }

func homeAt(dir string) (home, error) {
	if dir == "" {
		return "", errors.New("no data directory named")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolve data directory: %w", err)
	}
	if strings.Contains(dir, "\n") {
		return "", errors.New("the data directory has a line break in its name, which PostgreSQL's pid file cannot hold")
	}
	return home(dir), nil
}

// make creates the directory when it is missing. Root's may be crossed, but not
// listed, by others: the account that PostgreSQL runs as has to cross it.
func (h home) make() error {
	if _, err := os.Stat(string(h)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(filepath.Dir(string(h)), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(string(h), mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Once more, because a strict umask would keep that account out.
	return os.Chmod(string(h), mode)
}

// lockPatience is how long a held lock is asked for again: a process that was
// killed just now holds it until the kernel has taken it apart.
const lockPatience = 300 * time.Millisecond

// lock keeps every other process from running this server until the file is
// closed, at the latest by our end. The file itself stays: deleting it would
// let two processes lock two files of the same name.
func (h home) lock(ctx context.Context) (*os.File, error) {
	// Where the directory belongs to PostgreSQL's account, root must not follow a link planted in it.
	f, err := os.OpenFile(h.lockFile(), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	patience, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	err = until(patience, func() (bool, error) { return tryLock(f) })
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		err = fmt.Errorf("%w: %s", ErrLocked, h)
	default:
		err = fmt.Errorf("lock data directory: %w", err)
	}
	return nil, errors.Join(err, f.Close())
}

// locked reports whether a process runs the server of this data directory. It
// takes the lock for an instant, which [home.lock] is patient enough for.
func (h home) locked() (bool, error) {
	f, err := os.OpenFile(h.lockFile(), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open lock: %w", err)
	}
	free, err := tryLock(f)
	return !free, errors.Join(err, f.Close())
}

func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// major is the major version that made the cluster, 0 when there is none yet.
func (h home) major() (int, error) {
	text, err := os.ReadFile(filepath.Join(h.cluster(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, h.vacant()
	}
	if err != nil {
		return 0, fmt.Errorf("read cluster version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || major < 1 {
		// PostgreSQL 9.6 and older wrote two numbers.
		return 0, fmt.Errorf("%w: %s names no version that Gatehouse knows", ErrVersionMismatch, filepath.Join(h.cluster(), "PG_VERSION"))
	}
	return major, nil
}

// vacant reports whether a cluster can be put in place without covering
// anything: an empty directory is as good as none.
func (h home) vacant() error {
	entries, err := os.ReadDir(h.cluster())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty and holds no cluster (no PG_VERSION)", h.cluster())
	}
	return nil
}
