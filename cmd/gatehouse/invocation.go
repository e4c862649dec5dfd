package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
)

// invocation is one run of the program: where it reads and writes, what it was
// given, and its clock.
type invocation struct {
	in        io.Reader
	out, errs io.Writer
	environ   []string
	now       func() time.Time
	// format is what --output asks for.
	format output.Format
}

// settings reads the configuration with the flags of a command on top.
func (i *invocation) settings(cmd *cobra.Command) (*config.Config, error) {
	return config.Load(cmd.Flags(), i.environ)
}

// print is where answers go, in the form that was asked for.
func (i *invocation) print() output.Printer { return output.Printer{To: i.out, Format: i.format} }

// logger writes to standard error, so that answers stay clean.
func (i *invocation) logger(c *config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(i.errs, options))
	}
	return slog.New(slog.NewTextHandler(i.errs, options))
}

// quiet is the logger of a command that ends by itself: its errors are reported
// once, as its result.
func (i *invocation) quiet(c *config.Config) *slog.Logger {
	if c.LogLevel <= slog.LevelDebug {
		return i.logger(c)
	}
	return slog.New(slog.DiscardHandler)
}
