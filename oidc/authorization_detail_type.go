package oidc

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// judgeDetail holds a detail to its type: no member but the registered ones, each of
// its kind.
func judgeDetail(d storage.AuthorizationDetail, t storage.DetailType) error {
	members := maps.Clone(d)
	delete(members, "type")
	return judgeMembers(members, t.Fields)
}

func judgeMembers(members map[string]any, fields []storage.DetailField) error {
	known := 0
	for _, field := range fields {
		value, present := members[field.Name]
		if !present {
			if field.Required {
				return invalidDetails("A member of the authorization_details that their type demands is missing.")
			}
			continue
		}
		known++
		if err := judgeField(value, field); err != nil {
			return err
		}
	}
	if known != len(members) {
		return invalidDetails("The authorization_details have a member that their type does not know.")
	}
	return nil
}

var errDetailValue = invalidDetails("A member of the authorization_details has a value that its type does not allow.")

// judgeField goes no deeper than the type does.
func judgeField(value any, field storage.DetailField) error {
	switch field.Kind {
	case "string":
		if text, fits := value.(string); fits && (len(field.Values) == 0 || slices.Contains(field.Values, text)) {
			return nil
		}
	case "number":
		if _, fits := value.(float64); fits {
			return nil
		}
	case "boolean":
		if _, fits := value.(bool); fits {
			return nil
		}
	case "object":
		if members, fits := value.(map[string]any); fits {
			return judgeMembers(members, field.Fields)
		}
	case "strings", "objects":
		return judgeList(value, field)
	}
	return errDetailValue
}

// judgeList: a list that is empty says nothing, and neither does an element that comes
// again.
func judgeList(value any, field storage.DetailField) error {
	list, fits := value.([]any)
	if !fits || len(list) == 0 {
		return errDetailValue
	}
	element := field
	element.Kind = strings.TrimSuffix(field.Kind, "s")
	for i, one := range list {
		if err := judgeField(one, element); err != nil {
			return err
		}
		if slices.ContainsFunc(list[:i], func(earlier any) bool { return reflect.DeepEqual(earlier, one) }) {
			return errDetailValue
		}
	}
	return nil
}
