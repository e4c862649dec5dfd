package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatehouse/gatehouse/cmd/internal/output"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second time it is asked to end, it ends at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], &invocation{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr, environ: os.Environ(), now: time.Now, format: output.Table,
	})
	stop()
	os.Exit(code)
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, i *invocation) int {
	root := newRootCommand(i)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	report(i.errs, err)
	return exitCode(err)
}
