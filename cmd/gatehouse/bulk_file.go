package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/gatehouse/gatehouse/cmd/internal/records"
	"github.com/gatehouse/gatehouse/storage"
)

// openSeekable opens a file that is read twice. Standard input goes to a file without
// a name first, for there may be passwords in it.
func (i *invocation) openSeekable(name string) (*os.File, error) {
	if name != "" && name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open users: %w", err)
		}
		return file, nil
	}
	if input, ok := i.in.(*os.File); ok {
		if about, err := input.Stat(); err == nil && about.Mode().IsRegular() {
			return os.Open(input.Name())
		}
	}
	file, err := os.CreateTemp("", "gatehouse-users-")
	if err != nil {
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	if err = os.Remove(file.Name()); err == nil {
		_, err = io.Copy(file, i.in)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	return file, nil
}

// sniff tells NDJSON from CSV by how the file begins.
func sniff(file io.ReadSeeker) (records.Format, error) {
	begin := make([]byte, 512)
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read users: %w", err)
	}
	n, err := io.ReadFull(file, begin)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return "", fmt.Errorf("read users: %w", err)
	}
	if bytes.HasPrefix(bytes.TrimSpace(begin[:n]), []byte("{")) {
		return records.NDJSON, nil
	}
	return records.CSV, nil
}

// duplicates remembers in which line a value stood first: sixteen bytes of each
// value's digest and the number, and so little that a million lines fit.
type duplicates map[[16]byte]int32

// line is where the value of a column stood before, 0 when it did not.
func (d duplicates) line(column, value string, now int) int {
	if value == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(column + "\x00" + storage.FoldIdentifier(value)))
	key := [16]byte(sum[:16])
	if first, ok := d[key]; ok {
		return int(first)
	}
	d[key] = int32(now)
	return 0
}

// progress is a bar on standard error, where that is a terminal.
type progress struct{ bar *progressbar.ProgressBar }

func (i *invocation) progress(what string, file *os.File) *progress {
	terminal, ok := i.errs.(*os.File)
	about, err := file.Stat()
	if !ok || err != nil || !isTerminal(terminal) {
		return &progress{}
	}
	return &progress{progressbar.NewOptions64(about.Size(), progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(terminal),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())}
}

func (p *progress) reading(from io.Reader) io.Reader {
	if p.bar == nil {
		return from
	}
	return io.TeeReader(from, p.bar)
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish() // a bar that cannot be drawn is no failure
	}
}
