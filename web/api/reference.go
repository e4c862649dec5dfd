package api

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// showReference is the document as a page: whoever may read the one may read the other.
func (a *API) showReference(w http.ResponseWriter, r *http.Request) {
	page := templates.Reference{Document: Prefix + "/openapi.json", Nouns: a.nouns()}
	if issuer, err := url.Parse(a.Issuer); err == nil {
		page.Layout.Host = issuer.Host
	}
	browser.Show(w, r, page, browser.Sending{Packed: true})
}

// nouns is the operations as they were registered, under what they are about.
func (a *API) nouns() []templates.ReferenceNoun {
	var all []templates.ReferenceNoun
	for _, route := range a.list {
		name := tag(route.Path)
		i := slices.IndexFunc(all, func(n templates.ReferenceNoun) bool { return n.Name == name })
		if i < 0 {
			i, all = len(all), append(all, templates.ReferenceNoun{Name: name})
		}
		o := templates.ReferenceOperation{ID: route.ID, Method: route.Method, Path: Prefix + route.Path, Summary: route.Summary, Values: a.values(route)}
		for _, scope := range route.AnyOf {
			o.Scopes = append(o.Scopes, string(scope))
		}
		all[i].Operations = append(all[i].Operations, o)
	}
	return all
}

// values is what an operation takes, as the document has it.
func (a *API) values(route Route) []templates.ReferenceValue {
	o := a.operationOf(route)
	if o == nil {
		return nil
	}
	var all []templates.ReferenceValue
	for _, p := range o.Parameters {
		all = append(all, templates.ReferenceValue{
			Name: p.Name, Place: p.In, Type: kind(p.Schema), Words: cmp.Or(p.Description, p.Schema.Description), Required: p.Required,
		})
	}
	if o.RequestBody == nil || o.RequestBody.Content["application/json"] == nil {
		return all
	}
	body := o.RequestBody.Content["application/json"].Schema
	if body.Ref != "" {
		body = a.huma.OpenAPI().Components.Schemas.SchemaFromRef(body.Ref)
	}
	var members []templates.ReferenceValue
	for name, member := range body.Properties {
		members = append(members, templates.ReferenceValue{
			Name: name, Place: "body", Type: kind(member), Words: member.Description, Required: slices.Contains(body.Required, name),
		})
	}
	slices.SortFunc(members, func(x, y templates.ReferenceValue) int { return cmp.Compare(x.Name, y.Name) })
	return append(all, members...)
}

func (a *API) operationOf(route Route) *huma.Operation {
	path := a.huma.OpenAPI().Paths[route.Path]
	if path == nil {
		return nil
	}
	return map[string]*huma.Operation{"GET": path.Get, "POST": path.Post, "PUT": path.Put, "PATCH": path.Patch, "DELETE": path.Delete}[route.Method]
}

// kind is a type in a word or two.
func kind(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, value := range s.Enum {
			words[i], _ = value.(string)
		}
		return strings.Join(words, ", ")
	case s.Type == "array":
		return "list of " + kind(s.Items)
	case s.Format != "":
		return s.Format
	}
	return s.Type
}
