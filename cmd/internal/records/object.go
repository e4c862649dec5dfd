package records

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// object is one line of NDJSON: an object of texts and booleans. null is a member
// that is not there.
func (r *reader) object(text []byte) (map[string]string, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, problem("is not a JSON object")
	}
	fields, seen := map[string]string{}, map[string]bool{}
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, problem("is not a JSON object")
		}
		if err := r.known(name); err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, problem(fmt.Sprintf("has %q twice", name))
		}
		seen[name] = true
		value, err := d.Token()
		if err != nil {
			return nil, problem("is not a JSON object")
		}
		switch v := value.(type) {
		case nil:
		case string:
			fields[name] = v
		case bool:
			fields[name] = strconv.FormatBool(v)
		default:
			return nil, problem(fmt.Sprintf("has %q, which is neither text nor true or false", name))
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, problem("is not a JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, problem("has something behind its object")
	}
	return fields, nil
}
