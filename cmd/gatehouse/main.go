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
	ctx, stop := untilAsked()
	code := run(ctx, os.Args[1:], &invocation{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr, environ: os.Environ(), now: time.Now, format: output.Table,
	})
	stop()
	os.Exit(code)
}

// untilAsked is a context that ends when the process is asked to. Asked a second time the
// process dies of the signal; that holds before anybody sees the context end, so nobody who
// saw the first request taken finds the second one ignored.
func untilAsked() (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(context.Background())
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-asked
		signal.Stop(asked)
		stop()
	}()
	return ctx, stop
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, i *invocation) int {
	root := newRootCommand(i)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	report(i.errs, err)
	return exitCode(err)
}
