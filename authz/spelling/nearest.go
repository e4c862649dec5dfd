package spelling

import "strings"

// Nearest is the one of the names that differs least from what was given, in any case,
// or "" when none differs by a third of its letters or less.
func Nearest(given string, names []string) string {
	nearest, least := "", 1+len(given)/3
	for _, name := range names {
		if d := distance(strings.ToLower(given), strings.ToLower(name)); d < least {
			nearest, least = name, d
		}
	}
	return nearest
}

// distance counts the bytes to add, drop or change (Levenshtein).
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
