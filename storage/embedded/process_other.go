//go:build !linux

package embedded

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

const (
	// clusterLocale is the one locale that sorts by code point everywhere;
	// C.UTF-8 is unknown to older releases of macOS.
	clusterLocale = "C"
	// socketPathMax is the length of a socket's path without the closing zero (unix(4)).
	socketPathMax = 103
)

// endWithUs has nothing to ask of a kernel without a parent death signal. The
// next [Start] stops what was left.
func endWithUs(*syscall.SysProcAttr, syscall.Signal) {}

// isServerOf reports whether the living process is a server of this cluster,
// which [Start] names in its arguments.
func isServerOf(pid int, cluster string) bool {
	if pid <= 0 {
		return false
	}
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres -D "+cluster+" ")
}

// processesOf finds none: only the server itself can be told by its arguments.
// PostgreSQL refuses to start while others of its processes live, and says so.
func processesOf(string) ([]int, error) { return nil, nil }
