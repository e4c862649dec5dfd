package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what one request took: CPU and latency in milliseconds.
type result struct {
	server, database         float64
	rate, p50, p95, p99      float64
	statements, commits, wal float64
}

func (h *house) measure(ctx context.Context, s scenario, length time.Duration, profile string) (result, error) {
	requests := make([]func() error, connections)
	for n := range requests {
		w, err := dial(ctx, h.url)
		if err != nil {
			return result{}, err
		}
		defer func() { _ = w.conn.Close() }()
		if requests[n], err = s.prepare(h, w, n); err != nil {
			return result{}, err
		}
	}
	if _, err := repeat(requests, length/8); err != nil { // warm
		return result{}, err
	}
	before, err := h.count(ctx)
	if err == nil {
		err = h.clock(&before)
	}
	if err != nil {
		return result{}, err
	}
	profiled := make(chan error, 1)
	go func() { profiled <- h.profile(ctx, profile, s.name, length) }()
	began := time.Now()
	took, err := repeat(requests, length)
	elapsed := time.Since(began)
	if err := errors.Join(err, <-profiled); err != nil {
		return result{}, err
	}
	var cpu reading
	if err := h.clock(&cpu); err != nil {
		return result{}, err
	}
	after, err := h.count(ctx)
	if err != nil {
		return result{}, err
	}
	slices.Sort(took)
	n := float64(len(took))
	at := func(share float64) float64 { return milliseconds(took[int(share*(n-1))]) }
	return result{
		server: milliseconds(cpu.server-before.server) / n, database: milliseconds(cpu.database-before.database) / n,
		rate: n / elapsed.Seconds(), p50: at(.50), p95: at(.95), p99: at(.99),
		statements: (after.statements - before.statements) / n, commits: (after.commits - before.commits) / n, wal: (after.wal - before.wal) / n,
	}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// repeat sends requests, each connection its own one after the other, until the time
// is over, and says how long each took.
func repeat(requests []func() error, length time.Duration) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	end := time.Now().Add(length)
	for _, request := range requests {
		wg.Go(func() {
			var took []time.Duration
			var err error
			for begun := time.Now(); begun.Before(end) && err == nil; begun = time.Now() {
				err = request()
				took = append(took, time.Since(begun))
			}
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, took...), errors.Join(failed, err)
		})
	}
	wg.Wait()
	return all, failed
}

// profile has the server write down where its CPU time goes.
func (h *house) profile(ctx context.Context, dir, name string, length time.Duration) error {
	if dir == "" {
		return nil
	}
	query := url.Values{"seconds": {fmt.Sprint(max(1, int(length.Seconds())))}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.admin.String()+"/debug/pprof/profile?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	f, err := os.Create(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".pprof"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, response.Body)
	return errors.Join(err, f.Close())
}
