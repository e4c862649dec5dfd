package records

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// Format is how records are written.
type Format string

// The formats.
const (
	CSV    Format = "csv"
	NDJSON Format = "ndjson"
	// Names is one value to a line, for the first of the columns.
	Names Format = "names"
)

// MaxLine is the longest line, in bytes.
const MaxLine = 64 << 10

// Record is one line. Problem is why it cannot be had, "" when it can.
type Record struct {
	Line    int
	Fields  map[string]string
	Problem string
}

// errHeader ends a reading: what follows a header that cannot be had means nothing.
var errHeader = errors.New("header")

// Read gives one record after the other, empty lines left out. The columns are those
// that a record may have. What makes all that follows unreadable is the last record,
// with its problem; the error is one of reading.
func Read(from io.Reader, format Format, columns []string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		r := &reader{lines: bufio.NewReaderSize(from, MaxLine+1), columns: columns}
		parse := map[Format]func([]byte) (map[string]string, error){CSV: r.csv, NDJSON: r.object, Names: r.name}[format]
		for {
			text, err := r.next()
			if errors.Is(err, io.EOF) {
				return
			}
			var wrong problem
			if err != nil && !errors.As(err, &wrong) {
				yield(Record{}, fmt.Errorf("read line %d: %w", r.line, err))
				return
			}
			record := Record{Line: r.line, Problem: string(wrong)}
			if err == nil {
				if record.Fields, err = parse(text); errors.As(err, &wrong) {
					record.Problem = string(wrong)
				}
			}
			ends := errors.Is(err, errHeader)
			if record.Fields == nil && record.Problem == "" {
				continue // a header, or an empty line
			}
			if !yield(record, nil) || ends {
				return
			}
		}
	}
}

// problem is why a line cannot be had, for the person who wrote it.
type problem string

func (p problem) Error() string { return string(p) }

type reader struct {
	lines   *bufio.Reader
	line    int
	columns []string
	// header is the columns of a CSV, once its first line was read.
	header []string
}

// next is the next line without its end; an error is [io.EOF], a problem, or a fault.
func (r *reader) next() ([]byte, error) {
	text, err := r.lines.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(text) > 0 {
		err = nil
	}
	r.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errors.Join(problem(fmt.Sprintf("is longer than %d KiB", MaxLine>>10)), r.skip())
	case err != nil:
		return nil, err
	}
	if r.line == 1 {
		if err := byteOrder(text); err != nil {
			return nil, errors.Join(err, errHeader)
		}
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if !utf8.Valid(text) || bytes.ContainsRune(text, 0) {
		return nil, problem("is not UTF-8 text: save the file as UTF-8")
	}
	return text, nil
}

// skip leaves the rest of a line behind.
func (r *reader) skip() error {
	for {
		switch _, err := r.lines.ReadSlice('\n'); {
		case err == nil, errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

func byteOrder(text []byte) error {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return problem("begins with a byte-order mark: save the file as UTF-8 without one")
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return problem("is UTF-16: save the file as UTF-8")
	}
	return nil
}

// name is a line that is one value.
func (r *reader) name(text []byte) (map[string]string, error) {
	value := bytes.TrimSpace(text)
	if len(value) == 0 {
		return nil, nil
	}
	return map[string]string{r.columns[0]: string(value)}, nil
}

func (r *reader) known(column string) error {
	if !slices.Contains(r.columns, column) {
		return problem(fmt.Sprintf("has a column %.40q; there are %v", column, r.columns))
	}
	return nil
}
