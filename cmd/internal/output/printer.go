package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Format is the form of an answer. It is a flag value.
type Format string

// The forms of an answer.
const (
	Table Format = "table"
	JSON  Format = "json"
)

// String is the name of the form.
func (f *Format) String() string { return string(*f) }

// Set knows the two forms.
func (f *Format) Set(s string) error {
	switch given := Format(s); given {
	case Table, JSON:
		*f = given
		return nil
	}
	return fmt.Errorf("%.20q is neither table nor json", s)
}

// Type is what the help calls the value.
func (f *Format) Type() string { return "table|json" }

// Printer writes answers in one form.
type Printer struct {
	To     io.Writer
	Format Format
	// Nothing is what a table says that has no rows; "" says nothing.
	Nothing string
}

// One prints a struct: a JSON object, or a table of its fields.
func (p Printer) One(document any) error {
	if p.Format == JSON {
		return p.json(document)
	}
	t := newTable()
	for _, f := range fieldsOf(reflect.TypeOf(document), everything) {
		t.AppendRow(table.Row{f.title, cell(reflect.ValueOf(document).FieldByIndex(f.index))})
	}
	return p.render(t)
}

// Line prints one line of an answer that has no end: the document as JSON, or the
// text, of which nothing can be mistaken for a control of the terminal.
func (p Printer) Line(document any, text string) error {
	if p.Format == JSON {
		line, err := json.Marshal(document)
		if err != nil {
			return fmt.Errorf("encode answer: %w", err)
		}
		text = string(line)
	} else {
		text = Visible(text)
	}
	_, err := fmt.Fprintln(p.To, text)
	return err
}

// List prints a list: as the document that it came in, or as a table of the fields
// of its items without the tag table:"-". A next that is not empty is what asks for
// the page after this one.
func List[T any](p Printer, document any, items []T, next string) error {
	if p.Format == JSON {
		return p.json(document)
	}
	t := newTable()
	fields := fieldsOf(reflect.TypeFor[T](), inLists)
	header := table.Row{}
	for _, f := range fields {
		header = append(header, f.title)
	}
	t.AppendHeader(header)
	for _, d := range items {
		row := table.Row{}
		for _, f := range fields {
			row = append(row, cell(reflect.ValueOf(d).FieldByIndex(f.index)))
		}
		t.AppendRow(row)
	}
	if err := p.render(t); err != nil {
		return err
	}
	if len(items) == 0 && p.Nothing != "" {
		_, err := fmt.Fprintf(p.To, "\n%s\n", p.Nothing)
		return err
	}
	if next == "" {
		return nil
	}
	_, err := fmt.Fprintf(p.To, "\nThere is more: --after %s\n", Visible(next))
	return err
}

func (p Printer) json(document any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	_, err := io.WriteString(p.To, escapeJSON(b.String()))
	return err
}

func (p Printer) render(t table.Writer) error {
	// Columns are padded to equal width; the last one needs no padding.
	var b strings.Builder
	for line := range strings.SplitSeq(t.Render(), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(p.To, b.String())
	return err
}

func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	return t
}

// column is a field of a document as a table shows it.
type column struct {
	index []int
	title string
}

type selection bool

const (
	everything selection = false
	inLists    selection = true
)

func fieldsOf(t reflect.Type, which selection) []column {
	var columns []column
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || which == inLists && f.Tag.Get("table") == "-" {
			continue
		}
		columns = append(columns, column{f.Index, strings.ToUpper(strings.ReplaceAll(name, "_", " "))})
	}
	return columns
}
