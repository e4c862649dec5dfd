package gatehouse_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestConformancePage holds docs/conformance.md to tests that exist, and every row
// of its tables to at least one.
func TestConformancePage(t *testing.T) {
	exist := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := os.ReadFile(name)
		for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
			exist[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`)
	for _, name := range named.FindAllString(string(page), -1) {
		if !exist[name] {
			t.Errorf("%s is no test", name)
		}
	}
	rows := 0
	for _, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasSuffix(line, "| test |") {
			continue
		}
		rows++
		if !named.MatchString(line) {
			t.Errorf("without a test: %s", line)
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows were found", rows)
	}
}
