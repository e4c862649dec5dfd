package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// smallDisk is a file system of its own that holds so many bytes, and a function that
// fills what is left of it. It takes root.
func smallDisk(t *testing.T, size string) (dir string, fill func() (empty func())) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatehouse-disk-")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0711,size="+size); err != nil {
		t.Fatalf("mount a small disk: %v (the test of full disks takes root: sudo make faults)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
		_ = os.Remove(dir)
	})
	return dir, func() func() {
		ballast := filepath.Join(dir, "ballast")
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		block := make([]byte, 64<<10)
		for err == nil {
			_, err = f.Write(block)
		}
		_ = f.Close()
		return func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDiskFull leaves PostgreSQL without a byte of room under load: what needs to be
// written is 503, what is only read or known is answered on, also when PostgreSQL itself
// goes down over it, and with the room everything comes back. Nothing acknowledged is lost.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 && rounds(t, 0, 1) == 0 {
		t.Log("not root: make faults says so more loudly")
		return
	}
	disk, fill := smallDisk(t, "256m")
	h := Open(t, Options{Replicas: 2, People: 4, DataDir: filepath.Join(disk, "data")})
	known := only(t, h, 0)
	issued := token{text: known.machineToken().text("access_token")}
	r := Record(t, &h.Site, 5*time.Millisecond)
	for range rounds(t, 1, 5) {
		time.Sleep(time.Second)
		r.Take().only(t, 10*time.Second, 503)
		empty := fill()
		within(t, 60*time.Second, "somebody is told", func() bool {
			r.log.mu.Lock()
			defer r.log.mu.Unlock()
			return r.log.tally.Answers[503] > 5
		})
		var active, dark int
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			switch e, a := known.ask(issued); {
			case e.Yield == Active:
				active++
			case a.status == http.StatusServiceUnavailable:
				dark++ // PostgreSQL is down, and memory may be old
			default:
				t.Fatal(a.String("introspection while the disk is full"))
			}
		}
		for _, replica := range h.Replicas {
			for _, path := range []string{"/healthz", "/oauth2/jwks", "/.well-known/openid-configuration"} {
				if err := replica.probe(path); err != nil {
					t.Errorf("while the disk is full: %v", err)
				}
			}
		}
		if active == 0 {
			t.Errorf("of %d introspections none was answered", dark)
		}
		// Until it has no room for its log either, which ends it: PANIC: could not write to file "pg_wal/…".
		for range 100 {
			if _, err := h.Query(t.Context(), `select pg_logical_emit_message(true, 'ballast', repeat('x', 4000000))`); err != nil {
				break
			}
		}
		time.Sleep(time.Second)
		empty()
		began, ended := time.Now(), false
		within(t, 20*time.Second, "written again", func() bool {
			if h.DatabaseEnded() { // whoever runs it starts it again
				h.KillDatabase()
				h.StartDatabase()
				began, ended = time.Now(), true
			}
			return r.workers[0].machineToken().status == 200 && h.Replicas[0].Ready() && h.Replicas[1].Ready()
		})
		recovered := time.Since(began)
		time.Sleep(time.Second)
		tally := r.Take()
		tally.only(t, 10*time.Second, 503)
		t.Logf("PostgreSQL ended: %v; %d introspections answered and %d not; written again %v after there was room; answers %v; the slowest took %v (%s)",
			ended, active, dark, recovered, tally.Answers, tally.Slowest, tally.For)
	}
	acquit(t, r)
}

// TestOwnDiskFull gives replicas nowhere to write to: no log, no file of their own. They
// serve as ever, since all they keep is in the database.
func TestOwnDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	h := Open(t, Options{Replicas: 2, People: 2, Log: full})
	r := Record(t, &h.Site, 5*time.Millisecond)
	time.Sleep(2 * time.Second)
	r.Take().only(t, 5*time.Second)
	acquit(t, r)
}
