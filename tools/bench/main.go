// Command bench measures what each request costs: it runs the built server on a
// private PostgreSQL of its own, drives it over 16 connections, and prints one table
// of CPU time (server and database apart), rate, latency, statements, commits and
// bytes of write-ahead log, beside what signatures, one commit and one empty exchange
// cost on the same machine in the same minute.
//
//	bench [-binary bin/gatehouse] [-for 4s] [-only NAME] [-profile DIR]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

// connections is how many requests are under way at once.
const connections = 16

func main() {
	binary := flag.String("binary", "bin/gatehouse", "the server to measure")
	length := flag.Duration("for", 4*time.Second, "how long to measure each request")
	only := flag.String("only", "", "measure the requests alone whose names begin so")
	profile := flag.String("profile", "", "write a CPU profile of the server for each request into this directory")
	idle := flag.Bool("idle-server", false, "be the server that does nothing (the driver starts it)")
	flag.Parse()
	if *idle {
		serveNothing()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, *length, *only, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, length time.Duration, only, profile string) error {
	h, err := boot(ctx, binary)
	if err != nil {
		return err
	}
	defer h.close()
	floorsFor := min(length, 2*time.Second)
	before, err := measureFloors(ctx, h, floorsFor)
	if err != nil {
		return err
	}
	all := []floors{before}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "request\tserver ms\tPostgreSQL ms\tsignatures\ttimes the floor\tper second\tp50 ms\tp95 ms\tp99 ms\tSQL\tcommits\tWAL bytes\t")
	for _, s := range scenarios {
		if !strings.HasPrefix(s.name, only) {
			continue
		}
		r, err := h.measure(ctx, s, length, profile)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		// A shared machine changes its pace from minute to minute.
		after, err := measureFloors(ctx, h, floorsFor)
		if err != nil {
			return err
		}
		beside := mean([]floors{before, after})
		before, all = after, append(all, after)
		fmt.Fprintf(table, "%s\t%.3f\t%.3f\t%.1f\t%.1f\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t\n", s.name, r.server, r.database,
			(r.server+r.database)/beside.alone, (r.server+r.database)/s.least(beside), r.rate, r.p50, r.p95, r.p99, r.statements, r.commits, r.wal)
	}
	f := mean(all)
	fmt.Printf("One ES256 signature: %.3f ms alone, %.3f ms while every processor works; one check of it: %.3f ms. One durable commit: %.3f ms of PostgreSQL. One empty HTTP exchange: %.3f ms.\n\n",
		f.alone, f.signature, f.check, f.commit, f.exchange)
	return table.Flush()
}
