package faults

import (
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
// written is 503, also when PostgreSQL itself goes down over it, liveness does not
// notice, and with the room everything comes back. Nothing acknowledged is lost.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 && rounds(t, 0, 1) == 0 {
		t.Log("not root: make faults says so more loudly")
		return
	}
	disk, fill := smallDisk(t, "256m")
	h := Open(t, Options{Replicas: 2, People: 4, DataDir: filepath.Join(disk, "data")})
	r := Record(t, &h.Site, 5*time.Millisecond)
	for range rounds(t, 1, 5) {
		time.Sleep(time.Second)
		r.Take()
		empty := fill()
		within(t, 60*time.Second, "somebody is told", func() bool {
			r.log.mu.Lock()
			defer r.log.mu.Unlock()
			return r.log.tally.Answers[503] > 5
		})
		time.Sleep(2 * time.Second)
		for _, replica := range h.Replicas {
			if err := replica.probe("/healthz"); err != nil {
				t.Errorf("liveness while the disk is full: %v", err)
			}
		}
		empty()
		if h.DatabaseEnded() { // PANIC: could not write to file "pg_wal/…": whoever runs it starts it again
			t.Log("PostgreSQL ended over the full disk")
			h.KillDatabase()
			h.StartDatabase()
		}
		recovered := within(t, 10*time.Second, "written again", func() bool {
			return r.workers[0].machineToken().status == 200 && h.Replicas[0].Ready() && h.Replicas[1].Ready()
		})
		time.Sleep(time.Second)
		tally := r.Take()
		tally.only(t, 10*time.Second, 503)
		t.Logf("recovered %v after there was room; answers %v; the slowest took %v (%s)", recovered, tally.Answers, tally.Slowest, tally.For)
	}
	acquit(t, r)
}
