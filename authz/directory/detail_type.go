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
		field     = "authorization_details_types"
		mostTypes = 32
		most      = 64
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
		if len(t.Fields) > most {
			return invalid(field, "%q: more than %d fields", t.Name, most)
		}
		members := map[string]bool{"type": true}
		for _, f := range t.Fields {
			switch {
			case f.Name == "" || len(f.Name) > 100 || members[f.Name]:
				return invalid(field, "%q: each field needs a name of its own, and none is called type", t.Name)
			case !slices.Contains([]string{"string", "strings", "number", "boolean"}, f.Kind):
				return invalid(field, "%q: the kind of %s must be string, strings, number or boolean", t.Name, f.Name)
			case len(f.Values) > 0 && f.Kind != "string" && f.Kind != "strings":
				return invalid(field, "%q: values of %s are of use to string and strings alone", t.Name, f.Name)
			case len(f.Values) > most:
				return invalid(field, "%q: more than %d values of %s", t.Name, most, f.Name)
			}
			members[f.Name] = true
		}
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
