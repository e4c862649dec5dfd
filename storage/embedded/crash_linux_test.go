package embedded

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervisor runs a server in a process of its own.
func supervisor(t *testing.T, dir string) (cmd *exec.Cmd, pid int) {
	t.Helper()
	cmd, out := fork(t, dir)
	line := <-out
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatalf("supervisor: %s", line)
	}
	return cmd, pid
}

// fork starts that process and does not wait for its server.
func fork(t *testing.T, dir string) (*exec.Cmd, <-chan string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), runEnv+"="+dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		out <- strings.TrimSpace(line)
	}()
	return cmd, out
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
}

// reap collects processes that were killed or cut off, as they should have been.
func reap(cmds ...*exec.Cmd) {
	for _, cmd := range cmds {
		_ = cmd.Wait()
	}
}

func serversOf(t *testing.T, cluster string) []int {
	t.Helper()
	pids, err := processesOf(cluster)
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func assertNoServers(t *testing.T, cluster string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if until(ctx, func() (bool, error) { return len(serversOf(t, cluster)) == 0, nil }) != nil {
		t.Errorf("processes left: %v", serversOf(t, cluster))
	}
}

func TestKill_ServerEndsWithUs(t *testing.T) {
	t.Parallel()
	h := cluster(t)
	cmd, _ := supervisor(t, string(h))
	if len(serversOf(t, h.cluster())) == 0 {
		t.Fatal("no server to begin with")
	}
	kill(t, cmd)
	assertNoServers(t, h.cluster())
	if _, running, err := Attach(limit(t), Options{DataDir: string(h)}); running || err != nil {
		t.Errorf("Attach after the end: running %v, %v", running, err)
	}
	reap(cmd)
	assertKept(t, h)
}

// A client in a long statement must not keep the server from ending.
func TestKill_NextStartWorksAtOnce(t *testing.T) {
	t.Parallel()
	h := cluster(t)
	for range 5 {
		cmd, pid := supervisor(t, string(h))
		sleeper := psql(t, dsn(h.cluster(), Database), "select pg_sleep(60)")
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		kill(t, cmd)
		began := time.Now()
		s := assertKept(t, h)
		t.Logf("server %d after %d: ready in %v", s.PID(), pid, time.Since(began))
		if len(serversOf(t, h.cluster())) == 0 || isServerOf(pid, h.cluster()) {
			t.Errorf("the earlier server %d runs beside %d", pid, s.PID())
		}
		stop(t, s)
		reap(sleeper, cmd)
	}
	assertNoServers(t, h.cluster())
}

// An init system or the kernel, out of memory, kills the server with us: then
// its processes outlive it for a moment, attached to its shared memory.
func TestKill_ServerAndUs(t *testing.T) {
	t.Parallel()
	h := cluster(t)
	cmd, pid := supervisor(t, string(h))
	sleeper := psql(t, dsn(h.cluster(), Database), "select count(*) from generate_series(1, 30000000)")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // into the statement
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	kill(t, cmd)
	assertKept(t, h)
	reap(sleeper, cmd)
}

// Killed at any moment of the start, cold or warm, nothing hinders the next.
func TestKill_WhileStarting(t *testing.T) {
	t.Parallel()
	h := home(dataDir(t))
	for _, after := range []time.Duration{50, 200, 400, 700} { // ms, in which a cluster is made
		if err := os.RemoveAll(h.cluster()); err != nil {
			t.Fatal(err)
		}
		startAndKill(t, h, after*time.Millisecond)
	}
	for after := time.Duration(5); after < 100; after += 10 { // ms, in which a server starts
		startAndKill(t, h, after*time.Millisecond)
	}
	assertNoServers(t, h.cluster())
}

func startAndKill(t *testing.T, h home, after time.Duration) {
	t.Helper()
	cmd, out := fork(t, string(h))
	time.Sleep(after)
	kill(t, cmd)
	s, err := Start(limit(t), Options{DataDir: string(h), Throwaway: true})
	if err != nil {
		t.Fatalf("after a kill at %v: %v", after, err)
	}
	query(t, s.DSN(Database), "select 1")
	stop(t, s)
	<-out
	reap(cmd)
}

func TestStart_NoTCP(t *testing.T) {
	t.Parallel()
	s := run(t, dataDir(t))
	ours := map[string]bool{}
	links, err := filepath.Glob("/proc/" + strconv.Itoa(s.PID()) + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil {
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				ours[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	if len(ours) == 0 {
		t.Fatal("the server listens nowhere, not even on its Unix socket")
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 && ours[f[9]] {
				t.Errorf("TCP socket: %s", line)
			}
		}
	}
}
