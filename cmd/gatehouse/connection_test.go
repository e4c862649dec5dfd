package main

import (
	"strings"
	"testing"
)

func TestSplitPassword(t *testing.T) {
	for dsn, want := range map[string][2]string{
		"postgres://u@h/d": {"postgres://u@h/d", ""},
		"postgres://u:p%40ss@h:5432/d?sslmode=verify-full": {"postgres://u@h:5432/d?sslmode=verify-full", "p@ss"},
		"postgresql://h/d?user=u&password=x%26y":           {"postgresql://h/d?user=u", "x&y"},
		"postgres://u@/d?host=%2Frun%2Fpg&sslpassword=x":   {"postgres://u@/d?host=%2Frun%2Fpg", ""},
		"host=h user=u password=x dbname=d":                {"host=h user=u dbname=d", "x"},
		`host=h password='x y\'z' dbname = d`:              {"host=h dbname=d", "x y'z"},
		`password=a\ b`:                                    {"", "a b"},
		"password='unclosed":                               {"", ""},
		"postgres://u:p@h:port/d":                          {"", ""},
	} {
		rest, password := splitPassword(dsn)
		if rest != want[0] || password != want[1] {
			t.Errorf("%s: %q and %q, want %q", dsn, rest, password, want)
		}
	}
}

func FuzzSplitPassword(f *testing.F) {
	f.Add("postgres://u:%s@h/d", "hunter2hunter2")
	f.Add("host=h password='%s' dbname=d", "x y")
	f.Add("host=h  password = %s", "x")
	f.Fuzz(func(t *testing.T, form, password string) {
		if len(password) < 8 || strings.Count(form, "%s") != 1 || strings.Trim(password, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return
		}
		before, after, _ := strings.Cut(form, "%s")
		if !strings.HasSuffix(strings.TrimRight(before, " "), "password=") || strings.Contains(before+after, password) {
			return
		}
		if rest, _ := splitPassword(before + password + after); strings.Contains(rest, "password="+password) {
			t.Errorf("%q keeps its password: %q", form, rest)
		}
	})
}
