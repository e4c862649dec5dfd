package gatehouse_test

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the test column of docs/security.md anew")

const securityPage = "docs/security.md"

var (
	attackTest = regexp.MustCompile(`(?m)^func (Test(?:[A-P][0-9]+_)+\w+)\(`)
	attackID   = regexp.MustCompile(`[A-P][0-9]+`)
	attackRow  = regexp.MustCompile(`^\| ([A-P][0-9]+) \|(.*)\|([^|]*)\|$`)
)

// TestSecurityPage holds docs/security.md to the tests: every attack that a test
// is named after stands there, and every row names the tests that there are.
func TestSecurityPage(t *testing.T) {
	tests := attackTests(t)
	page, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(page), "\n")
	listed := map[string]bool{}
	for i, line := range lines {
		row := attackRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		id := row[1]
		listed[id] = true
		if len(tests[id]) == 0 {
			t.Errorf("%s: no test is named after it", id)
		}
		lines[i] = "| " + id + " |" + row[2] + "| " + strings.Join(tests[id], "<br>") + " |"
	}
	for _, id := range slices.Sorted(maps.Keys(tests)) {
		if !listed[id] {
			t.Errorf("%s is tested by %v and has no row in %s", id, tests[id], securityPage)
		}
	}
	fresh := strings.Join(lines, "\n")
	switch {
	case *update:
		if err := os.WriteFile(securityPage, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	case fresh != string(page):
		t.Errorf("%s is stale: go test . -run TestSecurityPage -update", securityPage)
	}
}

// attackTests is the tests that are named after an attack, by its id.
func attackTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(name)
		for _, m := range attackTest.FindAllStringSubmatch(string(source), -1) {
			ids := strings.Split(m[1][len("Test"):], "_")
			for _, id := range ids {
				if attackID.FindString(id) != id {
					break
				}
				tests[id] = append(tests[id], "`"+path.Dir(name)+"` "+m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range tests {
		slices.Sort(names)
	}
	return tests
}
