package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/web/api"
)

// newRequest turns the parameters of an operation into a request, by the tags that
// the server reads them by. names is what the path says, for people: user "ann".
func newRequest(ctx context.Context, method, base, path string, in any) (r *http.Request, names []string, err error) {
	p := parameters{path: path, query: url.Values{}, header: http.Header{}}
	if err := p.read(reflect.ValueOf(in).Elem()); err != nil {
		return nil, nil, err
	}
	address := base + p.path
	if len(p.query) > 0 {
		address += "?" + p.query.Encode()
	}
	r, err = http.NewRequestWithContext(ctx, method, address, p.body)
	if err != nil {
		return nil, nil, err
	}
	r.Header = p.header
	r.Header.Set("Accept", "application/json, application/problem+json, "+api.LinesType)
	return r, p.names, nil
}

type parameters struct {
	path   string
	query  url.Values
	header http.Header
	body   io.Reader
	names  []string
}

func (p *parameters) read(in reflect.Value) error {
	for i := range in.NumField() {
		field, value := in.Type().Field(i), in.Field(i)
		text := textOf(value.Interface())
		switch {
		case field.Type == reflect.TypeFor[api.Upload]():
			p.body = value.Interface().(api.Upload).Content
		case field.Anonymous:
			if err := p.read(value); err != nil {
				return err
			}
		case field.Tag.Get("path") != "":
			name := field.Tag.Get("path")
			p.path = strings.Replace(p.path, "{"+name+"}", segment(text), 1)
			p.names = append(p.names, fmt.Sprintf("%s %q", name, text))
		case field.Name == "Body":
			document, err := json.Marshal(value.Interface())
			if err != nil {
				return fmt.Errorf("encode request: %w", err)
			}
			p.body = bytes.NewReader(document)
			p.header.Set("Content-Type", "application/json")
		case value.IsZero():
		case field.Tag.Get("query") != "":
			p.query.Set(field.Tag.Get("query"), text)
		case field.Tag.Get("header") != "":
			p.header.Set(field.Tag.Get("header"), text)
		}
	}
	return nil
}

// textOf is a parameter as the server reads it.
func textOf(value any) string {
	if at, ok := value.(time.Time); ok {
		return at.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(value)
}

// segment is a name as one segment of a path. A name of dots alone would be taken
// for a step upwards.
func segment(name string) string {
	if strings.Trim(name, ".") == "" {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}
