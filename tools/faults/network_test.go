package faults

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// network is what lies between replicas and their database.
type network struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// reach puts a proxy before the socket of PostgreSQL, which has no other door.
func (n *network) reach(dsn string) string {
	n.t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		n.t.Fatal(err)
	}
	if n.proxy == nil {
		n.proxy = toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()),
			"database", "127.0.0.1:0", relay(n.t, u.Query().Get("host")+"/.s.PGSQL.5432"))
		if err := n.proxy.Start(); err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(n.proxy.Stop)
	}
	u.Host, u.RawQuery = n.proxy.Listen, "sslmode=disable"
	return u.String()
}

// relay leads from a TCP address to a socket.
func relay(t *testing.T, socket string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = in.Close() }()
				out, err := net.Dial("unix", socket)
				if err != nil {
					return
				}
				defer func() { _ = out.Close() }()
				go func() {
					_, _ = io.Copy(out, in)
					_ = out.(*net.UnixConn).CloseWrite()
				}()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return l.Addr().String()
}

// poison adds a toxic, in the words of toxiproxy; cure takes all away.
func (n *network) poison(toxic string) {
	n.t.Helper()
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *network) cure() { n.proxy.Toxics.ResetToxics(context.Background()) }

// alive asks for liveness until the context ends. It returns how long nineteen of
// twenty answers took at most: the rest is the machine's, which does other things too.
func alive(ctx context.Context, address string) time.Duration {
	var took []time.Duration
	for ctx.Err() == nil {
		begun := time.Now()
		response, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			return time.Hour
		}
		_ = response.Body.Close()
		took = append(took, time.Since(begun))
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(took)
	return took[len(took)*19/20]
}

// starve asks each of two replicas for sixty codes at once, of which they have twenty
// connections for, and counts who is told to come again, and how late the last one was.
func starve(w *worker) (refused int, last time.Duration) {
	begun := time.Now()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 120 {
		all.Go(func() {
			address, _ := w.authorization()
			a := w.get(address)
			mu.Lock()
			defer mu.Unlock()
			if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" || strings.Contains(a.header.Get("Location"), "temporarily_unavailable") {
				refused++
				last = time.Since(begun)
			}
		})
	}
	all.Wait()
	return refused, last
}

// TestO10_NetworkFaults: while connections to the database are reset, stall, trickle or
// answer five seconds late, no request hangs longer than ten seconds, what cannot be had
// is 503 with Retry-After, liveness does not notice, and the pool is back five seconds
// after the network.
func TestO10_NetworkFaults(t *testing.T) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics have a logger of their own
	n := &network{t: t}
	h := Open(t, Options{Replicas: 2, People: 4, Reach: n.reach})
	r := Record(t, &h.Site, 5*time.Millisecond)
	for _, fault := range []struct{ name, toxic string }{
		{"cut", ""},
		{"reset", `{"name":"reset","type":"reset_peer","stream":"upstream","attributes":{"timeout":50}}`},
		{"stalled", `{"name":"stalled","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`},
		{"five seconds late", `{"name":"late","type":"latency","stream":"downstream","attributes":{"latency":5000}}`},
		{"a kilobyte a second", `{"name":"slow","type":"bandwidth","stream":"downstream","attributes":{"rate":1}}`},
	} {
		r.Take()
		watched, stop := context.WithCancel(t.Context())
		slowest := make(chan time.Duration, 1)
		go func() { slowest <- alive(watched, h.Addresses[0]) }()
		if fault.toxic == "" {
			n.proxy.Stop()
		} else {
			n.poison(fault.toxic)
		}
		if fault.name == "five seconds late" {
			refused, last := starve(r.workers[0])
			t.Logf("of 120 at once %d were told to come again, the last after %v", refused, last)
			if refused < 60 || last > 10*time.Second {
				t.Errorf("of 120 at once %d were told to come again, the last after %v", refused, last)
			}
		}
		time.Sleep(time.Duration(rounds(t, 5, 20)) * time.Second)
		if fault.toxic == "" {
			if err := n.proxy.Start(); err != nil {
				t.Fatal(err)
			}
		} else {
			n.cure()
		}
		recovered := within(t, 5*time.Second, fault.name+": the pool", func() bool {
			begun := time.Now()
			return h.Replicas[0].Ready() && h.Replicas[1].Ready() && time.Since(begun) < time.Second
		})
		time.Sleep(time.Second)
		stop()
		live, tally := <-slowest, r.Take()
		t.Logf("%s: recovered in %v; liveness within %v; answers %v; the slowest took %v (%s)", fault.name, recovered, live, tally.Answers, tally.Slowest, tally.For)
		tally.only(t, 10*time.Second, 503)
		if tally.Answers[503] == 0 && fault.name != "a kilobyte a second" { // which is enough for some
			t.Errorf("%s: nobody noticed", fault.name)
		}
		if live > 100*time.Millisecond {
			t.Errorf("%s: liveness took %v", fault.name, live)
		}
	}
	acquit(t, r)
}
