package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// canary counts who reaches a server on this machine.
func canary(t *testing.T) (port string, hits *atomic.Int64) {
	t.Helper()
	hits = &atomic.Int64{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			_ = c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, hits
}

func TestF6_NothingInsideIsReached(t *testing.T) {
	port, hits := canary(t)
	c := New(false)
	for _, host := range []string{
		"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "127.255.255.254",
		"localhost", "LOCALHOST", "localhost.", "0.0.0.0", "0", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::1%25lo]", "１２７.0.0.1", "127。0。0。1",
	} {
		for _, scheme := range []string{"https", "http"} {
			_, err := c.Get(t.Context(), scheme+"://"+host+":"+port+"/jwks.json", "application/json")
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s://%s: %v", scheme, host, err)
			}
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections were made to this machine", n)
	}
}

func TestF6_WhatIsNotPublic(t *testing.T) {
	for _, inside := range []string{
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8",
		"198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
		"::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:1::",
	} {
		if public(netip.MustParseAddr(inside)) {
			t.Errorf("%s passes for public", inside)
		}
	}
	for _, outside := range []string{"1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::200e"} {
		if !public(netip.MustParseAddr(outside)) {
			t.Errorf("%s does not pass for public", outside)
		}
	}
}

// A name may resolve to a public address when it is checked and to a private one
// when it is dialled: so it is the dialled one that is judged.
func TestF6_RebindingIsJudgedAtTheDial(t *testing.T) {
	c := New(false)
	if err := c.Check("https://rebound.example/jwks.json"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1:443", "[::1]:443", "10.0.0.7:443", "[fd00::1]:443"} {
		if c.judge("tcp", address, nil) == nil {
			t.Errorf("%s may be dialled", address)
		}
	}
	if err := c.judge("tcp", "93.184.216.34:443", nil); err != nil {
		t.Error(err)
	}
}

func TestF6_NoRedirectIsFollowed(t *testing.T) {
	var hits atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer target.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, status)
		}))
		if _, err := New(true).Get(t.Context(), s.URL, "application/json"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%d: %v", status, err)
		}
		s.Close()
	}
	if hits.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestF6_AnswersAreSmall(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := MaxBody
		if r.URL.Path == "/large" {
			size++
		}
		_, _ = w.Write(make([]byte, size))
	}))
	defer s.Close()
	if answer, err := New(true).Get(t.Context(), s.URL, "*/*"); err != nil || len(answer.Body) != MaxBody {
		t.Errorf("%d bytes, %v", len(answer.Body), err)
	}
	if _, err := New(true).Get(t.Context(), s.URL+"/large", "*/*"); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestF7_OneSentenceForEverything(t *testing.T) {
	port, _ := canary(t)
	// The least of twenty tells what the answer costs, whatever else the machine does.
	took := map[string]time.Duration{}
	text := func(address string) (sentence string) {
		took[address] = time.Hour
		for range 20 {
			begun := time.Now()
			_, err := New(false).Get(t.Context(), address, "*/*")
			took[address] = min(took[address], time.Since(begun))
			sentence, _, _ = strings.Cut(err.Error(), ":")
		}
		return sentence
	}
	open, closed := text("https://127.0.0.1:"+port), text("https://127.0.0.1:1")
	if apart := took["https://127.0.0.1:"+port] - took["https://127.0.0.1:1"]; apart.Abs() > 5*time.Millisecond {
		t.Errorf("an open port is told from a closed one by %v", apart)
	}
	if open != closed || open != ErrUnavailable.Error() {
		t.Errorf("%q and %q", open, closed)
	}
}

func TestF8_SlowServersHoldUpThemselvesAlone(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-release
	}))
	defer slow.Close()
	defer close(release)
	c := New(true)
	var all sync.WaitGroup
	began := time.Now()
	for range maxInFlight + 8 {
		all.Go(func() {
			if _, err := c.Get(t.Context(), slow.URL, "*/*"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("a drip was an answer: %v", err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > 2*Deadline+2*time.Second {
		t.Errorf("%v", took)
	}
}

func TestCheck(t *testing.T) {
	for _, bad := range []string{
		"", "/x", "//a.example", "http://a.example", "ftp://a.example", "https:a.example", "https://", "https://:443", "https://u:p@a.example", "https://a.example/#f",
		"https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1", "javascript:alert(1)", "https://a.example:port",
	} {
		if New(false).Check(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
	for _, good := range []string{"https://a.example", "https://a.example:8443/x?y=z", "https://93.184.216.34/"} {
		if err := New(false).Check(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("https://a.example/x")
	f.Add("https://[::1%25lo]:8")
	f.Fuzz(func(t *testing.T, address string) {
		if New(false).Check(address) != nil {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() == "" {
			t.Errorf("%q passes", address)
		}
	})
}

// clock is a time that moves when it is told to.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.at.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d / time.Second)) }

func TestCache(t *testing.T) {
	var hits atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := hits.Add(1)
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=600")
		fmt.Fprint(w, n)
	}))
	defer s.Close()
	var at clock
	cache := NewCache(New(true), "text/plain", func(a Answer) (string, error) { return string(a.Body), nil }, at.now)
	expect := func(get func() (string, error), value string, total int64) {
		t.Helper()
		if got, err := get(); err != nil || got != value || hits.Load() != total {
			t.Errorf("%q after %d requests, %v; want %q after %d", got, hits.Load(), err, value, total)
		}
	}
	get := func() (string, error) { return cache.Get(t.Context(), s.URL) }
	refresh := func() (string, error) { return cache.Refresh(t.Context(), s.URL) }
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _, _ = get() })
	}
	all.Wait()
	expect(get, "1", 1)
	expect(refresh, "1", 1)
	at.advance(2 * time.Minute)
	expect(get, "1", 1)
	expect(refresh, "2", 2)
	at.advance(11 * time.Minute)
	expect(get, "3", 3)
	// F8: a failure is remembered too.
	for range 3 {
		if _, err := cache.Get(t.Context(), s.URL+"/broken"); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	}
	if hits.Load() != 4 {
		t.Errorf("a failure was asked for again: %d", hits.Load())
	}
	// Unless it must not be.
	cache.Forget(s.URL + "/broken")
	cache.Forget(s.URL + "/unknown")
	if _, err := cache.Get(t.Context(), s.URL+"/broken"); !errors.Is(err, ErrUnavailable) || hits.Load() != 5 {
		t.Errorf("a failure that was forgotten: %v after %d requests", err, hits.Load())
	}
}

func TestLifetime(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": keepLeast, "max-age=600": 10 * time.Minute, "public, max-age=\"600\"": 10 * time.Minute, "max-age=999999999": keepMost,
		"no-store": keepLeast, "max-age=600, no-cache": keepLeast, "max-age=-5": keepLeast, "max-age=x": keepLeast, "max-age=0": keepLeast,
	} {
		if got := lifetime(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
