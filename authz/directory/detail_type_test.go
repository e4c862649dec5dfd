package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// deep is an object within an object, so many times.
func deep(levels int) storage.DetailField {
	f := storage.DetailField{Name: "leaf", Kind: "string"}
	for range levels {
		f = storage.DetailField{Name: "o", Kind: "object", Fields: []storage.DetailField{f}}
	}
	return f
}

// RFC 9396 §2: what a resource server can say of its types, and no more.
func TestDetailTypes(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	many := make([]storage.DetailField, 64)
	for i := range many {
		many[i] = storage.DetailField{Name: fmt.Sprint("f", i), Kind: "string"}
	}
	text := storage.DetailField{Name: "a", Kind: "string"}
	for name, test := range map[string]struct {
		fields []storage.DetailField
		good   bool
	}{
		"none":                     {nil, true},
		"each kind":                {[]storage.DetailField{{Name: "a", Kind: "string", Values: []string{"x"}}, {Name: "b", Kind: "strings"}, {Name: "c", Kind: "number"}, {Name: "d", Kind: "boolean"}, {Name: "e", Kind: "object", Fields: []storage.DetailField{text}}, {Name: "f", Kind: "objects", Fields: []storage.DetailField{{Name: "type", Kind: "string"}}}}, true},
		"as deep as can be":        {[]storage.DetailField{deep(3)}, true},
		"deeper":                   {[]storage.DetailField{deep(4)}, false},
		"as many as can be":        {many, true},
		"one more":                 {append(many[:64:64], storage.DetailField{Name: "more", Kind: "string"}), false},
		"one more, within":         {append(many[:63:63], deep(1)), false},
		"no name":                  {[]storage.DetailField{{Kind: "string"}}, false},
		"a long name":              {[]storage.DetailField{{Name: strings.Repeat("x", 101), Kind: "string"}}, false},
		"type":                     {[]storage.DetailField{{Name: "type", Kind: "string"}}, false},
		"a name twice":             {[]storage.DetailField{text, text}, false},
		"a name twice, within":     {[]storage.DetailField{{Name: "o", Kind: "object", Fields: []storage.DetailField{text, text}}}, false},
		"an unknown kind":          {[]storage.DetailField{{Name: "a", Kind: "date"}}, false},
		"an unknown kind, within":  {[]storage.DetailField{{Name: "o", Kind: "object", Fields: []storage.DetailField{{Name: "a", Kind: "date"}}}}, false},
		"an object without fields": {[]storage.DetailField{{Name: "o", Kind: "object"}}, false},
		"fields of a text":         {[]storage.DetailField{{Name: "a", Kind: "string", Fields: []storage.DetailField{text}}}, false},
		"values of a number":       {[]storage.DetailField{{Name: "a", Kind: "number", Values: []string{"1"}}}, false},
		"values of an object":      {[]storage.DetailField{{Name: "o", Kind: "object", Values: []string{"1"}, Fields: []storage.DetailField{text}}}, false},
		"more values than can be":  {[]storage.DetailField{{Name: "a", Kind: "string", Values: make([]string, 65)}}, false},
	} {
		identifier := fmt.Sprintf("https://%s.example", strings.NewReplacer(" ", "-", ",", "").Replace(name))
		_, err := v.CreateResource(ctx, host, directory.CreateResource{
			Identifier: identifier, Scopes: authz.ScopeSet{"agents:read"}, DetailTypes: []storage.DetailType{{Name: identifier, Fields: test.fields}},
		})
		var wrong *directory.InvalidError
		if test.good && err != nil || !test.good && (!errors.As(err, &wrong) || wrong.Field != "authorization_details_types") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
