package authz

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseScope(t *testing.T) {
	for _, text := range []string{"a", "user", "agents:read", "https://api.example.com/read", "!", "#[]~", strings.Repeat("x", 128)} {
		if scope, err := ParseScope(text); err != nil || string(scope) != text {
			t.Errorf("%q: %q, %v", text, scope, err)
		}
	}
	for _, text := range []string{
		"", " ", "a b", "a\tb", "a\nb", "a\x00", "é", "a\x7f", `a"b`, `a\b`, "*", "agents:*", "a*b", strings.Repeat("x", 129),
	} {
		if scope, err := ParseScope(text); !errors.Is(err, ErrInvalidScope) || scope != "" {
			t.Errorf("%q: %q, %v", text, scope, err)
		}
	}
}

func TestParseScopeSet(t *testing.T) {
	for text, want := range map[string]ScopeSet{
		"":                      nil,
		"   ":                   nil,
		"user":                  {"user"},
		" user  agents:read ":   {"user", "agents:read"},
		"user agents:read user": {"user", "agents:read"},
	} {
		if got, err := ParseScopeSet(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"user *", "user\tagents:read", "user\nadmin", `user "`} {
		if got, err := ParseScopeSet(text); !errors.Is(err, ErrInvalidScope) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestParsePattern(t *testing.T) {
	for _, text := range []string{"user", "agents:read", "*", "agents:*", "agents:sub:*"} {
		if p, err := ParsePattern(text); err != nil || string(p) != text {
			t.Errorf("%q: %q, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "**", "a*", "agents*", ":*", "*:*", "a*:*", "agents:**", "*a", "a b:*", "é:*", "a*b", "* "} {
		if p, err := ParsePattern(text); !errors.Is(err, ErrInvalidScope) || p != "" {
			t.Errorf("%q: %q, %v", text, p, err)
		}
	}
}

func TestPatternMatches(t *testing.T) {
	for _, test := range []struct {
		pattern Pattern
		scope   Scope
		want    bool
	}{
		{"user", "user", true}, {"user", "users", false}, {"users", "user", false}, {"User", "user", false},
		{"agents:*", "agents:read", true}, {"agents:*", "agents:sub:read", true}, {"agents:*", "agents:", true},
		{"agents:*", "agents", false}, {"agents:*", "agentsx:read", false}, {"agents:*", "tools:read", false},
		{"*", "anything", true}, {"*", "openid", true},
		{"*", "admin", false}, {"*", "billing", false}, {"*", "users:manage", false}, {"users:*", "users:manage", false},
		{"users:*", "users:read", true}, {"admin", "admin", true}, {"users:manage", "users:manage", true},
		// A pattern is no scope, so nothing holds it.
		{"*", "*", false}, {"agents:*", "agents:*", false}, {"*", "agents:*", false},
	} {
		if got := test.pattern.Matches(test.scope); got != test.want {
			t.Errorf("%q holds %q: %v", test.pattern, test.scope, got)
		}
	}
}

func TestLiteral(t *testing.T) {
	if got := Literal([]Pattern{"user", "*", "agents:*", "user", "admin"}); got.String() != "user admin" {
		t.Errorf("got %q", got)
	}
}

func TestScopeSetKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) ScopeSet {
			var set ScopeSet
			for _, s := range rapid.SliceOf(rapid.SampledFrom([]Scope{"a", "b", "c", "d"})).Draw(t, label) {
				set = set.With(s)
			}
			return set
		}
		a, b := draw("a"), draw("b")
		both := a.Intersect(b)
		for _, s := range []Scope{"a", "b", "c", "d"} {
			if both.Has(s) != (a.Has(s) && b.Has(s)) {
				t.Fatalf("%s ∩ %s = %s", a, b, both)
			}
		}
		if !a.HasAll(both...) || !b.HasAll(both...) {
			t.Fatalf("%s is not in both %s and %s", both, a, b)
		}
		again, err := ParseScopeSet(a.String())
		if err != nil || !slices.Equal(again, a) {
			t.Fatalf("%q reads as %q, %v", a, again, err)
		}
		// Two sets that grow from one must not write into each other.
		e, f := a.With("e"), a.With("f")
		if !e.Has("e") || e.Has("f") || !f.Has("f") || f.Has("e") {
			t.Fatalf("%s and %s share memory", e, f)
		}
	})
}

func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"user", "agents:*", "*", "a b", "", "\"", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scope, err := ParseScope(text)
		if err != nil {
			if scope != "" || !errors.Is(err, ErrInvalidScope) {
				t.Errorf("%q: %q, %v", text, scope, err)
			}
			return
		}
		// A scope can stand in a parameter and in a quoted-string, as it is.
		if string(scope) != text || strings.ContainsAny(text, " *\"\\\r\n\x00") || len(text) > maxScopeLength {
			t.Errorf("%q was accepted", text)
		}
		if p, err := ParsePattern(text); err != nil || !p.Matches(scope) {
			t.Errorf("%q as a pattern: %q, %v", text, p, err)
		}
		if set, err := ParseScopeSet(text); err != nil || !slices.Equal(set, ScopeSet{scope}) {
			t.Errorf("%q as a set: %q, %v", text, set, err)
		}
	})
}

func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{"user", "agents:*", "*", "**", ":*", "a*b", "a:*:*"} {
		f.Add(seed, "agents:read")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		p, err := ParsePattern(text)
		if err != nil {
			if p != "" || !errors.Is(err, ErrInvalidScope) {
				t.Errorf("%q: %q, %v", text, p, err)
			}
			return
		}
		if strings.Count(text, "*") > 1 || strings.Contains(strings.TrimSuffix(text, "*"), "*") {
			t.Errorf("%q was accepted", text)
		}
		scope, err := ParseScope(other)
		if err == nil && p.Matches(scope) && text != other && (scope.Reserved() || !strings.HasSuffix(text, "*")) {
			t.Errorf("%q holds %q", p, scope)
		}
		if all, err := ParsePatterns(text + " " + text); err != nil || !slices.Equal(all, []Pattern{p}) {
			t.Errorf("%q twice: %q, %v", text, all, err)
		}
	})
}
