package templates

import (
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

var hostile = []string{
	`"><svg onload=alert(1)>`, `'><img src=x onerror=alert(1)>`, `</title><script>alert(1)</script>`, `</pre></p></form><form action=//evil.example>`,
	`javascript:alert(1)`, `data:text/html,<script>alert(1)</script>`, `//evil.example/x`, ` onmouseover=alert(1) x=`, "`onfocus=alert(1)", `<!--`, `]]>`,
	`{{.CSRF}}`, "a\x00b\r\nc", "\u202egnp.exe", "\xff\xfe", `&lt;script&gt;`,
}

// shape is a page's elements and attribute names, in order, without any value.
func shape(doc *html.Node) string {
	var b strings.Builder
	for _, n := range elements(doc) {
		b.WriteString("<" + n.Data)
		for _, a := range n.Attr {
			b.WriteString(" " + a.Key)
		}
		b.WriteString(">")
	}
	return b.String()
}

// TestA12_A14_F13_NoTextBecomesMarkup puts each payload into every string of
// every page: the page must keep the shape that harmless words give it.
func TestA12_A14_F13_NoTextBecomesMarkup(t *testing.T) {
	for _, page := range samples() {
		want := shape(document(t, filled(page, "words", true)))
		for _, payload := range hostile {
			doc := document(t, filled(page, payload, true))
			if got := shape(doc); got != want {
				t.Errorf("%T with %q:\n got %s\nwant %s", page, payload, got, want)
			}
			for _, n := range elements(doc, "a", "form", "button") {
				for _, name := range []string{"href", "action", "formaction"} {
					if v := strings.ToLower(attr(n, name)); strings.HasPrefix(v, "javascript:") || strings.HasPrefix(v, "data:") {
						t.Errorf("%T: %s=%q", page, name, v)
					}
				}
			}
		}
	}
}

// TestF13_ClientLinks: a client's own addresses are links over https only.
func TestF13_ClientLinks(t *testing.T) {
	for _, address := range []string{"", "http://plain.example/", "javascript:alert(1)", "//host.example", "/path", "https:", "https:///x", "https://user@host.example/", "HTTPS\t://x", "ftp://x.example"} {
		page := Consent{Client: Client{Name: "x", Policy: address, Terms: address}}
		if links := elements(document(t, page), "a"); len(links) != 0 {
			t.Errorf("%q became %d links", address, len(links))
		}
	}
	links := elements(document(t, Consent{Client: sampleClient}), "a")
	if len(links) != 2 {
		t.Fatalf("%d links, want 2", len(links))
	}
	for _, link := range links {
		if !strings.HasPrefix(attr(link, "href"), "https://northwind.example/") || attr(link, "rel") != "noreferrer" {
			t.Errorf("link %v", link.Attr)
		}
	}
}

// TestA12_FormPostFields: names and values arrive exactly as given, in order.
func TestA12_FormPostFields(t *testing.T) {
	fields := []Field{{"state", `"><svg onload>`}, {"code", "a&b=c;<d>"}, {"submit", "x"}, {"iss", "https://id.example.com"}}
	form := elements(document(t, FormPost{Action: "https://app.example/cb?x=1&y=%20", Fields: fields}), "form")[0]
	if attr(form, "id") != "form-post" || attr(form, "action") != "https://app.example/cb?x=1&y=%20" {
		t.Errorf("form %v", form.Attr)
	}
	var got []Field
	for _, input := range elements(form, "input") {
		got = append(got, Field{attr(input, "name"), attr(input, "value")})
	}
	if !reflect.DeepEqual(got, fields) {
		t.Errorf("fields %q, want %q", got, fields)
	}
}

// TestA14_DescriptionIsCut: an error page cannot be made to tell a story.
func TestA14_DescriptionIsCut(t *testing.T) {
	page := render(t, Error{Status: 400, Description: strings.Repeat("é", 5000)})
	if n := strings.Count(page, "é"); n != 300 {
		t.Errorf("%d characters of the description are shown", n)
	}
}
