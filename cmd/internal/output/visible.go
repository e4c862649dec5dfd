package output

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// steers reports whether a terminal might obey a character instead of showing
// it: controls (C0, DEL and C1, where U+009B alone begins an escape sequence),
// what turns the direction of writing, and what breaks lines.
func steers(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// Visible shows as escapes what a terminal might obey, and bytes that are not UTF-8.
func Visible(s string) string { return visible(s, func(r rune) bool { return steers(r) }) }

// VisibleLines is [Visible] for a text that may have several lines, and tabs in them.
func VisibleLines(s string) string {
	return visible(s, func(r rune) bool { return r != '\n' && r != '\t' && steers(r) })
}

func visible(s string, hide func(rune) bool) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case hide(r):
			b.WriteString(escape(r))
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// escapeJSON does for a document what Visible does for a cell. Outside of texts
// a document is ASCII, and the encoder has escaped the ASCII controls in them.
func escapeJSON(document string) string {
	return visible(document, func(r rune) bool { return r >= utf8.RuneSelf && steers(r) || r == 0x7f })
}

// escape is the form that JSON has, so that both forms show the same.
func escape(r rune) string {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
