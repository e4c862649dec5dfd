package embedded

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
)

// tailLines is how much of what the server said last goes into the error when
// it does not start.
const tailLines = 10

// serverLog turns what PostgreSQL writes to its standard error into records.
// Settings keep statements, parameters and row values out of it (settings.go).
type serverLog struct {
	log     *slog.Logger
	partial []byte
	level   slog.Level
	tail    []string
}

// Write takes any piece of the stream; a record is made of each whole line.
func (l *serverLog) Write(p []byte) (int, error) {
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.line(string(line))
		l.partial = rest
	}
}

func (l *serverLog) line(line string) {
	level, text, ok := parseLogLine(line)
	if !ok {
		level = l.level // a message goes on over several lines
	}
	l.level = level
	if len(l.tail) == tailLines {
		l.tail = l.tail[1:]
	}
	l.tail = append(l.tail, text)
	l.log.Log(context.Background(), level, "postgres: "+text)
}

// last is what the server said last, as the reason why it ended.
func (l *serverLog) last() error {
	if len(l.tail) == 0 {
		return nil
	}
	return errors.New(strings.Join(l.tail, "\n"))
}

// parseLogLine reads "LEVEL:  text". An ERROR is a failed statement: whoever
// sent it has been told and judges it, so here it is detail.
func parseLogLine(line string) (level slog.Level, text string, ok bool) {
	severity, text, found := strings.Cut(line, ":  ")
	if !found {
		return slog.LevelDebug, line, false
	}
	switch severity {
	case "PANIC":
		return slog.LevelError, text, true
	case "FATAL", "WARNING":
		return slog.LevelWarn, text, true
	case "ERROR", "LOG", "INFO", "NOTICE":
		return slog.LevelDebug, text, true
	}
	return slog.LevelDebug, line, false
}
