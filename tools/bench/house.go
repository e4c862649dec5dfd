package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/storage/embedded"
)

// house is a server that was started for the measurement, with its database.
type house struct {
	binary, dir, psql string
	url, admin        *url.URL
	server            *exec.Cmd
	database          int // PostgreSQL's main process
	dsn               string
	machine, web      client
}

type client struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func person(n int) string { return fmt.Sprintf("person-%d", n) }

// boot starts the server in a directory that lasts as long as it does, and makes
// the clients and people that requests need, with the command line.
func boot(ctx context.Context, binary string) (_ *house, err error) {
	h := &house{}
	if h.binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	if h.dir, err = os.MkdirTemp("/var/tmp", "gatehouse-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	// The account that PostgreSQL runs as has to get through.
	if err = os.Chmod(h.dir, 0o711); err != nil {
		return nil, err
	}
	if h.url, err = freeAddress(); err != nil {
		return nil, err
	}
	if h.admin, err = freeAddress(); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(h.dir, "server.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	h.server = h.command(ctx, "serve", "--listen", h.url.Host, "--admin-listen", h.admin.Host)
	h.server.Stderr = log
	h.server.Cancel = func() error { return h.server.Process.Signal(os.Interrupt) }
	if err = h.server.Start(); err != nil {
		return nil, err
	}
	if err = h.ready(ctx); err != nil {
		return nil, fmt.Errorf("%w; its log:\n%s", err, read(log.Name()))
	}
	if err = h.findDatabase(ctx); err != nil {
		return nil, err
	}
	return h, h.furnish(ctx)
}

func freeAddress() (*url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "http", Host: l.Addr().String()}, l.Close()
}

func read(name string) []byte { b, _ := os.ReadFile(name); return b }

func (h *house) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.binary, append(args, "--data-dir", filepath.Join(h.dir, "data"))...)
	cmd.Dir = h.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "GATEHOUSE_ISSUER=" + h.url.String()}
	return cmd
}

func (h *house) ready(ctx context.Context) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url.String()+"/.well-known/openid-configuration", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			return response.Body.Close()
		}
	}
	return errors.New("the server does not answer")
}

func (h *house) findDatabase(ctx context.Context) error {
	dsn, running, err := embedded.Attach(ctx, embedded.Options{DataDir: filepath.Join(h.dir, "data")})
	if err != nil || !running {
		return fmt.Errorf("find the database: running %v, %w", running, err)
	}
	h.dsn = dsn
	if _, err := fmt.Sscan(string(read(filepath.Join(h.dir, "data", "postgres", "postmaster.pid"))), &h.database); err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	binaries, err := embedded.FindBinaries(ctx, 0)
	if err != nil {
		return err
	}
	if h.psql, err = binaries.Path("psql"); err != nil {
		return err
	}
	_, err = h.query(ctx, "create extension if not exists pg_stat_statements")
	return err
}

// furnish makes what the requests need.
func (h *house) furnish(ctx context.Context) error {
	for _, c := range []struct {
		made *client
		args []string
	}{
		{&h.machine, []string{"--name", "Machine", "--kind", "service", "--scope", "agents:read", "--introspect"}},
		{&h.web, []string{"--name", "Shop", "--kind", "web", "--scope", "openid offline_access", "--redirect-uri", redirectURI}},
	} {
		out, err := h.operate(ctx, "", append([]string{"clients", "create", "--output", "json"}, c.args...)...)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(out, c.made); err != nil {
			return fmt.Errorf("create a client: %w", err)
		}
	}
	if _, err := h.query(ctx, "update platform.clients set id_token_at_refresh = true"); err != nil {
		return err
	}
	for n := range connections {
		if _, err := h.operate(ctx, password, "users", "create", "--username", person(n), "--email", person(n)+"@example.com", "--password-stdin"); err != nil {
			return err
		}
	}
	return nil
}

func (h *house) operate(ctx context.Context, input string, args ...string) ([]byte, error) {
	cmd := h.command(ctx, append([]string{"admin"}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(args[:2], " "), err, errs.Bytes())
	}
	return out, nil
}

// query runs one statement as the database's superuser and splits the row it yields.
func (h *house) query(ctx context.Context, statement string) ([]string, error) {
	cmd := exec.CommandContext(ctx, h.psql, h.dsn, "-XAtq", "-c", statement)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("psql: %w: %s", err, errs.Bytes())
	}
	return strings.Split(strings.TrimSpace(string(out)), "|"), nil
}

// close ends the server, which ends its database, and leaves nothing behind.
func (h *house) close() {
	if h.server != nil && h.server.Process != nil {
		_ = h.server.Process.Signal(os.Interrupt)
		_ = h.server.Wait()
	}
	_ = os.RemoveAll(h.dir)
}
