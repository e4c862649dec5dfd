package storage

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// FoldIdentifier is the one form under which a user name or an e-mail address is
// found and kept unique: case-folded, normalised (NFKC) and trimmed, so that no
// spelling of a name is a second account or a second counter. Folding twice is
// folding once.
//
// What PostgreSQL cannot hold as text, a zero byte or invalid UTF-8, becomes
// U+FFFD: such an identifier belongs to nobody, and asking for it is no fault of
// the database.
func FoldIdentifier(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	// Unicode 3.13, D146: compatibility caseless matching folds twice, for what
	// normalising brings to light has a case of its own.
	s = norm.NFKD.String(cases.Fold().String(norm.NFD.String(s)))
	s = norm.NFKC.String(cases.Fold().String(s))
	return strings.TrimSpace(s)
}
