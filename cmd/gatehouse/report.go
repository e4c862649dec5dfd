package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/cmd/internal/remote"
	"github.com/gatehouse/gatehouse/storage"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitRefused = 3
)

// usageError is a command that was called wrongly.
type usageError struct {
	cmd *cobra.Command
	err error
}

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case refused(err):
		return exitRefused
	}
	return exitFailure
}

// refused tells what may not be done from what did not work.
func refused(err error) bool {
	return errors.Is(err, directory.ErrForbidden) || errors.Is(err, client.ErrRefused) || errors.Is(err, remote.ErrRefused)
}

// report writes an error as one sentence, and what to do about it.
func report(to io.Writer, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(to, "gatehouse: %s\n", output.VisibleLines(err.Error()))
	if hint := advice(err); hint != "" {
		fmt.Fprintln(to, hint)
	}
}

// advice is what to do about an error whose own text cannot know it.
func advice(err error) string {
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return fmt.Sprintf("Run \"%s --help\" to see how it is called.", usage.cmd.CommandPath())
	case errors.Is(err, storage.ErrUnavailable):
		return "Check GATEHOUSE_DATABASE_URL, and that PostgreSQL is running and takes connections."
	}
	return ""
}
