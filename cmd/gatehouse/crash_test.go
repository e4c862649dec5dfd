package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/embedded"
)

// crashing is replicas as processes of their own, on one PostgreSQL that the test
// starts and stops.
type crashing struct {
	t           *testing.T
	binary, dir string
	issuer      string
	database    *embedded.Server
	id, secret  string
}

func newCrashing(t *testing.T) *crashing {
	dir, err := os.MkdirTemp("", "gatehouse-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &crashing{t: t, dir: dir, binary: built(t, dir), issuer: "http://localhost:8080"}
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL runs as another account
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(rand.Text()+rand.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	d.startDatabase()
	t.Cleanup(func() { _ = d.database.Stop(t.Context()) })
	return d
}

// built is the program, in a folder.
func built(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(dir, "gatehouse")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

func (d *crashing) startDatabase() {
	d.t.Helper()
	server, err := embedded.Start(d.t.Context(), embedded.Options{DataDir: filepath.Join(d.dir, "data")})
	if err != nil {
		d.t.Fatal(err)
	}
	d.database = server
}

func (d *crashing) command(args ...string) *exec.Cmd {
	cmd := exec.Command(d.binary, args...)
	cmd.Dir = d.dir
	cmd.Env = []string{"HOME=" + d.dir, "GATEHOUSE_ISSUER=" + d.issuer, "GATEHOUSE_DATABASE_URL=" + d.database.DSN(embedded.Database),
		"GATEHOUSE_SECRET_FILE=" + filepath.Join(d.dir, "secret")}
	return cmd
}

// makeClient makes the client that asks everything.
func (d *crashing) makeClient() {
	d.t.Helper()
	out, err := d.command("admin", "clients", "create", "--name", "Crash", "--kind", "service", "--scope", "agents:read", "--introspect", "--output", "json").Output()
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err != nil || json.Unmarshal(out, &made) != nil {
		d.t.Fatalf("create client: %v\n%s", err, out)
	}
	d.id, d.secret = made.ID, made.Secret
}

// replica is one process and where it listens.
type replica struct {
	*crashing
	cmd *exec.Cmd
	url string
	// ended is closed when the process is gone, and its state can be read.
	ended chan struct{}
}

func (d *crashing) replica() *replica {
	d.t.Helper()
	return d.replicaAt(freeAddress(d.t), freeAddress(d.t))
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (d *crashing) replicaAt(address, operators string, flags ...string) *replica {
	d.t.Helper()
	cmd := d.command(append([]string{"serve", "--listen", address, "--admin-listen", operators}, flags...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	r := &replica{d, cmd, "http://" + address, make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(r.ended)
	}()
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-r.ended
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if response, err := http.Get(r.url + "/oauth2/jwks"); err == nil {
			_ = response.Body.Close()
			return r
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			<-r.ended
			d.t.Fatalf("the replica does not answer:\n%s", log.String())
		}
	}
}

func (r *replica) post(path string, form url.Values) (int, map[string]any) {
	r.t.Helper()
	request, err := http.NewRequest(http.MethodPost, r.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Host = strings.TrimPrefix(r.issuer, "http://")
	request.SetBasicAuth(r.id, r.secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil // killed in the middle
	}
	defer func() { _ = response.Body.Close() }()
	var document map[string]any
	_ = json.NewDecoder(response.Body).Decode(&document)
	return response.StatusCode, document
}

func (r *replica) token() string {
	r.t.Helper()
	_, d := r.post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	token, _ := d["access_token"].(string)
	if token == "" {
		r.t.Fatalf("no token: %v", d)
	}
	return token
}

// active asks until there is an answer: 503 is none.
func (r *replica) active(token string) bool {
	r.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if status, d := r.post("/oauth2/introspect", url.Values{"token": {token}}); status == http.StatusOK {
			return d["active"] == true
		}
	}
	r.t.Fatal("introspection gives no answer")
	return false
}

func (r *replica) revoke(token string) (status int) {
	r.t.Helper()
	status, _ = r.post("/oauth2/revoke", url.Values{"token": {token}})
	return status
}

// TestC11_Crashes: what was answered as revoked stays inactive everywhere, whichever
// process dies, and whatever lives stays active.
func TestC11_Crashes(t *testing.T) {
	// Not beside others: it waits for what was killed to come back.
	d := newCrashing(t)
	one, two := d.replica(), d.replica()
	d.makeClient()
	alive := two.token()
	var dead []string
	check := func(when string, replicas ...*replica) {
		t.Helper()
		for _, r := range replicas {
			for _, token := range dead {
				if r.active(token) {
					t.Fatalf("%s: a revoked token is active", when)
				}
			}
			if !r.active(alive) {
				t.Errorf("%s: a living token is not active", when)
			}
		}
	}
	for range 5 {
		token := one.token()
		two.active(token)
		if status := one.revoke(token); status != http.StatusOK {
			t.Fatalf("revoke: %d", status)
		}
		dead = append(dead, token)
	}
	if err := one.cmd.Process.Signal(syscall.SIGKILL); err != nil { // right behind the answer
		t.Fatal(err)
	}
	for begun := time.Now(); two.active(dead[4]); {
		if time.Since(begun) > time.Second {
			t.Fatal("active on the other replica a second after it was revoked")
		}
	}
	check("after kill -9 of the replica that revoked", two)
	one = d.replica()
	check("on its successor", one)

	token := one.token()
	one.revoke(token)
	dead = append(dead, token)
	if err := syscall.Kill(d.database.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-d.database.Done()
	for range 20 {
		if status, a := two.post("/oauth2/introspect", url.Values{"token": {dead[0]}}); status == http.StatusOK && a["active"] == true {
			t.Fatal("a revoked token is active while PostgreSQL is gone")
		}
	}
	_ = d.database.Stop(t.Context()) // says that it was killed, and lets go of the directory
	d.startDatabase()
	check("after kill -9 of PostgreSQL", one, two)
	fresh := two.token()
	// A connection that was cut is noticed by the request that uses it: 503, try again.
	for begun := time.Now(); two.revoke(fresh) != http.StatusOK; {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("nothing can be revoked after the restart")
		}
	}
	for begun := time.Now(); one.active(fresh); {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("replicas do not hear of each other any more")
		}
	}
}
