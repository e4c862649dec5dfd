package templates

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func render(t *testing.T, page Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := Render(&out, page); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func document(t *testing.T, page Page) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(render(t, page)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func elements(doc *html.Node, names ...string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, n.Data)) {
			found = append(found, n)
		}
	}
	return found
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// everyPage is each struct empty, full, and as people meet it.
func everyPage() map[string]Page {
	all := samples()
	for _, page := range samples() {
		name := reflect.TypeOf(page).Name()
		all[name+" zero"] = reflect.Zero(reflect.TypeOf(page)).Interface().(Page)
		all[name+" full"] = filled(page, "words", true)
		all[name+" full, all false"] = filled(page, "words", false)
	}
	return all
}

// filled is a page of the same struct with s in every string, flag in every
// bool and two elements in every slice.
func filled(page Page, s string, flag bool) Page {
	v := reflect.New(reflect.TypeOf(page)).Elem()
	fill(v, s, flag)
	return v.Interface().(Page)
}

func fill(v reflect.Value, s string, flag bool) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(flag)
	case reflect.Int, reflect.Int64:
		v.SetInt(404)
	case reflect.Array:
		v.Index(0).SetUint(7)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), s, flag)
		fill(v.Index(1), s, flag)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), s, flag)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(noon))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), s, flag)
		}
	default:
		panic("fill: " + v.Type().String())
	}
}

func pageStructs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "template" {
				if receiver, ok := f.Recv.List[0].Type.(*ast.Ident); ok {
					names = append(names, receiver.Name)
				}
			}
		}
	}
	return names
}

func TestPagesAreAccessible(t *testing.T) {
	for name, page := range everyPage() {
		t.Run(name, func(t *testing.T) {
			doc := document(t, page)
			if lang := attr(elements(doc, "html")[0], "lang"); lang != "en" {
				t.Errorf("lang is %q", lang)
			}
			for _, once := range []string{"h1", "title", "main"} {
				found := elements(doc, once)
				if len(found) != 1 {
					t.Errorf("%d %s elements", len(found), once)
				} else if text(found[0]) == "" {
					t.Errorf("empty %s", once)
				}
			}
			ids, labelled := map[string]bool{}, map[string]bool{}
			for _, n := range elements(doc) {
				id := attr(n, "id")
				if id != "" && ids[id] {
					t.Errorf("id %q twice", id)
				}
				ids[id] = true
				if n.Data == "label" && text(n) != "" {
					labelled[attr(n, "for")] = true
				}
			}
			for _, n := range elements(doc) {
				switch n.Data {
				case "input":
					if attr(n, "type") != "hidden" && !labelled[attr(n, "id")] {
						t.Errorf("input %q has no label", attr(n, "name"))
					}
				case "button", "a", "summary", "th":
					if text(n) == "" {
						t.Errorf("empty %s", n.Data)
					}
				}
				for _, refers := range []string{"aria-describedby", "aria-labelledby"} {
					for _, target := range strings.Fields(attr(n, refers)) {
						if ids[target] {
							continue
						}
						t.Errorf("%s names %q, which is not there", refers, target)
					}
				}
			}
		})
	}
}

// TestA11_NothingInlineNothingForeign: the pages need no more than the policy
// in the package documentation, and ask no other host for anything.
func TestA11_NothingInlineNothingForeign(t *testing.T) {
	for name, page := range everyPage() {
		for _, n := range elements(document(t, page)) {
			// The one page that frames others: those that clients registered for it.
			if _, out := page.(SignedOut); out && n.Data == "iframe" {
				continue
			}
			// The one picture is the person's own, below /files (web/account).
			if _, own := page.(Profile); own && n.Data == "img" {
				continue
			}
			// The logo of a tenant, below /logos, and its colour, below /brand.
			if n.Data == "img" && attr(n, "class") == "logo" && attr(n, "alt") == "" {
				continue
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: <%s %s>", name, n.Data, a.Key)
				}
				loads := a.Key == "src" || a.Key == "srcset" || a.Key == "href" && n.Data != "a"
				if loads && !strings.HasPrefix(a.Val, "/static/"+contentHash()+"/") {
					t.Errorf("%s: <%s> loads %q", name, n.Data, a.Val)
				}
			}
			switch n.Data {
			case "style", "iframe", "object", "embed", "base", "img":
				t.Errorf("%s: <%s>", name, n.Data)
			case "script":
				if text(n) != "" {
					t.Errorf("%s: a script stands in the page", name)
				}
			case "a":
				if strings.Contains(attr(n, "href"), ":") && attr(n, "rel") != "noreferrer" {
					t.Errorf("%s: a link to %s without noreferrer", name, attr(n, "href"))
				}
			}
		}
	}
}

// TestH4_EveryFormCarriesItsTokens: every form posts, with the CSRF token; the
// one that leaves the house must not take the token along.
func TestH4_EveryFormCarriesItsTokens(t *testing.T) {
	for name, page := range samples() {
		for _, form := range elements(document(t, page), "form") {
			if attr(form, "method") != "post" {
				t.Errorf("%s: method %q", name, attr(form, "method"))
			}
			values := map[string]string{}
			for _, input := range elements(form, "input") {
				values[attr(input, "name")] = attr(input, "value")
			}
			if _, leaves := page.(FormPost); leaves {
				if _, found := values["csrf"]; found {
					t.Errorf("%s: the CSRF token leaves the house", name)
				}
				continue
			}
			if !strings.Contains(values["csrf"], "csrf") {
				t.Errorf("%s: form to %s has no CSRF token", name, attr(form, "action"))
			}
			if !strings.HasPrefix(attr(form, "action"), "/") {
				t.Errorf("%s: form to %q", name, attr(form, "action"))
			}
			paused := reflect.ValueOf(page).FieldByName("Flow").IsValid() && attr(form, "action") != "/logout" && attr(form, "action") != "/language"
			if _, found := values["flow"]; paused && found != (reflect.ValueOf(page).FieldByName("Flow").String() != "") {
				t.Errorf("%s: flow in the form to %s: %v", name, attr(form, "action"), found)
			}
		}
	}
}

// TestMarkupIsBalanced: the parser forgives everything, so the tags are counted
// before it can.
func TestMarkupIsBalanced(t *testing.T) {
	void := []string{"meta", "link", "input", "img", "br", "hr"}
	for name, page := range everyPage() {
		var open []string
		source := render(t, page)
		if !strings.HasPrefix(source, "<!doctype html>") {
			t.Errorf("%s does not begin with its doctype", name)
		}
		z := html.NewTokenizer(strings.NewReader(source))
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			tag, _ := z.TagName()
			switch {
			case kind == html.StartTagToken && !slices.Contains(void, string(tag)):
				open = append(open, string(tag))
			case kind == html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != string(tag) {
					t.Fatalf("%s: </%s> closes %v", name, tag, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: never closed: %v", name, open)
		}
	}
	for name, page := range samples() {
		// The parser empties a form that stands where none may.
		for _, form := range elements(document(t, page), "form") {
			if len(elements(form, "button")) == 0 {
				t.Errorf("%s: a form without a button", name)
			}
		}
	}
}

func TestPagesAreSmall(t *testing.T) {
	style, err := assets.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	if len(style) > 14_000 {
		t.Errorf("style.css has %d bytes", len(style))
	}
	for name, page := range samples() {
		if size := len(render(t, page)) + len(style); size > 30_000 {
			t.Errorf("%s: %d bytes with its style", name, size)
		}
	}
}
