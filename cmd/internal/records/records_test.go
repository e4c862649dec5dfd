package records

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var columns = []string{"user", "username", "email", "disabled"}

func read(t testing.TB, format Format, text string) []Record {
	t.Helper()
	var all []Record
	for record, err := range Read(strings.NewReader(text), format, columns) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, record)
	}
	return all
}

func TestRead(t *testing.T) {
	t.Parallel()
	type fields = map[string]string
	for _, tt := range []struct {
		name   string
		format Format
		text   string
		want   []Record
	}{
		{"nothing", CSV, "", nil},
		{"a header alone", CSV, "username,email\n", nil},
		{"plain", CSV, "username,email\nann,ann@example.com\n", []Record{{Line: 2, Fields: fields{"username": "ann", "email": "ann@example.com"}}}},
		{"no line end, CRLF, empty lines, an empty value", CSV, "Username, email\r\n\r\nann,\r\n\nbob,b@c.de", []Record{
			{Line: 3, Fields: fields{"username": "ann"}}, {Line: 5, Fields: fields{"username": "bob", "email": "b@c.de"}}}},
		{"quotes that belong", CSV, "username,email\n\"a,\"\"nn\",e\n", []Record{{Line: 2, Fields: fields{"username": `a,"nn`, "email": "e"}}}},
		{"a quote that does not close", CSV, "username,email\n\"ann,e\nbob,f\n", []Record{
			{Line: 2, Problem: "has a quote that does not close, or text beside it"}, {Line: 3, Fields: fields{"username": "bob", "email": "f"}}}},
		{"a bare quote", CSV, "username,email\na\"nn,e\n", []Record{{Line: 2, Problem: "has a quote within a value: put the value in quotes, and write the quote twice"}}},
		{"too few values", CSV, "username,email\nann\n", []Record{{Line: 2, Problem: "has 1 values; the header has 2"}}},
		{"a byte-order mark", CSV, "\xef\xbb\xbfusername,email\nann,e\n", []Record{{Line: 1, Problem: "begins with a byte-order mark: save the file as UTF-8 without one"}}},
		{"UTF-16", CSV, "\xff\xfeu\x00s\x00", []Record{{Line: 1, Problem: "is UTF-16: save the file as UTF-8"}}},
		{"Latin-1", CSV, "username,email\nzo\xeb,e\nann,e\n", []Record{
			{Line: 2, Problem: "is not UTF-8 text: save the file as UTF-8"}, {Line: 3, Fields: fields{"username": "ann", "email": "e"}}}},
		{"a column of nobody", CSV, "username,is_admin\nann,1\n", []Record{{Line: 1, Problem: `has a column "is_admin"; there are [user username email disabled]`}}},
		{"a column twice", CSV, "email,email\n", []Record{{Line: 1, Problem: `has the column "email" twice`}}},
		{"objects", NDJSON, "{\"username\":\"ann\",\"disabled\":true,\"email\":null}\n\n{\"user\":\"b\"}", []Record{
			{Line: 1, Fields: fields{"username": "ann", "disabled": "true"}}, {Line: 3, Fields: fields{"user": "b"}}}},
		{"not objects", NDJSON, "[1]\n{\"user\":1}\n{\"user\":{}}\n{\"user\":\"a\",\"user\":\"b\"}\n{\"user\":\"a\"}{}\n{\"user\":\"a\"\n{\"x\":1}\n", []Record{
			{Line: 1, Problem: "is not a JSON object"}, {Line: 2, Problem: `has "user", which is neither text nor true or false`},
			{Line: 3, Problem: `has "user", which is neither text nor true or false`}, {Line: 4, Problem: `has "user" twice`},
			{Line: 5, Problem: "has something behind its object"}, {Line: 6, Problem: "is not a JSON object"},
			{Line: 7, Problem: `has a column "x"; there are [user username email disabled]`}}},
		{"names", Names, " ann \n\nbob@example.com", []Record{{Line: 1, Fields: fields{"user": "ann"}}, {Line: 3, Fields: fields{"user": "bob@example.com"}}}},
	} {
		if diff := cmp.Diff(tt.want, read(t, tt.format, tt.text)); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

// A line of ten megabytes is refused, and what follows is read, in little memory.
func TestRead_LongLine(t *testing.T) {
	t.Parallel()
	text := "username,email\n" + strings.Repeat("x", 10<<20) + ",e\nann,e\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := read(t, CSV, text)
	runtime.ReadMemStats(&after)
	want := []Record{{Line: 2, Problem: "is longer than 64 KiB"}, {Line: 3, Fields: map[string]string{"username": "ann", "email": "e"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("reading took %d bytes of memory", grown)
	}
}

// FuzzRead: whatever the bytes, each record has a line of its own and either a
// problem or fields that were asked for, in UTF-8; and no problem repeats a value.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"username,email\nann,ann@example.com\n", "\xef\xbb\xbfuser\n", "user\n\"a\nb\"\n", "{\"user\":\"a\"}\n", "{\"user\":{\"user\":1}}", "a\r\n\x00\n", "\xff\xfe",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []Format{CSV, NDJSON, Names} {
			last := 0
			for _, record := range read(t, format, text) {
				if record.Line <= last || record.Line > bytes.Count([]byte(text), []byte("\n"))+1 {
					t.Fatalf("%s: line %d after line %d", format, record.Line, last)
				}
				last = record.Line
				if (record.Problem == "") == (record.Fields == nil) {
					t.Fatalf("%s: neither fields nor a problem, or both: %+v", format, record)
				}
				for name, value := range record.Fields {
					if !strings.Contains(fmt.Sprint(columns), name) || !utf8.ValidString(value) {
						t.Fatalf("%s: %q = %q", format, name, value)
					}
				}
			}
		}
	})
}
