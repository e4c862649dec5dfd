package page

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Form is the form on a page that has one of the fields: where it goes, and what
// it holds already.
func Form(page []byte, fields ...string) (action string, form url.Values) {
	doc, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		return "", nil
	}
	attribute := func(n *html.Node, name string) string {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
		return ""
	}
	for n := range doc.Descendants() {
		if n.Data != "form" {
			continue
		}
		action, form = attribute(n, "action"), url.Values{}
		for field := range n.Descendants() {
			if name := attribute(field, "name"); name != "" && attribute(field, "type") != "checkbox" {
				form.Set(name, attribute(field, "value"))
			}
		}
		for _, field := range fields {
			if form.Has(field) {
				return action, form
			}
		}
	}
	return "", url.Values{}
}
