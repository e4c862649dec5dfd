package oidc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// DetailQuestion is an authorization detail in words.
type DetailQuestion struct {
	Title, Resource string
	// Members are names and values, by name.
	Members [][2]string
}

func describedDetails(catalogue *postgres.Catalogue, details []storage.AuthorizationDetail) []DetailQuestion {
	questions := make([]DetailQuestion, len(details))
	for i, d := range details {
		t, owner, _ := detailType(catalogue, d.Type())
		q := DetailQuestion{Title: t.Title, Resource: owner.Name}
		if q.Title == "" {
			q.Title = d.Type()
		}
		if q.Resource == "" {
			q.Resource = owner.Identifier
		}
		members := maps.Clone(d)
		delete(members, "type")
		q.Members = describedMembers(nil, "", members)
		questions[i] = q
	}
	return questions
}

// describedMembers adds names and values in the order of the names; a member of an object
// is told behind the name of the object, and one of several behind its place.
func describedMembers(all [][2]string, within string, members map[string]any) [][2]string {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		all = describedValue(all, within+legible(name), members[name])
	}
	return all
}

func describedValue(all [][2]string, name string, value any) [][2]string {
	switch value := value.(type) {
	case map[string]any:
		return describedMembers(all, name+" › ", value)
	case []any:
		if _, areObjects := value[0].(map[string]any); !areObjects {
			break
		}
		for i, element := range value {
			all = describedValue(all, name+" "+strconv.Itoa(i+1), element)
		}
		return all
	}
	return append(all, [2]string{name, detailText(value)})
}

func detailText(value any) string {
	switch value := value.(type) {
	case []any:
		texts := make([]string, len(value))
		for i, element := range value {
			texts[i] = detailText(element)
		}
		return strings.Join(texts, ", ")
	case float64:
		text, _ := json.Marshal(value)
		return string(text)
	}
	return legible(fmt.Sprint(value))
}

// legible puts a sign where a character would hide, or turn the direction of writing
// around: what a person agrees to looks like what it is. Joiners stay, for names need them.
func legible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\u200c' || r == '\u200d' {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
