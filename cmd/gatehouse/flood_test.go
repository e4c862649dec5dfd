package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// flood is what one connection of HTTP/2 sends without end: frame writes the nth of it. The
// server cuts it off where each frame would cost it something; where none does, what comes is
// bounded by the line alone.
type flood struct {
	name  string
	cut   bool
	frame func(f *http2.Framer, n uint32, request []byte) error
}

var floods = []flood{
	{"requests that are taken back at once (CVE-2023-44487)", true, func(f *http2.Framer, n uint32, request []byte) error {
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: request, EndStream: true, EndHeaders: true}); err != nil {
			return err
		}
		return f.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
	}},
	{"headers that never end (CVE-2023-45288)", true, func(f *http2.Framer, n uint32, request []byte) error {
		if n == 0 {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: request, EndStream: true})
		}
		// One header of no worth, which HPACK has in seven bytes, again and again.
		return f.WriteContinuation(1, false, bytes.Repeat([]byte("\x00\x01x\x03yyy"), 2000))
	}},
	{"empty continuations", false, func(f *http2.Framer, n uint32, request []byte) error {
		if n == 0 {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: request, EndStream: true})
		}
		return f.WriteContinuation(1, false, nil)
	}},
	{"questions whose answers nobody reads (CVE-2019-9512)", true, func(f *http2.Framer, n uint32, _ []byte) error {
		return f.WritePing(false, [8]byte{byte(n)})
	}},
	{"settings whose receipts nobody reads (CVE-2019-9515)", false, func(f *http2.Framer, _ uint32, _ []byte) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 16})
	}},
}

// TestO9_Floods: whatever a connection is flooded with, no more than a hundred of its
// requests are worked on at once, nothing piles up, and everybody else is answered.
func TestO9_Floods(t *testing.T) { // alone: it weighs the whole process
	var inside, most, worked atomic.Int64
	done := make(chan struct{})
	address := serveTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/flood" {
			return
		}
		now := inside.Add(1)
		defer inside.Add(-1)
		worked.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		<-done // what a database does is not taken back
	}))
	t.Cleanup(func() { close(done) })
	dial := func() *tls.Conn {
		t.Helper()
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	var request bytes.Buffer
	encoder := hpack.NewEncoder(&request)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/flood"}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			t.Fatal(err)
		}
	}
	others := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	typical := func() time.Duration {
		t.Helper()
		took := make([]time.Duration, 9)
		for i := range took {
			begun := time.Now()
			response, err := others.Get("https://" + address)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			took[i] = time.Since(begun)
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	// What is kept of a flood is weighed while it holds on, and once what was sent before is
	// worked off: what is allocated while the collector looks counts as in use.
	var flooding sync.Mutex
	heap := func() uint64 {
		for range 100 { // who waits for longer waits in a write, and sends nothing either
			if flooding.TryLock() {
				defer flooding.Unlock()
				break
			}
			time.Sleep(time.Millisecond)
		}
		var m runtime.MemStats
		for range 200 {
			before := m.TotalAlloc
			time.Sleep(10 * time.Millisecond)
			if runtime.ReadMemStats(&m); m.TotalAlloc-before < 256<<10 {
				break
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	alone, empty := typical(), heap()
	for _, flood := range floods {
		conn := dial()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		out := bufio.NewWriterSize(conn, 16<<10)
		framer := http2.NewFramer(out, nil)
		if _, err := io.WriteString(out, http2.ClientPreface); err != nil {
			t.Fatal(err)
		}
		if err := framer.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		var sent atomic.Uint32
		ended := make(chan error, 1)
		go func() {
			for {
				flooding.Lock()
				err := flood.frame(framer, sent.Add(1)-1, request.Bytes())
				flooding.Unlock()
				if err != nil {
					ended <- err
					return
				}
			}
		}()
		// On a machine that others load as well, what it takes alone counts too; and what was
		// sent before the pause may be under way still.
		beside, limit := typical(), max(100*time.Millisecond, 10*alone)
		full, bound := heap(), empty+10<<20
		for range 5 {
			if beside > limit {
				beside = typical()
			}
			if full > bound {
				full = heap()
			}
		}
		if beside > limit {
			t.Errorf("beside %s a request took %v, and %v without; want at most %v", flood.name, beside, alone, limit)
		}
		if full > bound {
			t.Errorf("%s: %d MiB were kept", flood.name, (full-empty)>>20)
		}
		if !flood.cut {
			_ = conn.Close()
		}
		if err := <-ended; isTimeout(err) {
			t.Errorf("%s: not cut off after %d: %v", flood.name, sent.Load(), err)
		}
		_ = conn.Close()
		t.Logf("%s: %d frames; a request beside them took %v, %v without", flood.name, sent.Load(), beside, alone)
	}
	if most.Load() > 100 || worked.Load() == 0 {
		t.Errorf("of %d requests %d were worked on at once", worked.Load(), most.Load())
	}
}
