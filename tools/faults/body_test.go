package faults

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// resident is how many bytes of memory the replica's process holds.
func (r *Replica) resident() int {
	r.house.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.Process.Pid))
	if err != nil {
		r.house.t.Fatal(err)
	}
	kilobytes := 0
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes)
	}
	return kilobytes << 10
}

// stream sends a body of so many bytes, as fast as it is taken, and gives the status of the
// answer and how long it took until the server would have no more.
func (r *Replica) stream(path, media, bearer string, size int) (status int, took time.Duration, err error) {
	begun := time.Now()
	conn, err := net.Dial("tcp", r.Address)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(begun.Add(patience)); err != nil {
		return 0, 0, err
	}
	_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n{\"username\":\"", path, bearer, media, size)
	answer := make(chan []byte, 1)
	go func() {
		head := make([]byte, 12)
		n, _ := conn.Read(head)
		answer <- head[:n]
	}()
	for chunk, rest := bytes.Repeat([]byte("x"), 32<<10), size-13; err == nil && rest > 0; rest -= len(chunk) {
		_, err = conn.Write(chunk[:min(rest, len(chunk))])
	}
	if err == nil && size > 1<<20 {
		return 0, 0, fmt.Errorf("%s: all of %d bytes were taken", path, size)
	}
	took = time.Since(begun)
	_, _ = fmt.Sscanf(string(<-answer), "HTTP/1.1 %d", &status)
	return status, took, nil
}

// TestO1_LargeBodies: a body of ten megabytes is refused before it is there: within a second,
// and twenty of them at once cost the process less than one would if it were kept.
func TestO1_LargeBodies(t *testing.T) {
	h := Open(t, Options{Replicas: 1, People: 1})
	r, bearer := h.Replicas[0], only(t, h, 0).machineToken().text("access_token")
	const form = "application/x-www-form-urlencoded"
	doors := map[string]string{"/oauth2/token": form, "/oauth2/par": form, "/oauth2/introspect": form, "/oauth2/authorize": form, "/api/v1/users": "application/json"}
	flood := func(size int, refused bool) {
		t.Helper()
		var all sync.WaitGroup
		for path, media := range doors {
			for range 4 {
				all.Go(func() {
					if status, _, err := r.stream(path, media, bearer, size); err != nil || (status == http.StatusRequestEntityTooLarge) != refused {
						t.Errorf("%s: %d %v", path, status, err)
					}
				})
			}
		}
		all.Wait()
	}
	const large = 10_000_000
	// What so many callers take anyway, once garbage was collected and the process grows no more.
	before := 0
	for calm := 0; calm < 20; calm++ {
		flood(60_000, false)
		if now := r.resident(); now > before {
			before, calm = now, 0
		}
	}
	flood(large, true)
	after := r.resident()
	t.Logf("%d KiB before twenty bodies of ten megabytes, %d after", before>>10, after>>10)
	if after > before+large {
		t.Errorf("the process grew from %d to %d bytes", before, after)
	}
	for path, media := range doors {
		// Again while others use the machine.
		least := time.Hour
		for n := 0; n < 2 || n < 10 && least > time.Second; n++ {
			_, took, err := r.stream(path, media, bearer, large)
			if err != nil {
				t.Fatal(err)
			}
			least = min(least, took)
		}
		if least > time.Second {
			t.Errorf("%s: the connection was closed after %v", path, least)
		}
	}
}
