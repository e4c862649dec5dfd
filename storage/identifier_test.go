package storage

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFoldIdentifier(t *testing.T) {
	tests := map[string][]string{
		"alice":             {"alice", "ALICE", "Alice", "  alice\t", "ａｌｉｃｅ", "\u00a0alice\u3000"},
		"alice@example.com": {"Alice@Example.COM"},
		"é":                 {"é", "É", "e\u0301", "E\u0301"},
		"kelvin":            {"\u212aelvin"},
		"strasse":           {"straße", "STRASSE", "STRAẞE"},
		"σισυφοσ":           {"σισυφος", "ΣΙΣΥΦΟΣ"},
		"a\ufffdb":          {"a\x00b", "a\xffb"},
		"":                  {"", " ", "\n"},
	}
	for want, spellings := range tests {
		for _, s := range spellings {
			if got := FoldIdentifier(s); got != want {
				t.Errorf("FoldIdentifier(%q) = %q, want %q", s, got, want)
			}
		}
	}
	if FoldIdentifier("alice") == FoldIdentifier("al ice") {
		t.Error("a space within a name vanished")
	}
}

func FuzzFoldIdentifier(f *testing.F) {
	for _, s := range []string{"Alice", "İ", "ß", "\u1fb3\u0345", "\u03b1\u0345\u0301", "ﬃ", "\u212b", "a\x00", "\xff", "\u1e9b\u0323", " \u00a0x", "\u037a", "㏎"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := FoldIdentifier(s)
		if again := FoldIdentifier(folded); again != folded {
			t.Errorf("folding %q twice: %q, then %q", s, folded, again)
		}
		if !utf8.ValidString(folded) || strings.Contains(folded, "\x00") {
			t.Errorf("FoldIdentifier(%q) = %q, which PostgreSQL refuses", s, folded)
		}
	})
}
