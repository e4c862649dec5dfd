package embedded

import (
	"os"
	"strconv"
	"syscall"
)

const (
	// clusterLocale sorts by code point, in every release of the C library.
	clusterLocale = "C.UTF-8"
	// socketPathMax is the length of a socket's path without the closing zero (unix(7)).
	socketPathMax = 107
)

// endWithUs has the kernel send the signal when the thread that forks ends.
func endWithUs(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// isServerOf reports whether the living process belongs to the server of this
// cluster, which makes the cluster its working directory. A zombie has none.
func isServerOf(pid int, cluster string) bool {
	if pid <= 0 {
		return false
	}
	proc := "/proc/" + strconv.Itoa(pid)
	comm, err := os.ReadFile(proc + "/comm")
	if err != nil || string(comm) != "postgres\n" {
		return false
	}
	at, err := os.Stat(proc + "/cwd")
	if err != nil {
		return false
	}
	want, err := os.Stat(cluster)
	return err == nil && os.SameFile(at, want)
}

// processesOf lists the processes of the cluster's server.
func processesOf(cluster string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && isServerOf(pid, cluster) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
