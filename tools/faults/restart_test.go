package faults

import (
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// balance runs the balancer of deploy/haproxy before the replicas, until it has found them.
func balance(t *testing.T, h *House) {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path = "/usr/sbin/haproxy" // Debian's, which only root has in the PATH
	}
	cmd := exec.Command(path, "-db", "-f", "../../deploy/haproxy/haproxy.cfg")
	cmd.Env = []string{"LISTEN=" + h.options.Front}
	for i, r := range h.Replicas {
		cmd.Env = append(cmd.Env, "REPLICA_"+strconv.Itoa(i+1)+"="+r.Address)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("start HAProxy: %v (tools/install-haproxy installs it)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	within(t, 30*time.Second, "HAProxy has found the replicas", func() bool {
		response, err := http.Get("http://" + h.options.Front + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// terminate asks a replica to end and returns how long it took. It says at once that it
// is not ready, while it serves on, and ends well.
func terminate(t *testing.T, r *Replica) time.Duration {
	t.Helper()
	begun := time.Now()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{r.Address, r.Operators} {
		unready(t, address)
	}
	if err := r.process.Wait(); err != nil {
		t.Errorf("%s ended with %v", r.Address, err)
	}
	return time.Since(begun)
}

// unready waits until a replica that was asked to end says so.
func unready(t *testing.T, address string) {
	t.Helper()
	within(t, time.Second, address+" says that it is not ready", func() bool {
		response, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			t.Fatalf("%s does not answer any more: %v", address, err)
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusServiceUnavailable
	})
}

// TestRollingRestart: three replicas behind a balancer are restarted one after the
// other under load, and no request fails.
func TestRollingRestart(t *testing.T) {
	h := Open(t, Options{Replicas: 3, People: 4, Front: webtest.FreeAddress(t), Flags: []string{"--drain-time", "2s", "--trusted-proxies", "127.0.0.0/8"}})
	balance(t, h)
	r := Record(t, &h.Site, 5*time.Millisecond)
	for i, replica := range h.Replicas {
		if took := terminate(t, replica); took < 2*time.Second || took > 12*time.Second {
			t.Errorf("replica %d ended after %v", i+1, took)
		}
		replica.Start()
		time.Sleep(time.Second) // two checks of the balancer
	}
	tally := r.Take()
	tally.only(t, 10*time.Second)
	t.Logf("answers %v; the slowest took %v (%s)", tally.Answers, tally.Slowest, tally.For)
	acquit(t, r)
}

// TestSecondSignal: asked once the server serves on and asks callers to leave; asked
// twice it ends at once.
func TestSecondSignal(t *testing.T) {
	h := Open(t, Options{Replicas: 1, Flags: []string{"--drain-time", "1m"}})
	r := h.Replicas[0]
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	unready(t, r.Address)
	response, err := http.Get("http://" + r.Address + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("while it drains: %d, connection closed: %t", response.StatusCode, response.Close)
	}
	begun := time.Now()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = r.process.Wait()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it goes on for %v after the second signal", took)
	}
}
