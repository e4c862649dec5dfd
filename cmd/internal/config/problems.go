package config

import (
	"errors"
	"fmt"
	"strings"
)

// Problems is everything that is wrong with the settings, each with what to do.
type Problems struct{ list []error }

func (p *Problems) add(format string, args ...any) {
	p.list = append(p.list, fmt.Errorf(format, args...))
}

func (p *Problems) orNil() error {
	if len(p.list) == 0 {
		return nil
	}
	return p
}

// Unwrap lets [errors.Is] look at each.
func (p *Problems) Unwrap() []error { return p.list }

// Error is one line for one problem, and a list for several.
func (p *Problems) Error() string {
	if len(p.list) == 1 {
		return p.list[0].Error()
	}
	return fmt.Sprintf("%d problems with the settings:\n  - %s",
		len(p.list), strings.ReplaceAll(errors.Join(p.list...).Error(), "\n", "\n  - "))
}

func settingKeys() []string {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	return keys
}

func variableNames() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.variable())
	}
	return append(names, fileVariable)
}

// didYouMean names the one of the names that is nearest, if one is near.
func didYouMean(given string, names []string) string {
	nearest, least := "", 1+len(given)/3
	for _, name := range names {
		if d := distance(strings.ToLower(given), strings.ToLower(name)); d < least {
			nearest, least = name, d
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", nearest)
}

// distance counts the letters to add, drop or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
