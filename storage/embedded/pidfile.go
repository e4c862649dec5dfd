package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ready is the status that a postmaster writes when it takes connections.
const ready = "ready"

// pidFile is what we read in a postmaster.pid, or in the lock file of a socket,
// which has the same form (PostgreSQL's miscadmin.h, "LOCK_FILE_LINE").
type pidFile struct {
	// PID is 0 when the file names none: it is empty or was cut off.
	PID       int
	SocketDir string
	Status    string
}

func pidFilePath(cluster string) string { return filepath.Join(cluster, "postmaster.pid") }

func readPIDFile(path string) (pidFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return pidFile{}, err
	}
	return parsePIDFile(string(text)), nil
}

// parsePIDFile takes what is there: a server that just starts has not written
// all lines, and one that was cut off never will.
func parsePIDFile(text string) pidFile {
	var lines [8]string
	for i, line := range strings.SplitN(text, "\n", len(lines)+1) {
		if i < len(lines) {
			lines[i] = strings.TrimSpace(line)
		}
	}
	p := pidFile{SocketDir: lines[4], Status: lines[7]}
	if pid, err := strconv.ParseInt(lines[0], 10, 32); err == nil {
		// A server without sockets (postgres --single) writes its number negated.
		p.PID = int(max(pid, -pid))
	}
	return p
}

// disown writes our own process number into line 1, and leaves the rest as it
// is. PostgreSQL knows that its parent is no server, so it takes the file for
// stale and clears it up itself, with all the checks that deleting it would
// skip. The file is the account's: root must not be led elsewhere by a link.
func disown(path string, owner int) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("open stale pid file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("check stale pid file: %w", err)
	}
	if !info.Mode().IsRegular() || ownerOf(info) != owner {
		return fmt.Errorf("%s is not a file of user %d", path, owner)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read stale pid file: %w", err)
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	text = fmt.Appendf(nil, "%d\n%s", os.Getpid(), rest)
	if _, err := f.WriteAt(text, 0); err != nil {
		return fmt.Errorf("write stale pid file: %w", err)
	}
	return f.Truncate(int64(len(text)))
}
