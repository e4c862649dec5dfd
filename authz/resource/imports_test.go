package resource

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Whoever protects a resource must not inherit a database driver or a protocol
// engine: beneath this package are authz, go-jose and the standard library.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{
		"github.com/gatehouse/gatehouse/authz",
		"github.com/gatehouse/gatehouse/authz/dpop",
		"github.com/gatehouse/gatehouse/authz/resource",
		"github.com/go-jose/go-jose/v4",
		"github.com/go-jose/go-jose/v4/cipher",
		"github.com/go-jose/go-jose/v4/json",
	}
	got := strings.Fields(string(out))
	for _, path := range got {
		if !slices.Contains(allowed, path) {
			t.Errorf("%s is beneath authz/resource", path)
		}
	}
	if !slices.Contains(got, allowed[0]) {
		t.Errorf("the list is not one of dependencies: %v", got)
	}
}
