//go:build cluster

package faults

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cluster is what deploy/cluster runs.
type cluster struct {
	t           testing.TB
	environment []string
}

func (c *cluster) run(command string) string {
	c.t.Helper()
	cmd := exec.Command("../../deploy/cluster", command)
	cmd.Env = append(os.Environ(), c.environment...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("deploy/cluster %s: %v\n%s", command, err, out)
	}
	return string(out)
}

// freePorts is the first of fifty that nobody listens on.
func freePorts(t testing.TB) int {
	t.Helper()
search:
	for range 100 {
		first := 10000 + 50*rand.IntN(400)
		for port := first; port < first+50; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				continue search
			}
			_ = l.Close()
		}
		return first
	}
	t.Fatal("there are no fifty ports in a row")
	return 0
}

// TestCluster_PrimaryIsKilled kills the primary of a cluster under load, with all that
// keeps it, so that its lease has to run out: the standby takes over and the house serves
// again within 30 s, nothing that was acknowledged is lost, and the node comes back.
func TestCluster_PrimaryIsKilled(t *testing.T) {
	dir, err := os.MkdirTemp("", "gatehouse-cluster-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL runs as another account
		t.Fatal(err)
	}
	binary, port := built(t), freePorts(t)
	c := &cluster{t, []string{"GATEHOUSE_CLUSTER_DIR=" + dir, fmt.Sprintf("GATEHOUSE_CLUSTER_PORT=%d", port), "GATEHOUSE_BINARY=" + binary}}
	t.Cleanup(func() { c.run("down") })
	begun := time.Now()
	c.run("up")
	t.Logf("up after %v", time.Since(begun).Round(time.Second))
	dsn, front := strings.TrimSpace(c.run("database-url")), fmt.Sprintf("localhost:%d", port)
	s := &Site{Issuer: "http://" + front, DSN: func() string { return dsn }, Operate: func(ctx context.Context, input string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Stdin = strings.NewReader(input)
		cmd.Env = []string{"HOME=" + dir, "GATEHOUSE_ISSUER=http://" + front, "GATEHOUSE_DATABASE_URL=" + dsn, "GATEHOUSE_SECRET_FILE=" + filepath.Join(dir, "master")}
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s", strings.Join(args[:min(3, len(args))], " "), err, errs.Bytes())
		}
		return out, nil
	}}
	for i := range 3 {
		s.Addresses = append(s.Addresses, fmt.Sprintf("127.0.0.1:%d", port+1+i))
	}
	if err := s.Furnish(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	r := Record(t, s, 5*time.Millisecond)
	time.Sleep(3 * time.Second)
	r.Take().only(t, 10*time.Second)

	c.run("kill-primary")
	away := within(t, 30*time.Second, "nothing is served after the primary was killed", func() bool {
		response, err := http.Get("http://" + front + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	// The first answers of 200 may be of before: it is over when a write is through.
	killed := time.Now().Add(-away)
	probe := newCaller(s, 0)
	defer probe.close()
	w := &worker{caller: probe, log: &r.log}
	within(t, 30*time.Second-away, "no token after the primary was killed", func() bool {
		_, err := s.Query(t.Context(), `create temporary table probe ()`)
		return err == nil && w.machineToken().status == http.StatusOK
	})
	t.Logf("served again %v after the kill", time.Since(killed).Round(100*time.Millisecond))
	time.Sleep(3 * time.Second)
	tally := r.Take()
	t.Logf("answers by status since: %v, the slowest %v", tally.Answers, tally.Slowest)
	tally.only(t, 15*time.Second, http.StatusServiceUnavailable)
	begun = time.Now()
	c.run("up")
	t.Logf("the node is a synchronous standby again after %v", time.Since(begun).Round(time.Second))
	acquit(t, r)
}
