package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/web/api"
)

// errKept is the answer of a person who was asked, and did not agree.
var errKept = errors.New("nothing was changed: to agree, answer y")

// agreement asks a person before what cannot be taken back. A script is not asked: it has no
// terminal on standard input, and goes on as if it had said --yes.
type agreement struct {
	i   *invocation
	yes bool
}

// agreement gives the command the flag --yes.
func (i *invocation) agreement(cmd *cobra.Command) *agreement {
	a := &agreement{i: i}
	cmd.Flags().BoolVar(&a.yes, "yes", false, "Do not ask, on a terminal either")
	return a
}

// needed reports whether somebody sits there to be asked.
func (a *agreement) needed() bool { return !a.yes && isTerminal(a.i.in) }

// to asks for agreement to something, such as "Delete the user ann"; its error is [errKept],
// or that of a context that ends meanwhile.
func (a *agreement) to(ctx context.Context, what string) error {
	if !a.needed() {
		return nil
	}
	fmt.Fprintf(a.i.errs, "%s? [y/N] ", output.Visible(what))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.i.in).ReadString('\n') // what cannot be read is no agreement
		answer <- line
	}()
	select {
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return errKept
	case <-ctx.Done():
		fmt.Fprintln(a.i.errs)
		return errKept
	}
}

// isTerminal reports whether a stream is one that a person reads or types on.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// deletion makes a command that deletes what its argument names, after a person on a terminal
// has seen what that is. at is where it is found, what says in words what goes.
func deletion[P, T, I any](i *invocation, cmd *cobra.Command, at func(string) P, show api.Operation[P, T], what func(T) string, remove api.Operation[I, api.Outcome], in func(P) I) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	agreed := i.agreement(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		path := at(args[0])
		if agreed.needed() {
			seen, err := client.Call(ctx, o.api, show, path)
			if err != nil {
				return err
			}
			if err := agreed.to(ctx, "Delete "+what(seen)); err != nil {
				return err
			}
		}
		return one(ctx, o, remove, in(path))
	})
}

// with adds to the name of a thing what goes with it, and leaves out what there is none of.
func with(name string, parts ...string) string {
	var some []string
	for _, part := range parts {
		if part != "" {
			some = append(some, part)
		}
	}
	if len(some) == 0 {
		return name
	}
	return name + ", with " + strings.Join(some, ", ")
}

// number is a count of things, or "" for none.
func number(n int, thing string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
