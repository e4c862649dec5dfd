package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// caller is an application that keeps asking, over connections that it keeps or over
// new ones, and counts what failed.
type caller struct {
	*crashing
	http     http.Client
	proxy    string
	token    string
	asked    *atomic.Int64
	failed   *atomic.Int64
	complain func(string, ...any)
}

func (c *caller) ask(method, path string, form url.Values) {
	c.asked.Add(1)
	request, err := http.NewRequest(method, c.proxy+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.complain("%v", err)
		return
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(c.id, c.secret)
	}
	response, err := c.http.Do(request)
	if err != nil {
		c.failed.Add(1)
		c.complain("%s: %v", path, err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		c.failed.Add(1)
		c.complain("%s: %d, %v: %.200s", path, response.StatusCode, err, body)
	}
}

func (c *caller) askEverything() {
	c.ask(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	c.ask(http.MethodPost, "/oauth2/introspect", url.Values{"token": {c.token}})
	c.ask(http.MethodGet, "/oauth2/jwks", nil)
	c.ask(http.MethodGet, "/login", nil)
}

// haproxy runs the balancer of deploy/haproxy before replicas.
func haproxy(t *testing.T, listen string, replicas []string) {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path = "/usr/sbin/haproxy" // Debian's, which only root has in the PATH
	}
	cmd := exec.Command(path, "-db", "-f", "../../deploy/haproxy/haproxy.cfg")
	cmd.Env = []string{"LISTEN=" + listen}
	for i, r := range replicas {
		cmd.Env = append(cmd.Env, fmt.Sprintf("REPLICA_%d=%s", i+1, r))
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("start HAProxy: %v (tools/install-haproxy installs it)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// TestRollingRestart: three replicas behind a balancer are restarted one after the
// other while applications go on asking, and no request fails.
func TestRollingRestart(t *testing.T) {
	d := newCrashing(t)
	front := freeAddress(t)
	d.issuer = "http://" + strings.Replace(front, "127.0.0.1", "localhost", 1)
	replicas := make([]*replica, 3)
	addresses, operators := make([]string, 3), make([]string, 3)
	start := func(i int) { replicas[i] = d.replicaAt(addresses[i], operators[i], "--drain-time", "2s") }
	for i := range replicas {
		addresses[i], operators[i] = freeAddress(t), freeAddress(t)
		start(i)
	}
	d.makeClient()
	haproxy(t, front, addresses)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", front); err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("HAProxy does not listen")
		}
	}

	var asked, failed atomic.Int64
	over := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 6 {
		c := &caller{crashing: d, proxy: d.issuer, token: replicas[0].token(), asked: &asked, failed: &failed, complain: t.Errorf}
		c.http.Transport = &http.Transport{DisableKeepAlives: i%2 == 0}
		callers.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(5 * time.Millisecond):
					c.askEverything()
				}
			}
		})
	}
	for i, r := range replicas {
		before := asked.Load()
		begun := time.Now()
		if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{addresses[i], operators[i]} {
			soonUnready(t, "http://"+address+"/readyz", begun)
		}
		<-r.ended
		if state := r.cmd.ProcessState; !state.Success() {
			t.Errorf("replica %d ended with %s", i+1, state)
		}
		if took := time.Since(begun); took < 2*time.Second || took > 12*time.Second {
			t.Errorf("replica %d ended after %v", i+1, took)
		}
		start(i)
		time.Sleep(time.Second) // two checks of the balancer
		t.Logf("replica %d restarted: %d requests meanwhile, %d failed in all", i+1, asked.Load()-before, failed.Load())
	}
	close(over)
	callers.Wait()
	if asked.Load() < 500 {
		t.Errorf("only %d requests: that is no load", asked.Load())
	}
}

// soonUnready waits until a replica that was asked to end says so, which it does while
// it still answers.
func soonUnready(t *testing.T, address string, since time.Time) {
	t.Helper()
	for time.Since(since) < time.Second {
		response, err := http.Get(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			return
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable {
			return
		}
	}
	t.Errorf("%s says it is ready a second after SIGTERM", address)
}

// TestServe_SecondSignal: asked once the server serves on and asks callers to leave;
// asked twice it ends at once.
func TestServe_SecondSignal(t *testing.T) {
	d := newCrashing(t)
	r := d.replicaAt(freeAddress(t), freeAddress(t), "--drain-time", "1m")
	begun := time.Now()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	soonUnready(t, r.url+"/readyz", begun)
	response, err := http.Get(r.url + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("while it drains: %d, connection closed: %t", response.StatusCode, response.Close)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(5 * time.Second):
		t.Error("it goes on after the second signal")
	}
}
