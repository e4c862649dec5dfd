package embedded

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStart_ColdThenWarmKeepsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), "made", "as needed")
	if os.Geteuid() == 0 {
		// Start makes the last directory reachable; the ones above are the operator's.
		if err := os.Mkdir(filepath.Dir(dir), 0o711); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	s, err := Start(limit(t), Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cold start: %v", time.Since(began))
	query(t, s.DSN(Database), "create table kept (n int); insert into kept values (7)")
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"server_encoding": "UTF8", "listen_addresses": "", "unix_socket_permissions": "0700",
	} {
		if got := query(t, s.DSN(Database), "show "+name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := query(t, s.DSN(Database), "select datcollate from pg_database where datname = current_database()"); got != clusterLocale {
		t.Errorf("locale %q, want %q", got, clusterLocale)
	}
	if got := query(t, s.DSN("postgres"), "select current_user || ' ' || rolsuper from pg_roles where rolname = current_user"); got != "gatehouse true" {
		t.Errorf("connected as %q", got)
	}
	stop(t, s)
	if _, err := os.Stat(pidFilePath(home(dir).cluster())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("pid file after Stop: %v", err)
	}
	if err := s.Stop(limit(t)); err != nil {
		t.Errorf("second Stop: %v", err)
	}

	began = time.Now()
	assertKept(t, home(dir))
	t.Logf("warm start: %v", time.Since(began))
}

func TestStart_Throwaway(t *testing.T) {
	t.Parallel()
	s := run(t, dataDir(t))
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if got := query(t, s.DSN(Database), "show "+name); got != "off" {
			t.Errorf("%s = %q, want off", name, got)
		}
	}
}

func TestStart_CountsStatementsWhereTheLibraryIs(t *testing.T) {
	t.Parallel()
	s := run(t, dataDir(t))
	has := query(t, s.DSN(Database), "select count(*) from pg_available_extensions where name = 'pg_stat_statements'") == "1"
	loaded := query(t, s.DSN(Database), "show shared_preload_libraries") == statistics
	if has != loaded {
		t.Errorf("extension installed: %v, library loaded: %v", has, loaded)
	}
}

func TestStart_SecondServerIsLockedOut(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	s := run(t, dir)
	if _, err := Start(limit(t), Options{DataDir: dir}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second Start: %v, want ErrLocked", err)
	}
	dsn, running, err := Attach(limit(t), Options{DataDir: dir})
	if err != nil || !running {
		t.Fatalf("Attach: running %v, %v", running, err)
	}
	if dsn != s.DSN(Database) {
		t.Errorf("Attach gives %s, the server %s", dsn, s.DSN(Database))
	}
	if got := query(t, dsn, "select 1"); got != "1" {
		t.Errorf("select 1 = %q", got)
	}
}

func TestAttach_WaitsForAStartInProgress(t *testing.T) {
	t.Parallel()
	h := home(dataDir(t))
	lock, err := h.lock(limit(t)) // as Start has it while it makes the cluster
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := Attach(ctx, Options{DataDir: string(h)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Attach while starting: %v, want a deadline", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, running, err := Attach(limit(t), Options{DataDir: string(h)}); running || err != nil {
		t.Errorf("Attach to nothing: running %v, %v", running, err)
	}
}

func TestAttach_NothingThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), "none")
	if _, running, err := Attach(limit(t), Options{DataDir: dir}); running || err != nil {
		t.Errorf("running %v, %v", running, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("Attach made a data directory")
	}
}

func TestStart_OtherVersionIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"14", "999", "9.6", "x"} {
		t.Run(version, func(t *testing.T) {
			h := cluster(t)
			if err := os.WriteFile(filepath.Join(h.cluster(), "PG_VERSION"), []byte(version+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			before := contents(t, h.cluster())
			if _, err := Start(limit(t), Options{DataDir: string(h)}); !errors.Is(err, ErrVersionMismatch) {
				t.Fatalf("Start: %v, want ErrVersionMismatch", err)
			}
			after := contents(t, h.cluster())
			for path, text := range before {
				if after[path] != text {
					t.Errorf("%s was touched", path)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files before, %d after", len(before), len(after))
			}
		})
	}
}

func TestStart_ForeignDirectoryIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	h := home(dataDir(t))
	file := filepath.Join(h.cluster(), "holiday.jpg")
	if err := os.Mkdir(h.cluster(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(limit(t), Options{DataDir: string(h)}); err == nil {
		t.Fatal("started over another's files")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestStart_AfterInterruptedInitdb(t *testing.T) {
	t.Parallel()
	h := home(dataDir(t))
	side := filepath.Join(string(h), sidePrefix+"1", "base")
	if err := os.MkdirAll(side, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.cluster(), 0o755); err != nil { // empty, as a package may have made it
		t.Fatal(err)
	}
	s := run(t, string(h))
	query(t, s.DSN(Database), "select 1")
	left, err := filepath.Glob(filepath.Join(string(h), sidePrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestStart_CancelledLeavesNothing(t *testing.T) {
	t.Parallel()
	h := home(dataDir(t))
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), after)
		s, err := Start(ctx, Options{DataDir: string(h), Throwaway: true})
		cancel()
		if err == nil {
			stop(t, s) // a fast machine
		}
	}
	s := run(t, string(h))
	query(t, s.DSN(Database), "select 1")
}

func TestStop_OutOfTimeDropsEverything(t *testing.T) {
	t.Parallel()
	h := cluster(t)
	s, err := Start(limit(t), Options{DataDir: string(h)}) // a durable one
	if err != nil {
		t.Fatal(err)
	}
	query(t, s.DSN(Database), "insert into kept values (8)")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// With a signal in flight the server may be fast enough for either answer.
	if err := s.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: %v", err)
	}
	select {
	case <-s.Done():
	default:
		t.Fatal("the server lives on")
	}
	s = run(t, string(h))
	if got := query(t, s.DSN(Database), "select count(*) from kept"); got != "2" {
		t.Errorf("%s rows after the recovery, want 2", got)
	}
}

func TestDone_TellsOfACrash(t *testing.T) {
	t.Parallel()
	h := cluster(t)
	s, err := Start(limit(t), Options{DataDir: string(h), Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Stop(limit(t)); err == nil {
		t.Error("Stop says nothing of the crash")
	}
	assertKept(t, h)
}

func TestLog_HoldsNoRowsAndNoStatements(t *testing.T) {
	t.Parallel()
	var log record
	s, err := Start(limit(t), Options{
		DataDir: dataDir(t), Throwaway: true,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"create table secrets (s text unique check (s <> 'hunter2'))",
		"insert into secrets values ('hunter1')",
		"insert into secrets values ('hunter1')",
		"insert into secrets values ('hunter2')",
	} {
		_ = psql(t, s.DSN(Database), sql).Run() // two of them are meant to fail
	}
	stop(t, s)
	if got := log.String(); strings.Contains(got, "hunter") {
		t.Errorf("the log tells secrets:\n%s", got)
	} else if !strings.Contains(got, "violates unique constraint") || !strings.Contains(got, "violates check constraint") {
		t.Errorf("the log does not show the failures:\n%s", got)
	}
}

func BenchmarkWarmStart(b *testing.B) {
	dir, err := os.MkdirTemp("", "gatehouse-test-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		b.Fatal(err)
	}
	var stopping time.Duration
	for range b.N {
		s, err := Start(b.Context(), Options{DataDir: dir})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		b.StopTimer()
		if err := s.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
		stopping += time.Since(began)
		b.StartTimer()
	}
	b.ReportMetric(float64(stopping.Milliseconds())/float64(b.N), "ms/stop")
}
