package storage

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// FoldIdentifier is the one form under which a user name or an e-mail address is
// found and kept unique: trimmed, case-folded and normalised (NFKC), so that no
// spelling of a name is a second account or a second counter.
func FoldIdentifier(s string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(s))))
}
