package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/jobs"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

type greeting struct{ N int }

func (greeting) Kind() string { return "greeting" }

type sweeping struct{}

func (sweeping) Kind() string { return "sweeping" }

// run does jobs on a replica until the test or stop ends it.
func run(t *testing.T, store *postgres.Store, entries ...jobs.Entry) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- jobs.Run(ctx, store, slog.New(slog.DiscardHandler), entries...) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing was done within 20 s")
		panic("unreachable")
	}
}

// A process whose database is gone again as soon as it has found it waits, and begins when
// it is back.
func TestRun_WaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	var away atomic.Bool
	var mu sync.Mutex
	var conns []net.Conn
	s := storagetest.Open(t, dsn, postgres.Options{DialFunc: func(ctx context.Context, network, address string) (net.Conn, error) {
		if away.Load() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("nobody is there")}
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
		}
		return conn, err
	}})
	if err := s.Enqueue(t.Context(), greeting{1}); err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	mu.Lock()
	for _, conn := range conns {
		_ = conn.Close()
	}
	mu.Unlock()
	done := make(chan int, 1)
	run(t, s, jobs.On(func(_ context.Context, g greeting) error { done <- g.N; return nil }))
	time.Sleep(500 * time.Millisecond)
	away.Store(false)
	if n := receive(t, done); n != 1 {
		t.Errorf("did %d", n)
	}
}

// Each job is done once, by one of the replicas.
func TestRun_OnceAcrossReplicas(t *testing.T) {
	t.Parallel()
	const n = 60
	dsn := storagetest.NewDSN(t)
	done := make(chan int, 3*n)
	var replicas []*postgres.Store
	for range 3 {
		s := storagetest.Open(t, dsn, postgres.Options{MaxConns: 6})
		replicas = append(replicas, s)
		run(t, s, jobs.On(func(_ context.Context, g greeting) error { done <- g.N; return nil }))
	}
	for i := range n {
		if err := replicas[i%3].Enqueue(t.Context(), greeting{i}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []int
	for range n {
		seen = append(seen, receive(t, done))
	}
	slices.Sort(seen)
	for i, g := range seen {
		if i != g {
			t.Fatalf("done: %v", seen)
		}
	}
	select {
	case again := <-done:
		t.Errorf("%d was done twice", again)
	case <-time.After(200 * time.Millisecond):
	}
}

// What fails is tried again; what is cancelled is not.
func TestRun_TriesAgain(t *testing.T) {
	t.Parallel()
	s := storagetest.New(t)
	attempts := make(chan int, 10)
	var failed atomic.Bool
	run(t, s, jobs.On(func(_ context.Context, g greeting) error {
		attempts <- g.N
		if g.N == 2 {
			return jobs.Cancel(errors.New("nobody to greet"))
		}
		if failed.CompareAndSwap(false, true) {
			return errors.New("hoarse")
		}
		return nil
	}))
	for _, n := range []int{2, 1} {
		if err := s.Enqueue(t.Context(), greeting{n}); err != nil {
			t.Fatal(err)
		}
	}
	counted := map[int]int{}
	for range 3 {
		counted[receive(t, attempts)]++
	}
	if counted[1] != 2 || counted[2] != 1 {
		t.Errorf("attempts: %v", counted)
	}
}

// A stop waits for what is running.
func TestRun_StopsGracefully(t *testing.T) {
	t.Parallel()
	s := storagetest.New(t)
	begun, let := make(chan bool), make(chan bool)
	var finished atomic.Bool
	stop := run(t, s, jobs.On(func(ctx context.Context, _ greeting) error {
		begun <- true
		<-let
		finished.Store(ctx.Err() == nil)
		return nil
	}))
	if err := s.Enqueue(t.Context(), greeting{}); err != nil {
		t.Fatal(err)
	}
	receive(t, begun)
	time.AfterFunc(200*time.Millisecond, func() { close(let) })
	stop()
	if !finished.Load() {
		t.Error("the job was cut short")
	}
}

// What is due is done once in its period, by whichever replica.
func TestEvery(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	done := make(chan bool, 10)
	const period = 1000 * time.Hour // in which the test stands, but for one moment in six weeks
	sweep := jobs.Every[sweeping](period, func(context.Context) error { done <- true; return nil })
	stop := run(t, storagetest.Open(t, dsn, postgres.Options{}), sweep)
	receive(t, done)
	stop()
	run(t, storagetest.Open(t, dsn, postgres.Options{}), sweep)
	select {
	case <-done:
		t.Error("done twice in one period")
	case <-time.After(2 * time.Second):
	}
}
