package embedded

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// runEnv makes the test binary a process that runs a server until it is killed.
const runEnv = "EMBEDDED_TEST_DATA_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(runEnv); dir != "" {
		s, err := Start(context.Background(), Options{DataDir: dir, Throwaway: true})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(s.PID())
		<-s.Done()
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// dataDir is a directory as an operator has it: one that the account which runs
// PostgreSQL can reach, unlike t.TempDir.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatehouse-test-")
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

func limit(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// run starts a server that stops with the test.
func run(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(limit(t), Options{DataDir: dir, Throwaway: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(limit(t)); err != nil {
		t.Error(err)
	}
}

// query runs SQL through psql, as whoever the test is.
func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	out, err := psql(t, dsn, sql).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.TrimSpace(string(out))
}

func psql(t *testing.T, dsn, sql string) *exec.Cmd {
	t.Helper()
	b, err := FindBinaries(limit(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	path, err := b.Path("psql")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-XAtq", "-d", dsn, "-c", sql)
	cmd.Dir = "/"
	return cmd
}

// cluster makes the cluster of a data directory and stops its server again.
func cluster(t *testing.T) home {
	t.Helper()
	dir := dataDir(t)
	s, err := Start(limit(t), Options{DataDir: dir, Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	query(t, s.DSN(Database), "create table kept (n int); insert into kept values (7)")
	stop(t, s)
	return home(dir)
}

// assertKept starts the server and finds what cluster wrote.
func assertKept(t *testing.T, h home) *Server {
	t.Helper()
	s := run(t, string(h))
	if got := query(t, s.DSN(Database), "select n from kept"); got != "7" {
		t.Fatalf("kept %q, want 7", got)
	}
	return s
}

// contents is every file below dir, to show that none was touched.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(b)
		}
		files[path] = info.Mode().String() + info.ModTime().String() + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// record is a log that a test reads; the server writes it from another goroutine.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
