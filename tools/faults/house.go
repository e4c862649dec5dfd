package faults

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/embedded"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// Options are the particulars of a [House].
type Options struct {
	Replicas int
	// People sign in.
	People int
	// Binary is the program that everything begins with; "" for one that is built.
	Binary string
	// DataDir holds the cluster; "" for one that is made and removed.
	DataDir string
	// Reach turns the database's connection string into the one that replicas use, which
	// may lead through a proxy; nil for the same.
	Reach func(dsn string) string
	// Front is host:port of what stands before the replicas, which then is the issuer's; ""
	// for none.
	Front string
	// Log takes what replicas say; nil for memory, where the first errors are looked for.
	Log *os.File
	// Flags are added to those of each replica.
	Flags []string
}

// House is replicas as processes of their own, on one PostgreSQL.
type House struct {
	Site
	Replicas []*Replica
	t        testing.TB
	options  Options
	dir      string
	binary   string
	database *embedded.Server
}

// Open builds the program, starts everything, and furnishes the site.
func Open(t testing.TB, o Options) *House {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatehouse-faults-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	h := &House{t: t, options: o, dir: dir, binary: o.Binary}
	if h.binary == "" {
		h.binary = built(t)
	}
	if h.options.DataDir == "" {
		h.options.DataDir = filepath.Join(dir, "data")
	}
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL runs as another account
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(rand.Text()+rand.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	h.StartDatabase()
	t.Cleanup(func() { _ = h.database.Stop(context.WithoutCancel(t.Context())) })
	issuer := "http://" + strings.Replace(cmp.Or(o.Front, "127.0.0.1:8080"), "127.0.0.1", "localhost", 1)
	h.Site = Site{Issuer: issuer, Operate: h.operate, DSN: func() string { return h.database.DSN(embedded.Database) }}
	for range o.Replicas {
		r := &Replica{house: h, binary: h.binary, Address: webtest.FreeAddress(t), Operators: webtest.FreeAddress(t)}
		h.Replicas, h.Addresses = append(h.Replicas, r), append(h.Addresses, r.Address)
		r.Start()
		t.Cleanup(func() {
			r.Kill()
			if t.Failed() {
				t.Log(r.errors())
			}
		})
	}
	if err := h.Furnish(t.Context(), o.People); err != nil {
		t.Fatal(err)
	}
	if o.Front != "" {
		h.Addresses = []string{o.Front}
	}
	return h
}

// program is built once for all houses of a process, into a folder that TestMain removes.
var (
	programDir string
	program    = sync.OnceValues(func() (binary string, err error) {
		if programDir, err = os.MkdirTemp("", "gatehouse-program-"); err != nil {
			return "", err
		}
		binary = filepath.Join(programDir, "gatehouse")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/gatehouse/gatehouse/cmd/gatehouse").CombinedOutput(); err != nil {
			return "", fmt.Errorf("build: %w\n%s", err, out)
		}
		return binary, nil
	})
)

// built is the program.
func built(t testing.TB) string {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func (h *House) command(ctx context.Context, binary string, args ...string) *exec.Cmd {
	dsn := h.DSN()
	if h.options.Reach != nil && args[0] == "serve" {
		dsn = h.options.Reach(dsn)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = h.dir
	cmd.Env = []string{"HOME=" + h.dir, "GATEHOUSE_ISSUER=" + h.Issuer, "GATEHOUSE_DATABASE_URL=" + dsn,
		"GATEHOUSE_SECRET_FILE=" + filepath.Join(h.dir, "secret")}
	return cmd
}

func (h *House) operate(ctx context.Context, input string, args ...string) ([]byte, error) {
	cmd := h.command(ctx, h.binary, args...)
	cmd.Stdin = strings.NewReader(input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(args[:min(3, len(args))], " "), err, errs.Bytes())
	}
	return out, nil
}

// StartDatabase starts PostgreSQL; it returns when that takes connections.
func (h *House) StartDatabase() {
	h.t.Helper()
	server, err := embedded.Start(context.WithoutCancel(h.t.Context()), embedded.Options{DataDir: h.options.DataDir})
	if err != nil {
		h.t.Fatal(err)
	}
	h.database = server
}

// StopDatabase shuts PostgreSQL down, fast: connections are cut.
func (h *House) StopDatabase() {
	h.t.Helper()
	if err := h.database.Stop(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// KillDatabase ends PostgreSQL's main process at once, and waits for the others.
func (h *House) KillDatabase() {
	_ = syscall.Kill(h.database.PID(), syscall.SIGKILL)
	<-h.database.Done()
	_ = h.database.Stop(h.t.Context()) // says that it was killed, and lets go of the directory
}

// DatabaseEnded reports whether PostgreSQL has ended by itself.
func (h *House) DatabaseEnded() bool {
	select {
	case <-h.database.Done():
		return true
	default:
		return false
	}
}

// Replica is one server process, which keeps its addresses over its lives.
type Replica struct {
	Address, Operators string
	binary             string
	house              *House
	process            *exec.Cmd
	log                *bytes.Buffer
}

// Start starts the process and waits until it answers.
func (r *Replica) Start() {
	t := r.house.t
	t.Helper()
	r.process = r.house.command(context.WithoutCancel(t.Context()), r.binary, append([]string{"serve", "--listen", r.Address, "--admin-listen", r.Operators}, r.house.options.Flags...)...)
	if r.log == nil {
		r.log = &bytes.Buffer{}
	}
	r.process.Stderr = r.log
	if r.house.options.Log != nil {
		r.process.Stderr = r.house.options.Log
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !r.Ready(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Kill()
			t.Fatalf("the replica does not answer:\n%s", r.log.String())
		}
	}
}

// Kill ends the process at once.
func (r *Replica) Kill() {
	_ = r.process.Process.Kill()
	_ = r.process.Wait()
}

// errors is the first of what the processes have logged as such, once the last has ended,
// and the last that it said.
func (r *Replica) errors() string {
	var some []string
	last := ""
	for line := range strings.Lines(r.log.String()) {
		if last = line; strings.Contains(line, "ERROR") && len(some) < 5 {
			some = append(some, line)
		}
	}
	return r.Address + ":\n" + strings.Join(some, "") + "… " + last
}

// Ready asks the replica whether it can answer requests.
func (r *Replica) Ready() bool { return r.probe("/readyz") == nil }

func (r *Replica) probe(path string) error {
	client := http.Client{Timeout: 3 * time.Second}
	response, err := client.Get("http://" + r.Address + path)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return nil
}
