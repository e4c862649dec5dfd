package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// checkDetailTypes wants types of authorization details that can be told apart, each
// with members that can be judged (RFC 9396 §2).
func checkDetailTypes(types []storage.DetailType) error {
	const (
		field      = "authorization_details_types"
		mostTypes  = 32
		mostFields = 64
	)
	if len(types) > mostTypes {
		return invalid(field, "are more than %d", mostTypes)
	}
	seen := map[string]bool{}
	for _, t := range types {
		if t.Name == "" || len(t.Name) > 200 || strings.ContainsFunc(t.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return invalid(field, "each needs a type of 1 to 200 printable ASCII characters without spaces")
		}
		if seen[t.Name] {
			return invalid(field, "%q stands there twice", t.Name)
		}
		seen[t.Name] = true
		if err := checkName(field, t.Title); err != nil {
			return err
		}
		if n := countFields(t.Fields); n > mostFields {
			return invalid(field, "%q: more than %d fields, those of objects counted", t.Name, mostFields)
		}
		if err := checkDetailFields(field, t.Name, t.Fields, 1); err != nil {
			return err
		}
	}
	return nil
}

func countFields(fields []storage.DetailField) int {
	n := len(fields)
	for _, f := range fields {
		n += countFields(f.Fields)
	}
	return n
}

// checkDetailFields judges the members of a type, or of an object within it at a depth.
func checkDetailFields(field, of string, fields []storage.DetailField, depth int) error {
	const deepest, mostValues = 4, 64
	members := map[string]bool{}
	for _, f := range fields {
		isText, isObject := f.Kind == "string" || f.Kind == "strings", f.Kind == "object" || f.Kind == "objects"
		switch {
		case f.Name == "" || len(f.Name) > 100 || members[f.Name] || depth == 1 && f.Name == "type":
			return invalid(field, "%q: each field needs a name of its own, and none is called type", of)
		case !isText && !isObject && f.Kind != "number" && f.Kind != "boolean":
			return invalid(field, "%q: the kind of %s must be string, strings, number, boolean, object or objects", of, f.Name)
		case len(f.Values) > 0 && !isText:
			return invalid(field, "%q: values of %s are of use to string and strings alone", of, f.Name)
		case len(f.Values) > mostValues:
			return invalid(field, "%q: more than %d values of %s", of, mostValues, f.Name)
		case isObject && len(f.Fields) == 0 || !isObject && len(f.Fields) > 0:
			return invalid(field, "%q: object and objects have fields, and no other kind has: %s", of, f.Name)
		case isObject && depth == deepest:
			return invalid(field, "%q: %s is an object at a depth of more than %d", of, f.Name, deepest)
		}
		if err := checkDetailFields(field, of, f.Fields, depth+1); err != nil {
			return err
		}
		members[f.Name] = true
	}
	return nil
}

// checkOwnTypes: a type belongs to one resource server, or nobody could say which one
// a token with it is for.
func (s *Service) checkOwnTypes(ctx context.Context, a Actor, r storage.Resource) error {
	if len(r.DetailTypes) == 0 {
		return nil
	}
	catalogue, err := s.catalogue(ctx, a)
	if err != nil {
		return err
	}
	for _, other := range catalogue.Resources {
		for _, t := range other.DetailTypes {
			if other.Identifier != r.Identifier && slices.ContainsFunc(r.DetailTypes, func(own storage.DetailType) bool { return own.Name == t.Name }) {
				return invalid("authorization_details_types", "%q belongs to another resource server", t.Name)
			}
		}
	}
	return nil
}
