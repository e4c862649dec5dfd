package storagetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

const clusterPrefix = "gatehouse-test-"

// clusterDir makes a directory in memory where there is room. It goes when this
// process ends; what others left whose sweeper was killed too goes now.
func clusterDir() (string, error) {
	parent := fastDir()
	if left, err := filepath.Glob(filepath.Join(parent, clusterPrefix+"*")); err == nil {
		for _, dir := range left {
			clearAbandoned(dir)
		}
	}
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%s%d-", clusterPrefix, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make cluster directory: %w", err)
	}
	if err := removeAtTheEnd(dir); err != nil {
		return "", fmt.Errorf("start sweeper of cluster directory: %w", err)
	}
	// As root the server runs as another account, which must get through.
	return dir, os.Chmod(dir, 0o711)
}

// lifeline is the end of a pipe that closes when this process ends, by whatever
// means: a test binary has no last line that always runs.
var lifeline *os.File

// removeAtTheEnd leaves the directory to a shell that waits at the other end of the
// lifeline. The server needs a moment to end too, so it tries more than once. An
// interrupt at the terminal is not for it: it has a session of its own.
func removeAtTheEnd(dir string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()
	lifeline = write
	sweeper := exec.Command("/bin/sh", "-c", `read -r end; for try in 1 2 3 4 5 6 7 8 9; do rm -rf "$0" && exit; sleep 1; done`, dir)
	sweeper.Stdin = read
	sweeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return sweeper.Start()
}

func clearAbandoned(dir string) {
	var pid int
	if _, err := fmt.Sscanf(filepath.Base(dir), clusterPrefix+"%d-", &pid); err != nil {
		return
	}
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		_ = os.RemoveAll(dir)
	}
}

// room is how many bytes must be free for a directory in memory to be of use: many
// containers have one of 64 MB.
const room = 4 << 30

// fastDir is where files of tests go: into memory where there is room.
func fastDir() string {
	const memory = "/dev/shm"
	var stat syscall.Statfs_t
	if err := syscall.Statfs(memory, &stat); err == nil && uint64(stat.Bavail)*uint64(stat.Bsize) > room {
		return memory
	}
	return os.TempDir()
}

// DataDir is a directory as an operator has it, one that the account which runs
// PostgreSQL can reach, unlike t.TempDir; in memory where there is room, for a
// server in it waits for the disk at each commit.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(fastDir(), "gatehouse-data-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}
