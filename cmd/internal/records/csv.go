package records

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// csv is one line of RFC 4180. A quoted value ends on its line: what spans lines
// would let one missing quote swallow the rest of the file.
func (r *reader) csv(text []byte) (map[string]string, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	values, err := splitCSV(text)
	if r.header == nil {
		if err == nil {
			err = r.readHeader(values)
		}
		if err != nil {
			return nil, errors.Join(err, errHeader)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(values) != len(r.header) {
		return nil, problem(fmt.Sprintf("has %d values; the header has %d", len(values), len(r.header)))
	}
	fields := map[string]string{}
	for i, name := range r.header {
		if values[i] != "" {
			fields[name] = values[i]
		}
	}
	return fields, nil
}

func (r *reader) readHeader(names []string) error {
	for i, name := range names {
		names[i] = strings.ToLower(strings.TrimSpace(name))
		if err := r.known(names[i]); err != nil {
			return err
		}
		if slices.Contains(names[:i], names[i]) {
			return problem(fmt.Sprintf("has the column %q twice", names[i]))
		}
	}
	r.header = names
	return nil
}

func splitCSV(text []byte) ([]string, error) {
	c := csv.NewReader(bytes.NewReader(text))
	values, err := c.Read()
	switch {
	case errors.Is(err, csv.ErrQuote):
		return nil, problem("has a quote that does not close, or text beside it")
	case errors.Is(err, csv.ErrBareQuote):
		return nil, problem("has a quote within a value: put the value in quotes, and write the quote twice")
	case err != nil:
		return nil, problem("is not CSV")
	}
	if c.InputOffset() < int64(len(text)) {
		return nil, problem("has a line break within a value")
	}
	return values, nil
}
